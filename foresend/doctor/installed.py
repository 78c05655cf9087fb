"""Whether this Python, the packages and the extras are those that the code was written for."""

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from foresend.doctor.findings import Finding, fault, fine

PROJECT = "foresend"
PYTHON = (3, 11)
EXTRAS = {"flink": "pyflink", "train": "keras"}
"""A module of each extra, by which one sees whether it is there."""


def python(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """The version of Python: apache-flink is built for one."""
    check, expected = "python", ".".join(map(str, PYTHON))
    found = f"{'.'.join(map(str, version))} at {sys.executable}"
    if version == PYTHON:
        return fine(check, found, expected)
    return fault(check, found, expected, f"install Python {expected} (with venv), and run `make setup` with it")


def packages() -> Finding:
    """Every package that all programs need, in a version that suits."""
    check, expected = "packages", "every package of pyproject.toml, in its version"
    wanted = [one for one in _requirements() if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [words for one in wanted if (words := _wrong(one))]
    if not wrong:
        return fine(check, f"{len(wanted)} packages", expected)
    return fault(check, "; ".join(wrong), expected, "run `make setup`, or install the package foresend once more")


def extra(name: str, prefix: Path = Path(sys.prefix)) -> Finding:
    """One extra, in this environment or in the one beside it (`.venv-<extra>`) where its command goes on.

    prefix  of this environment
    """
    check = f"extra.{name}"
    wanted = [one for one in _requirements() if one.marker and _is_of(one, name)]
    expected = ", ".join(f"{one.name} {one.specifier}".strip() for one in wanted)
    mend = f"run `make setup`, or install `foresend[{name}]`"
    beside = prefix.parent / f".venv-{name}" / "bin" / PROJECT
    if find_spec(EXTRAS[name]) is None:
        if beside.exists():
            return fine(check, f"an environment of its own: {beside.parents[1]}", expected)
        return fault(check, f"no module {EXTRAS[name]} here, and no {beside}", expected, mend)
    wrong = [words for one in wanted if (words := _wrong(one))]
    if wrong:
        return fault(check, "; ".join(wrong), expected, mend)
    return fine(check, ", ".join(f"{one.name} {metadata.version(one.name)}" for one in wanted), expected)


@cache
def _requirements() -> tuple[Requirement, ...]:
    return tuple(Requirement(line) for line in metadata.requires(PROJECT) or ())


def _is_of(requirement: Requirement, name: str) -> bool:
    """Whether it is needed with the extra only."""
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": name}) and not marker.evaluate({"extra": ""})


def _wrong(requirement: Requirement) -> str:
    """What is wrong with a package; nothing where it suits."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement.name} {version}, not {requirement.specifier}"


def installed(extras: Iterable[str]) -> Iterator[Finding]:
    """Python, packages, and these extras."""
    yield python()
    yield packages()
    for name in extras:
        yield extra(name)
