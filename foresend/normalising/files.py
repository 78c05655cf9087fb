"""The payloads in files and folders: JSON, one JSON a line, or YAML (of which a literal of JavaScript is one)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foresend.normalising.outcomes import Refusal, Refused
from schemas.errors import Reason
from schemas.events import why_not_json

ENDINGS = frozenset({".json", ".jsonl", ".ndjson", ".yaml", ".yml", ".txt"})
"""Files that are looked at in a folder; others are if they are named."""
FILE_BYTES_MAX = 64 * 1024 * 1024
YAML_BYTES_MAX = 1_000_000
_LINES = frozenset({".jsonl", ".ndjson"})


@dataclass(frozen=True)
class Payload:
    """One payload; `index` counts those of its file. `refused`: it could not even be read."""

    file: Path
    index: int
    value: Any
    refused: Refused | None = None


def payloads(paths: list[Path]) -> Iterator[Payload]:
    """All payloads, in the order of paths and names."""
    for path in paths:
        for file in _files(path):
            try:
                yield from _of_file(file)
            except OSError as error:
                yield Payload(file, 0, None, Refused(Refusal.UNREADABLE, f"cannot be read: {error.strerror}"))
            except Refused as refused:
                yield Payload(file, 0, None, refused)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix in ENDINGS and file.is_file())


def _of_file(file: Path) -> Iterator[Payload]:
    data = file.read_bytes()
    if len(data) > FILE_BYTES_MAX:
        raise Refused(Reason.TOO_LARGE, f"expected at most {FILE_BYTES_MAX} bytes, got {len(data)}")
    if file.suffix in _LINES:
        yield from _of_lines(file, data)
    elif file.suffix in (".yaml", ".yml"):
        yield from _of_yaml(file, data)
    else:
        try:
            yield Payload(file, 0, _parsed(data))
        except Refused:
            yield from _of_yaml(file, data)


def _of_lines(file: Path, data: bytes) -> Iterator[Payload]:
    for index, line in enumerate(line for line in data.splitlines() if line.strip()):
        try:
            yield Payload(file, index, _parsed(line))
        except Refused as refused:
            yield Payload(file, index, None, refused)


def _parsed(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise Refused(Reason.TOO_DEEP, "expected JSON, got far too deep nesting") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(why_not_json(data), f"expected JSON: {error}") from None


def _of_yaml(file: Path, data: bytes) -> Iterator[Payload]:
    """Each document; plain text is a value of YAML too, but no payload."""
    if len(data) > YAML_BYTES_MAX:
        raise Refused(Reason.NOT_JSON, "expected JSON; for YAML the file is too large")
    try:
        values = list(YAML(typ="safe", pure=True).load_all(data))
    except (YAMLError, ValueError, RecursionError):
        raise Refused(why_not_json(data), "expected JSON or YAML, got neither") from None
    if not any(isinstance(value, (dict, list)) for value in values):
        raise Refused(why_not_json(data), "expected JSON or YAML, got plain text")
    for index, value in enumerate(values):
        yield Payload(file, index, value)
