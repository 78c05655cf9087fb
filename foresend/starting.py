"""A workspace to begin with: the shipped starter, under a name of one's own."""

import re
from pathlib import Path

import templates
from schemas.errors import ConfigError

STARTER = Path(templates.__file__).parent / "starter_workspace"
"""A small workspace that is valid as it stands; its files tell a newcomer what they are for."""
_ID = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def start_workspace(folder: Path) -> list[Path]:
    """Write a fresh workspace, named as its folder; returns its files, the settings first.

    Raises:
        ConfigError: the name is none, or something stands there already.
    """
    name = folder.name
    if not _ID.fullmatch(name):
        raise ConfigError(
            f"{name!r}: expected a name of lower case letters, digits, - and _, beginning with a letter, such as shop"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} exists already: choose another name, or remove it")
    written = []
    for source in sorted(STARTER.rglob("*"), key=lambda path: (len(path.parts), path)):
        if source.is_file():
            target = folder / source.relative_to(STARTER)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_named(source.read_text("utf-8"), name), "utf-8")
            written.append(target)
    return written


def _named(text: str, name: str) -> str:
    """A file of the starter with its own name in place of the starter's: as host, as id, and as people read it."""
    host = name.replace("_", "-").strip("-")
    brand = name.replace("_", " ").replace("-", " ").title().strip()
    lines = []
    for line in text.split("\n"):
        named = line.replace("starter.example", f"{host}.example").replace("starter", name).replace("Starter", brand)
        words, mark, comment = named.partition("  # ")
        column = line.find("  # ")
        lines.append(words.rstrip().ljust(column) + mark + comment.lstrip() if mark and words.strip() else named)
    return "\n".join(lines)
