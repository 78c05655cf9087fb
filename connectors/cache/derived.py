"""Rows that are derived of an entry: written and removed with it, in the same batch, so that they never differ."""

from collections.abc import Iterable

from connectors.cache.families import DUE, SHOWN, Family
from connectors.cache.names import RowNames
from connectors.cache.rows import pack_number
from schemas.catalogue import item_key, items_of_slate
from schemas.decisions import Communication, Decision

DERIVED = 1
"""Which rows are derived: raised when others are, so that a node reads its topics anew and has them of all entries."""

DerivedRow = tuple[Family, bytes]
"""A family and a key; the values are empty."""


def derived_fact() -> dict[str, bytes]:
    """The row of `meta` that tells which rows are derived of a cache's entries."""
    return {"derived": b"%d" % DERIVED}


def derived_of(names: RowNames, name: bytes, found: Communication) -> list[DerivedRow]:
    """The rows that stand in other families because of an entry of this name."""
    items = () if found.decision is None else items_of(found.decision)
    return derived_rows(names, name, items, ends_of(found))


def derived_rows(names: RowNames, name: bytes, items: Iterable[bytes], ends_ms: int) -> list[DerivedRow]:
    """The same, of an entry that shows these items (keys as of `items_of`), and ends then; 0: never."""
    rows = [(SHOWN, names.item(item) + name) for item in items]
    if ends_ms:
        rows.append((DUE, pack_number(ends_ms) + name))
    return rows


def ends_of(found: Communication) -> int:
    """From when on no candidate of an entry is valid; 0: always one is."""
    ends = found.valid_until_ms
    return 0 if not ends or 0 in ends else max(ends)


def items_of(decision: Decision) -> tuple[bytes, ...]:
    """The key `workspace|catalogue|item` of each item that a decision's candidates show, in order."""
    found: set[bytes] = set()
    for place, slot in enumerate(decision.slots):
        if slot.catalogue:
            for variant in {candidate.choice[place] for candidate in decision.candidates}:
                shown = items_of_slate(slot.variants[variant])
                found.update([item_key(decision.workspace, slot.catalogue, item) for item in shown])
    return tuple(sorted(found))
