"""Under a limit the folder stays near it: log, buffers and files are parts of the limit."""

from pathlib import Path
from random import Random

import pytest

from connectors.cache.families import ENTRIES
from connectors.cache.places import database_path
from connectors.cache.sizes import MIB, UNLIMITED, Sizes
from connectors.cache.store import CacheStore
from tests.support.waiting import wait_until

LIMIT = 4 * MIB
ROWS = 1_000


@pytest.mark.parametrize("limit", [64 * MIB, 1_000 * MIB, 100_000 * MIB])
def test_what_comes_on_top_of_entries_is_a_part_of_the_limit(limit: int) -> None:
    sizes = Sizes.under(limit)
    # Rows in memory have their log on the disk; each of the level above the last one stands twice.
    assert sizes.log + sizes.buffers + limit / sizes.multiplier <= 0.1 * limit
    # One compaction into the last level reads and writes anew so much.
    assert sizes.table * (sizes.multiplier + 1) <= 0.1 * limit
    # The last level is never the only one, or a compaction would need as much again.
    assert sizes.level * 2 <= limit


def test_no_size_grows_beyond_those_of_no_limit() -> None:
    huge = Sizes.under(1_000_000 * MIB)
    assert Sizes.under(0) == UNLIMITED
    assert huge[:5] == UNLIMITED[:5]


def test_under_a_limit_the_folder_stays_small(tmp_path: Path) -> None:
    store = CacheStore(tmp_path, limit_bytes=LIMIT)
    chance = Random(7)
    names = [chance.randbytes(16) for _ in range(ROWS)]
    try:
        # Six times the same 2 MB, each time other bytes.
        for _ in range(6 * 20):
            batch = store.batch()
            for name in chance.sample(names, ROWS // 20):
                batch.put(ENTRIES, name, chance.randbytes(2_000))
            store.commit(batch)
        path = database_path(tmp_path)
        wait_until(lambda: _bytes_of(path, "*.log") <= LIMIT / 8, 30, "a log that stays short")
        wait_until(lambda: _bytes_of(path, "*.sst") <= LIMIT, 30, "overwritten rows to be compacted away")
    finally:
        store.close()


def _bytes_of(path: Path, kind: str) -> int:
    found = 0
    for file in path.glob(kind):
        try:
            found += file.stat().st_size
        except FileNotFoundError:
            continue
    return found
