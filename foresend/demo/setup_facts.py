"""What setting up took: seconds, as the Makefile noted them, and megabytes that were fetched, from the lock file."""

import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import product
from pathlib import Path
from typing import Any

from foresend.local.jars import default_folder

CHECKOUT = Path(__file__).parents[2]
SECONDS_FILES = (".uv/setup_s", ".venv/setup_s", ".jars/setup_s")
"""Written by the steps of `make setup`, each with its own seconds."""
LOCK_FILE = "uv.lock"


def setup_s(checkout: Path = CHECKOUT) -> float | None:
    """Seconds that the steps of `make setup` took when each was last done; None where it was not set up so."""
    try:
        return sum(float((checkout / name).read_text()) for name in SECONDS_FILES)
    except (FileNotFoundError, ValueError):
        return None


def download_mb(checkout: Path = CHECKOUT, jars: Path | None = None) -> float | None:
    """Megabytes that a setup fetches: the locked packages that are installed here, and the jars.

    Not in it: uv, and Maven's own plugins. None where there is no lock file or a package of it has no size.
    """
    try:
        lock = tomllib.loads((checkout / LOCK_FILE).read_text())
    except FileNotFoundError:
        return None
    sizes = [_size_of(package) for package in lock["package"] if "registry" in package.get("source", {})]
    if any(size is None for size in sizes):
        return None
    folder = default_folder() if jars is None else jars
    jar_bytes = sum(jar.stat().st_size for jar in folder.glob("*/*.jar"))
    return (sum(size for size in sizes if size is not None) + jar_bytes) / 1e6


def _size_of(package: dict[str, Any]) -> int | None:
    """Bytes of the file from which a package was installed; 0 where it is not; None where the lock does not tell."""
    try:
        installed = distribution(package["name"])
    except PackageNotFoundError:
        return 0
    if installed.version != package["version"]:
        return 0
    tags = set(_tags_of(installed))
    for wheel in package.get("wheels", ()):
        if tags & set(tags_of_file(wheel["url"].rpartition("/")[2])):
            return _bytes(wheel)
    return _bytes(package.get("sdist", {}))


def _bytes(file: dict[str, Any]) -> int | None:
    size = file.get("size")
    return size if isinstance(size, int) else None


def _tags_of(installed: Distribution) -> Iterator[str]:
    """The tags of the wheel that was installed, as it tells them itself; some tell several of them in one line."""
    for line in (installed.read_text("WHEEL") or "").splitlines():
        if line.startswith("Tag: "):
            yield from tags_of_file(line.removeprefix("Tag: ").strip())


def tags_of_file(name: str) -> Iterable[str]:
    """All tags that a wheel's file name stands for (PEP 425).

    >>> sorted(tags_of_file("x-1.0-py2.py3-none-any.whl"))
    ['py2-none-any', 'py3-none-any']
    """
    parts = name.removesuffix(".whl").split("-")[-3:]
    return ("-".join(tag) for tag in product(*(part.split(".") for part in parts)))
