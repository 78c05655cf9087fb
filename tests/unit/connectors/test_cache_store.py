"""The cache on disk: one process, what survives, what is forgotten when, and the reading view."""

from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from connectors.cache.families import ENTRIES, META, SENDS_KEPT_MS
from connectors.cache.places import database_path
from connectors.cache.reader import CacheReader
from connectors.cache.rows import OutboxRow, Sent, Served, pack_record
from connectors.cache.store import SWEEP_ROWS, CacheStore
from schemas.errors import CacheBusy, ConfigError, StateCorrupt
from schemas.ids import DecisionId, Locale, ReleaseId, SendId
from tests.support.messages import ANNA, NEWS, START_MS, WORKSPACE, communication, record_of


def served(at_ms: int = START_MS) -> Served:
    return Served(
        template=NEWS,
        user=ANNA,
        at_ms=at_ms,
        release=ReleaseId("r"),
        locale=Locale("en"),
        decision=DecisionId("d"),
        reason="",
        candidate=0,
        propensity=1.0,
        probabilities=(1.0,),
        variants={},
        body=b"body",
        marks={},
    )


def row(number: int) -> OutboxRow:
    return OutboxRow("events", 3, b"key", b"%d" % number)


def values(store: CacheStore, limit: int = 100) -> list[bytes]:
    return [found.value for _, found in store.outbox_head(limit)]


def put_entry(store: CacheStore, number: int = 1) -> bytes:
    key, value = record_of(communication(number=number))
    batch = store.batch()
    batch.put(ENTRIES, store.names.entry(key), pack_record(key, value))
    store.commit(batch)
    return key


def test_a_second_process_is_refused_with_the_mend(tmp_path: Path) -> None:
    first = CacheStore(tmp_path)
    with pytest.raises(CacheBusy, match="another folder"):
        CacheStore(tmp_path)
    first.close()
    CacheStore(tmp_path).close()


def test_closing_twice_does_nothing(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    store.close()
    store.close()


def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    key = put_entry(store)
    store.remember_send(WORKSPACE, SendId("s1"), served(), [row(1), row(2)])
    store.close()
    again = CacheStore(tmp_path)
    assert again.entry(key) is not None
    assert again.sent(WORKSPACE, SendId("s1")) == Sent(again.names.person(WORKSPACE, ANNA), served())
    assert values(again) == [b"1", b"2"]
    assert again.outbox_rows == 2
    again.close()


def test_the_outbox_keeps_its_order_over_a_restart(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    store.commit(store.batch(), [row(number) for number in range(5)])
    store.outbox_done([number for number, _ in store.outbox_head(2)])
    assert values(store) == [b"2", b"3", b"4"]
    store.close()
    again = CacheStore(tmp_path)
    again.commit(again.batch(), [row(5)])
    assert values(again) == [b"2", b"3", b"4", b"5"]
    assert values(again, limit=2) == [b"2", b"3"]
    again.outbox_done([number for number, _ in again.outbox_head(10)])
    assert again.outbox_rows == 0
    again.close()


@pytest.mark.parametrize(("fact", "value"), [("layout", b"1"), ("partitions", b"7")])
def test_a_folder_written_otherwise_is_refused_and_let_go(tmp_path: Path, fact: str, value: bytes) -> None:
    store = CacheStore(tmp_path)
    batch = store.batch()
    batch.put(META, fact.encode(), value)
    store.commit(batch)
    store.close()
    for _ in range(2):
        with pytest.raises(ConfigError, match=f"expected {fact}"):
            CacheStore(tmp_path)


def test_a_folder_of_an_older_layout_is_refused_before_anything_is_written_to_it(tmp_path: Path) -> None:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    older = Rdict(str(database_path(tmp_path)), options)
    older.create_column_family("erasures", options)
    older.close()
    with pytest.raises(ConfigError, match=r"expected layout 2, got another one, with erasures; .* an empty folder"):
        CacheStore(tmp_path)
    assert set(Rdict.list_cf(str(database_path(tmp_path)))) == {"default", "erasures"}
    with pytest.raises(ConfigError, match="expected layout 2"):
        CacheReader(tmp_path, tmp_path / "scratch")


def test_sends_are_forgotten_after_48_hours_and_not_before(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    store.remember_send(WORKSPACE, SendId("old"), served(START_MS), [])
    store.remember_send(WORKSPACE, SendId("young"), served(START_MS + 1), [])
    assert store.sweep_sends(START_MS + SENDS_KEPT_MS) == 0
    assert store.sweep_sends(START_MS + SENDS_KEPT_MS + 1) == 1
    assert store.sent(WORKSPACE, SendId("old")) is None
    assert store.sent(WORKSPACE, SendId("young")) is not None
    store.close()


def test_a_sweep_takes_a_bounded_number_at_once(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    for number in range(SWEEP_ROWS + 3):
        store.remember_send(WORKSPACE, SendId(str(number)), served(START_MS), [])
    much_later = START_MS + 2 * SENDS_KEPT_MS
    assert [store.sweep_sends(much_later) for _ in range(3)] == [SWEEP_ROWS, 3, 0]
    store.close()


def test_what_comes_from_topics_is_dropped_and_what_is_ours_stays(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    key = put_entry(store)
    store.remember_send(WORKSPACE, SendId("s1"), served(), [row(1)])
    store.forget_followed({"topic_id:communications": b"new"})
    assert store.entry(key) is None
    assert store.sent(WORKSPACE, SendId("s1")) is not None
    assert values(store) == [b"1"]
    assert store.fact("topic_id:communications") == b"new"
    store.close()


def test_the_reader_sees_what_the_writer_writes_meanwhile(tmp_path: Path) -> None:
    store = CacheStore(tmp_path / "cache")
    key = put_entry(store)
    reader = CacheReader(tmp_path / "cache", tmp_path / "scratch")
    assert [found for found, _ in reader.entries()] == [key]
    put_entry(store, number=2)
    store.commit(store.batch(), [row(1)])
    reader.catch_up()
    assert dict(reader.entries())[key] == record_of(communication(number=2))[1]
    assert reader.outbox_rows() == 1
    reader.close()
    store.close()


def test_reading_a_folder_without_a_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="foresend serve"):
        CacheReader(tmp_path / "nothing", tmp_path / "scratch")


def test_a_damaged_file_is_told_and_never_read_over(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    put_entry(store)
    store.close()
    CacheStore(tmp_path).close()  # moves the entry from the log into a table
    for table in database_path(tmp_path).glob("*.sst"):
        data = bytearray(table.read_bytes())
        data[20] ^= 0xFF
        table.write_bytes(data)
    with pytest.raises(StateCorrupt, match="moves it aside"):
        _read_all(tmp_path)


def _read_all(folder: Path) -> None:
    reader = CacheReader(folder, folder / "scratch")
    try:
        list(reader.entries())
    finally:
        reader.close()
