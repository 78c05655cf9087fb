"""Dockerfiles as data: instructions in their order, by stages. What ours do not use (heredocs, ONBUILD) is refused."""

import json
import re
import shlex
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

KNOWN = frozenset(
    {"FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "ENTRYPOINT", "CMD", "EXPOSE", "VOLUME", "LABEL", "HEALTHCHECK"}
)


class UnknownInstruction(Exception):
    """One that this reader would pass over."""


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    keyword  in capitals
    flags    `--from=build` and the like, in front of the rest
    text     the rest, lines joined
    line     where it begins
    """

    keyword: str
    flags: tuple[str, ...]
    text: str
    line: int

    @property
    def words(self) -> list[str]:
        """The rest as words: of its JSON form, or as a shell splits it."""
        return list(json.loads(self.text)) if self.text.startswith("[") else shlex.split(self.text)

    @property
    def pairs(self) -> dict[str, str]:
        """Of ENV and LABEL: name and value."""
        return {name: value for name, _, value in (word.partition("=") for word in self.words)}

    def flag(self, name: str) -> str:
        """The value of `--name=value`; empty: not given."""
        return next((one.partition("=")[2] for one in self.flags if one.startswith(f"--{name}=")), "")


@dataclass(frozen=True)
class Stage:
    """What stands between one FROM and the next."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]


def stages(file: Path) -> list[Stage]:
    """The stages of a Dockerfile, in their order."""
    found: list[Stage] = []
    for one in instructions(file.read_text(encoding="utf-8")):
        if one.keyword == "FROM":
            base, *rest = one.words
            found.append(Stage(rest[1] if rest else str(len(found)), base, ()))
        else:
            last = found[-1]
            found[-1] = Stage(last.name, last.base, (*last.instructions, one))
    return found


def instructions(text: str) -> list[Instruction]:
    """Each instruction, with continued lines joined and comments left out.

    Raises:
        UnknownInstruction: one that is not among KNOWN, or has a heredoc.
    """
    found, begun, begun_at = [], "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        begun_at = begun_at if begun else number
        begun += line.strip().removesuffix("\\")
        if not line.rstrip().endswith("\\"):
            found.append(_instruction(begun, begun_at))
            begun = ""
    return found


def _instruction(text: str, line: int) -> Instruction:
    keyword, _, rest = text.partition(" ")
    if keyword.upper() not in KNOWN or "<<" in rest:
        raise UnknownInstruction(f"line {line}: {text}")
    flags = []
    rest = rest.strip()
    while found := re.match(r"(--[a-z]+(?:=\S+)?)\s+", rest):
        flags.append(found[1])
        rest = rest[found.end() :]
    return Instruction(keyword.upper(), tuple(flags), rest, line)


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Whether a .dockerignore with these patterns leaves the file out: the last that fits it, or its folder, wins."""
    parts = PurePosixPath(path)
    ignored = False
    for pattern in patterns:
        wanted = pattern.removeprefix("!").strip("/")
        forms = {wanted, wanted.removeprefix("**/")} if wanted.startswith("**/") else {wanted}
        candidates = [str(parts), *(str(parent) for parent in parts.parents if str(parent) != ".")]
        if wanted.startswith("**/"):
            candidates += list(parts.parts)
        if any(fnmatchcase(one, form) for one in candidates for form in forms):
            ignored = not pattern.startswith("!")
    return ignored


def ignore_patterns(file: Path) -> list[str]:
    """The patterns of a .dockerignore."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]
