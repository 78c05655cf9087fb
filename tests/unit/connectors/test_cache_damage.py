"""Damage of a cache's files is noticed, moved aside and never served; copies are whole and gone on from."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree

import pytest
from prometheus_client import CollectorRegistry

from connectors.cache import backups
from connectors.cache.applying import Applier, LogRecord
from connectors.cache.checking import check
from connectors.cache.families import DUE, ENTRIES, RELEASES, SERVED
from connectors.cache.meters import CacheMeters
from connectors.cache.places import database_path
from connectors.cache.quarantine import QUARANTINE_MS, put_aside, remove_all, remove_old
from connectors.cache.reader import CacheReader
from connectors.cache.releases import Releases
from connectors.cache.rows import Live, OutboxRow
from connectors.cache.store import CacheStore
from connectors.cache.watching import Watch
from schemas.errors import CacheBusy, ConfigError, PersonalizationError, StateCorrupt
from schemas.keys import communication_key
from schemas.topics import COMMUNICATIONS
from tests.support.gateway import GatewayInProcess
from tests.support.messages import ANNA, NEWS, START_MS, WORKSPACE, communication, record_of, release

ANNAS_KEY = communication_key(WORKSPACE, NEWS, ANNA)
SIX_HOURS_MS = 6 * 3_600_000


def row(number: int) -> OutboxRow:
    return OutboxRow("events", 3, b"key", b"%d" % number)


def applier_of(store: CacheStore) -> Applier:
    return Applier(store, Releases(store), CacheMeters(CollectorRegistry()))


def put(store: CacheStore, *users: str, logged: bool = True) -> None:
    records = [
        LogRecord(COMMUNICATIONS.name, 4, offset, START_MS, *record_of(communication(user)))
        for offset, user in enumerate(users)
    ]
    applier_of(store).apply(records, {(COMMUNICATIONS.name, 4): len(users)}, START_MS, live=False, logged=logged)


def filled(folder: Path, *, tables: bool = True) -> None:
    """A cache with entries and an outbox, in tables or still in the log."""
    store = CacheStore(folder)
    put(store, *(f"user-{number}" for number in range(50)))
    store.commit(store.batch(), [row(number) for number in range(5)])
    if tables:
        store.flush()
    store.close()


def read_all(folder: Path) -> None:
    store = CacheStore(folder)
    try:
        for _ in store.scan_entries(b"", 1_000):
            pass
        store.outbox_head(100)
    finally:
        store.close()


def the_largest(folder: Path, pattern: str) -> Path:
    return max(database_path(folder).glob(pattern), key=lambda path: path.stat().st_size)


def flip_a_byte_of_a_table(folder: Path) -> None:
    table = the_largest(folder, "*.sst")
    data = bytearray(table.read_bytes())
    data[len(data) // 3] ^= 0x10
    table.write_bytes(data)


def damage_the_manifest(folder: Path) -> None:
    manifest = the_largest(folder, "MANIFEST-*")
    data = bytearray(manifest.read_bytes())
    data[len(data) // 2] ^= 0x10
    manifest.write_bytes(data)


def remove_a_table(folder: Path) -> None:
    the_largest(folder, "*.sst").unlink()


def remove_current(folder: Path) -> None:
    (database_path(folder) / "CURRENT").unlink()


def take_the_files_away(folder: Path) -> None:
    database_path(folder).rename(folder / "elsewhere")


@pytest.mark.parametrize(
    "damage",
    [flip_a_byte_of_a_table, damage_the_manifest, remove_a_table, remove_current, take_the_files_away],
    ids=lambda damage: str(damage.__name__),
)
def test_damaged_files_are_noticed_moved_aside_and_replaced_by_an_empty_cache(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    filled(tmp_path)
    damage(tmp_path)
    with pytest.raises(StateCorrupt):
        read_all(tmp_path)
    put_aside(tmp_path, START_MS)
    store = CacheStore(tmp_path)
    assert store.live == Live(0, 0)
    assert store.offsets() == {}
    store.close()


def killed_after(folder: Path, into: Path, *, marked: bool) -> Path:
    """A cache as a kill leaves it, a writing still in its log: before the mark of how far it goes, or after it."""
    store = CacheStore(folder)
    put(store, "early")
    if not marked:
        store.mark()
    put(store, "early", "late")
    if marked:
        store.mark()
    copytree(folder, into)
    store.close()
    return the_largest(into, "*.log")


def cut(log: Path) -> None:
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - 100)


def test_a_log_that_was_cut_is_noticed(tmp_path: Path) -> None:
    cut(killed_after(tmp_path / "cache", tmp_path / "killed", marked=True))
    with pytest.raises(StateCorrupt, match="its log was cut"):
        CacheStore(tmp_path / "killed")


def test_a_log_that_ends_after_the_mark_is_none_that_was_cut(tmp_path: Path) -> None:
    # What came after the mark is there or not, and the offsets tell which.
    cut(killed_after(tmp_path / "cache", tmp_path / "killed", marked=False))
    store = CacheStore(tmp_path / "killed")
    assert (store.live.entries, store.offsets()) == (1, {(COMMUNICATIONS.name, 4): 1})
    store.close()


def test_of_the_outbox_is_saved_what_can_be_read(tmp_path: Path) -> None:
    filled(tmp_path)
    saved = put_aside(tmp_path, START_MS)
    assert saved == ([row(number) for number in range(5)], True)
    assert put_aside(tmp_path, START_MS + 1) == ([], False)


def test_an_outbox_that_cannot_be_opened_is_told_as_lost(tmp_path: Path) -> None:
    filled(tmp_path)
    damage_the_manifest(tmp_path)
    assert put_aside(tmp_path, START_MS) == ([], False)


def test_one_damaged_cache_is_kept_for_a_week_and_until_somebody_is_erased(tmp_path: Path) -> None:
    for number in range(3):
        filled(tmp_path)
        put_aside(tmp_path, START_MS + number)
    assert [path.name for path in tmp_path.glob("quarantine-*")] == [f"quarantine-{START_MS + 2}"]
    remove_old(tmp_path, START_MS + 2 + QUARANTINE_MS)
    assert len([*tmp_path.glob("quarantine-*")]) == 1
    remove_old(tmp_path, START_MS + 3 + QUARANTINE_MS)
    assert not [*tmp_path.glob("quarantine-*")]
    filled(tmp_path)
    put_aside(tmp_path, START_MS)
    remove_all(tmp_path)
    assert not [*tmp_path.glob("quarantine-*")]


def test_files_taken_from_a_running_node_are_noticed(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    watch = Watch(store, tmp_path, clock_ms=lambda: START_MS)
    watch.look()
    database_path(tmp_path).rename(tmp_path / "elsewhere")
    with pytest.raises(StateCorrupt, match="taken away"):
        watch.look()
    (tmp_path / "elsewhere").rename(database_path(tmp_path))
    store.close()


def test_a_node_whose_files_were_removed_can_be_closed_and_begun_anew(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    put(store, "a", "b")
    rmtree(database_path(tmp_path))
    with pytest.raises(StateCorrupt):
        store.require_whole()
    store.close()
    assert put_aside(tmp_path, START_MS) == ([], False)
    again = CacheStore(tmp_path)
    assert again.live == Live(0, 0)
    again.close()


def test_damage_that_a_reader_meets_ends_the_run(tmp_path: Path) -> None:
    filled(tmp_path)
    flip_a_byte_of_a_table(tmp_path)
    store = CacheStore(tmp_path)
    watch = Watch(store, tmp_path, clock_ms=lambda: START_MS)
    watch.look()
    with pytest.raises(PersonalizationError):
        store.scan_entries(b"", 1_000)
    with pytest.raises(StateCorrupt, match="checksums"):
        watch.look()
    store.close()


def test_a_rebuild_that_was_killed_begins_anew(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    store.forget_followed({"topic_id:x": b"1"}, unlogged=True)
    put(store, "a", "b", logged=False)
    store.flush()
    store.close()
    again = CacheStore(tmp_path)
    assert (again.live, again.offsets()) == (Live(0, 0), {})
    assert again.scan_entries(b"", 10) == []
    again.forget_followed({}, unlogged=True)
    put(again, "a", "b", logged=False)
    again.finish_unlogged()
    again.close()
    whole = CacheStore(tmp_path)
    assert (whole.live.entries, whole.offsets()) == (2, {(COMMUNICATIONS.name, 4): 2})
    whole.close()


# Copies


def test_a_copy_goes_on_where_the_cache_was(tmp_path: Path) -> None:
    filled(tmp_path / "cache", tables=False)
    about = backups.request(tmp_path / "cache", tmp_path / "copy")
    assert (about.entries, about.outbox_rows, about.offsets) == (50, 5, {"communications|4": 50})
    assert backups.restore(tmp_path / "other", tmp_path / "copy") == about
    store = CacheStore(tmp_path / "other")
    assert store.offsets() == {(COMMUNICATIONS.name, 4): 50}
    assert store.live.entries == 50
    assert store.outbox_rows == 5
    assert store.entry(communication_key(WORKSPACE, NEWS, "user-7")) is not None  # type: ignore[arg-type]
    store.close()


def test_a_node_makes_the_copy_that_was_asked_for(tmp_path: Path) -> None:
    filled(tmp_path / "cache")
    store = CacheStore(tmp_path / "cache")
    watch = Watch(store, tmp_path / "cache", clock_ms=lambda: START_MS)
    target = tmp_path / "copy"
    moments = iter(range(1_000))

    def look_and_tell() -> float:
        watch.look()
        return float(next(moments))

    about = backups.request(tmp_path / "cache", target, clock_s=look_and_tell)
    assert (about.entries, about.made_ms) == (50, START_MS)
    with pytest.raises(ConfigError, match="not there yet"):
        backups.request(tmp_path / "cache", target, clock_s=look_and_tell)
    store.close()


def test_what_a_kill_left_of_a_copy_under_way_is_removed(tmp_path: Path) -> None:
    store = CacheStore(tmp_path / "cache")
    put(store, "a")
    store.checkpoint(tmp_path / "cache" / f"backup-{START_MS}")
    (tmp_path / "cache" / "restored.part").mkdir()
    backups.make(store, tmp_path / "cache", tmp_path / "cache" / "backup-20261123", START_MS + 1)
    Watch(store, tmp_path / "cache", clock_ms=lambda: START_MS).look()
    left = {path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()}
    assert left == {"rocks", "backup-20261123"}
    store.close()


def test_a_node_that_does_not_answer_is_told(tmp_path: Path) -> None:
    store = CacheStore(tmp_path / "cache")
    moments = iter((0.0, backups.ANSWER_S + 1))
    with pytest.raises(CacheBusy, match="did not answer"):
        backups.request(tmp_path / "cache", tmp_path / "copy", clock_s=lambda: next(moments))
    assert not (tmp_path / "cache" / "backup.request").exists()
    store.close()


def test_a_copy_is_not_restored_over_a_cache_and_nothing_else_is_one(tmp_path: Path) -> None:
    filled(tmp_path / "cache")
    backups.request(tmp_path / "cache", tmp_path / "copy")
    with pytest.raises(ConfigError, match="without a cache"):
        backups.restore(tmp_path / "cache", tmp_path / "copy")
    with pytest.raises(ConfigError, match="expected a copy"):
        backups.restore(tmp_path / "other", tmp_path / "cache")
    with pytest.raises(ConfigError, match="expected a cache"):
        backups.request(tmp_path / "none", tmp_path / "more")


def test_a_check_reads_every_byte_and_holds_what_is_derived_against_the_entries(tmp_path: Path) -> None:
    filled(tmp_path)
    store = CacheStore(tmp_path)
    until = (START_MS + 9,)
    record = LogRecord(
        COMMUNICATIONS.name, 4, 50, START_MS, *record_of(communication(odds=(1.0,), valid_until_ms=until))
    )
    applier_of(store).apply([record], {}, START_MS, live=False)
    store.close()
    reader = CacheReader(tmp_path, tmp_path / "scratch")
    found = check(reader)
    reader.close()
    assert (found.entries, found.rows["entries"], found.rows["due"], found.problems) == (51, 51, 1, ())
    store = CacheStore(tmp_path)
    batch = store.batch()
    batch.delete(DUE, store.scan_rows(DUE, b"", 1)[0][0])
    batch.delete(ENTRIES, store.scan_rows(ENTRIES, b"", 1)[0][0])
    store.commit(batch)
    store.flush()
    store.close()
    reader = CacheReader(tmp_path, tmp_path / "scratch")
    assert len(check(reader).problems) == 2
    reader.close()
    flip_a_byte_of_a_table(tmp_path)
    reader = CacheReader(tmp_path, tmp_path / "scratch")
    assert any("Corruption" in problem for problem in check(reader).problems)
    reader.close()


# Releases


def test_a_release_goes_once_no_entry_and_no_send_was_made_with_it(tmp_path: Path) -> None:
    node = GatewayInProcess(tmp_path)
    for number in (1, 2, 3):
        node.release(release(number))
    node.entry(communication(release_id="release-1"))
    node.entry(communication("carl", release_id="release-2"))
    node.post("/v1/communications/news/carl", "s1")
    node.entry(communication("carl", number=2, release_id="release-3"))
    rounds(node, 2)
    assert releases_of(node) == {"release-1", "release-2", "release-3"}
    node.entry(communication(number=2, release_id="release-3"))
    rounds(node, 2)
    assert releases_of(node) == {"release-2", "release-3"}
    assert len(node.store.scan_rows(SERVED, b"", 10)) == 1
    node.store.sweep_sends(START_MS + 9 * 24 * 3_600_000)
    rounds(node, 2)
    assert releases_of(node) == {"release-3"}
    assert node.metric("foresend_cache_releases_dropped_total") == 2
    assert node.post("/v1/communications/news/carl", "s2").status == 200
    node.close()


def test_a_release_that_was_gone_back_to_meanwhile_stays(tmp_path: Path) -> None:
    node = GatewayInProcess(tmp_path)
    for number in (1, 2):
        node.release(release(number))
    node.entry(communication("carl", release_id="release-2"))
    node.clock.now_ms += SIX_HOURS_MS
    for _ in range(5):
        node.applier.apply([], {}, node.clock.now_ms)
    # Everything was looked at. For a while the first is the newest again, and somebody gets its fallback.
    node.release(release(1))
    sent = node.post("/v1/communications/cart/carl", "s1")
    node.release(release(2))
    node.clock.now_ms += SIX_HOURS_MS
    node.applier.apply([], {}, node.clock.now_ms)
    again = node.post("/v1/communications/cart/carl", "s1")
    assert (again.status, again.body) == (200, sent.body)
    node.close()


def rounds(node: GatewayInProcess, count: int) -> None:
    """Time goes on, and the follower with it."""
    for _ in range(count):
        for _ in range(5):
            node.applier.apply([], {}, node.clock.now_ms)
        node.clock.now_ms += SIX_HOURS_MS
        node.applier.apply([], {}, node.clock.now_ms)


def releases_of(node: GatewayInProcess) -> set[str]:
    return {key.split(b"|")[1].decode() for key, _ in node.store.scan_rows(RELEASES, b"", 10) if b"|" in key}
