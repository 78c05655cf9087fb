"""Sizes of a bench as options: a field of its dataclass is an option of the same name."""

from argparse import ArgumentParser, Namespace
from dataclasses import MISSING, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

T = TypeVar("T")
_ABOUT = "about"


def size(default: Any, about: str) -> Any:
    """A field with a default, and what its option says about it. A tuple's option may be repeated."""
    return field(default=default, metadata={_ABOUT: about})


def add_sizes(parser: ArgumentParser, kind: type[Any]) -> None:
    """An option for each field of a dataclass; one that is not given is left to its default."""
    hints = get_type_hints(kind)
    for one in fields(kind):
        default: Any = one.default
        repeats = isinstance(default, tuple)
        told = ", ".join(map(str, default)) if repeats else default
        about = one.metadata.get(_ABOUT, "")
        if hints[one.name] is bool:
            parser.add_argument(f"--{one.name.replace('_', '-')}", action="store_const", const=True, help=about)
            continue
        parser.add_argument(
            f"--{one.name.replace('_', '-')}",
            action="append" if repeats else "store",
            type=_reader(hints[one.name]),
            metavar=_metavar(hints[one.name]),
            help=about if told in (None, MISSING) else f"{about} (default: {told})",
        )


def sizes_of(arguments: Namespace, kind: type[T]) -> T:
    """The dataclass, by the options that were given."""
    given = {one.name: getattr(arguments, one.name) for one in fields(kind)}  # type: ignore[arg-type]
    chosen = {name: value for name, value in given.items() if value is not None}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()})


def _reader(hint: Any) -> Any:
    """What turns an option's text into the field's value."""
    inner = [one for one in get_args(hint) if one not in (type(None), Ellipsis)]
    kind = inner[0] if inner else hint
    return _positive if kind is int else kind


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _metavar(hint: Any) -> str:
    return "PATH" if _reader(hint) is Path else "N"
