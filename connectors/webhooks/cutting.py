"""A payload cut into what each of its events is about: one piece for each event and recipient."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.webhooks.mapping import ProviderMapping, Unwrap
from connectors.webhooks.paths import OUTER, RECIPIENT, found_at, text_at

PIECES_MAX = 10_000
"""SendGrid sends a thousand at most; the bound keeps one body from flooding us."""

_decoder = msgspec.json.Decoder()


@dataclass(frozen=True)
class Piece:
    """One event of a provider.

    value   its fields, with `^` and `@`
    own     its fields alone, as the provider sent them
    number  which of the event's recipients it is about; None where there are not several
    """

    value: dict[str, Any]
    own: Any
    number: int | None = None

    @property
    def raw(self) -> bytes:
        """Its bytes: equal fields in equal order give equal bytes."""
        return msgspec.json.encode(self.own)


def cut(payload: Any, mapping: ProviderMapping) -> list[Piece]:
    """The pieces of a payload; entries that are no objects are left out."""
    found: list[Piece] = []
    for item in _items(payload):
        for unwrapped in _unwrapped(item, mapping.unwrap):
            found += _by_recipient(unwrapped, mapping)
            if len(found) > PIECES_MAX:
                return found[:PIECES_MAX]
    return found


def is_known(piece: Piece, mapping: ProviderMapping) -> bool:
    """Whether it looks like an event of this provider."""
    if any(all(_holds(piece, path) for path in paths) for paths in mapping.known_by):
        return True
    if text_at(piece.value, mapping.event.paths) not in mapping.event.names:
        return False
    return bool(mapping.guessed_by) and all(_holds(piece, path) for path in mapping.guessed_by)


def _holds(piece: Piece, path: str) -> bool:
    wanted = not path.startswith("!")
    return wanted == any(True for _ in found_at(piece.value, [path.removeprefix("!")]))


def _items(payload: Any) -> Iterator[dict[str, Any]]:
    """A payload is an object, or a list of objects."""
    yield from (item for item in (payload if isinstance(payload, list) else [payload]) if isinstance(item, dict))


def _unwrapped(item: dict[str, Any], layers: tuple[Unwrap, ...]) -> Iterator[dict[str, Any]]:
    for number, layer in enumerate(layers):
        inner = _inner(item, layer)
        if isinstance(inner, list):
            for one in _items(inner):
                yield from _unwrapped(one, layers[number + 1 :])
            return
        if isinstance(inner, dict):
            item = {**inner, OUTER: item}
    yield item


def _inner(item: dict[str, Any], layer: Unwrap) -> Any:
    inner = item.get(layer.at)
    if not layer.json:
        return inner
    if not isinstance(inner, str):
        return None
    try:
        return _decoder.decode(inner)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def _by_recipient(item: dict[str, Any], mapping: ProviderMapping) -> Iterator[Piece]:
    own = {name: value for name, value in item.items() if name != OUTER}
    recipients = next((one for one in found_at(item, mapping.recipients) if isinstance(one, list) and one), None)
    if recipients is None:
        yield Piece(item, own)
        return
    for number, recipient in enumerate(recipients):
        yield Piece({**item, RECIPIENT: recipient}, own, number if len(recipients) > 1 else None)
