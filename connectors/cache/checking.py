"""Whether a cache is whole: every row read under its checksum, and what is derived of entries held against them."""

import msgspec

from connectors.cache.derived import derived_of
from connectors.cache.families import DUE, ENTRIES, FAMILIES, META, SHOWN, Family
from connectors.cache.names import RowNames
from connectors.cache.places import LIVE_KEY, SALT_KEY
from connectors.cache.reader import CacheReader
from connectors.cache.rows import Live, value_of
from schemas.codec import decode
from schemas.decisions import Communication
from schemas.errors import StateError


class Checked(msgspec.Struct, frozen=True):
    """What was found.

    rows      of each family
    problems  what is wrong, in words that name no person
    """

    rows: dict[str, int]
    entries: int
    entry_bytes: int
    problems: tuple[str, ...]


def check(reader: CacheReader) -> Checked:
    """Read all of a cache. Memory does not grow with it: derived rows are counted, and looked up one by one."""
    rows: dict[str, int] = {}
    problems: list[str] = []
    for family in FAMILIES:
        try:
            rows[family.name] = sum(1 for _ in reader.scan(family))
        except StateError as error:
            problems.append(f"family {family.name}: {error}")
    live = Live(0, 0)
    if not problems:
        try:
            live = _check_entries(reader, problems, rows)
        except StateError as error:
            problems.append(f"family {ENTRIES.name}: {error}")
    return Checked(rows, live.entries, live.size, tuple(problems))


def _check_entries(reader: CacheReader, problems: list[str], rows: dict[str, int]) -> Live:
    live = Live(0, 0)
    names = RowNames(reader.row(META, SALT_KEY) or b"")
    expected: dict[Family, int] = {SHOWN: 0, DUE: 0}
    missing = unreadable = 0
    for name, row in reader.scan(ENTRIES):
        live = live.changed(name, None, row)
        packed = value_of(row)
        try:
            found = decode(Communication, packed)
        except StateError:
            unreadable += 1
            continue
        for family, key in derived_of(names, name, found):
            expected[family] += 1
            missing += reader.row(family, key) is None
    counted = reader.row(META, LIVE_KEY)
    if counted is not None and Live.unpacked(counted) != live:
        problems.append(f"expected {Live.unpacked(counted)} as counted in `{META.name}`, found {live}")
    if missing or any(rows[family.name] != count for family, count in expected.items()):
        problems.append(f"{missing} derived rows are missing, of {expected[SHOWN]} in shown and {expected[DUE]} in due")
    if unreadable:
        problems.append(f"{unreadable} entries cannot be read")
    return live
