"""What records do to the cache: the version guard, graves, tombstones, dead letters; always in one batch."""

import struct
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.cache.applying import LETTER_BYTES_MAX, LogRecord
from connectors.cache.rocks import Batch, Database
from schemas.codec import decode, encode
from schemas.dead_letters import DeadLetter
from schemas.decisions import Communication
from schemas.errors import CacheBusy, Reason, StateVersionError
from schemas.keys import communication_key, join_key
from schemas.topics import COMMUNICATIONS, DEAD_LETTERS, LIBRARY, RECORD_BYTES_MAX
from tests.support.gateway import GatewayInProcess
from tests.support.messages import ANNA, NEWS, START_MS, WORKSPACE, communication, record_of, release, version

ANNAS_KEY = communication_key(WORKSPACE, NEWS, ANNA)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[GatewayInProcess]:
    made = GatewayInProcess(tmp_path / "cache")
    yield made
    made.close()


def records(*entries: Communication, start: int = 0) -> list[LogRecord]:
    return [
        LogRecord(COMMUNICATIONS.name, 4, start + number, START_MS, *record_of(entry))
        for number, entry in enumerate(entries)
    ]


def apply(node: GatewayInProcess, *batch: LogRecord, next_offset: int = 1) -> None:
    node.applier.apply(batch, {(COMMUNICATIONS.name, 4): next_offset}, START_MS)


def letters(node: GatewayInProcess) -> list[DeadLetter]:
    return [decode(DeadLetter, row.value) for row in node.outbox() if row.topic == DEAD_LETTERS.name]


def test_an_entry_and_its_offset_are_both_there(node: GatewayInProcess) -> None:
    entry = communication()
    apply(node, *records(entry), next_offset=1)
    assert node.store.entry(ANNAS_KEY) == encode(entry)
    assert node.store.offsets() == {(COMMUNICATIONS.name, 4): 1}


def test_a_lower_version_is_ignored_and_its_offset_still_moves(node: GatewayInProcess) -> None:
    newer = communication(number=2)
    apply(node, *records(newer), next_offset=1)
    apply(node, *records(communication(number=1), start=1), next_offset=2)
    assert node.store.entry(ANNAS_KEY) == encode(newer)
    assert node.store.offsets() == {(COMMUNICATIONS.name, 4): 2}


def test_what_is_written_is_counted_by_its_cause(node: GatewayInProcess) -> None:
    entry, overtaken = communication(number=2), communication(number=1)
    assert entry.decision is not None
    grave = encode(Communication.of_grave(version(3)))
    apply(node, *records(entry, overtaken), LogRecord(COMMUNICATIONS.name, 4, 2, START_MS, ANNAS_KEY, grave))
    assert node.metric("foresend_cache_entries_written_total", cause=entry.decision.cause) == 1
    assert node.metric("foresend_cache_entries_written_total", cause="grave") == 1
    assert node.metric("foresend_render_total", reason=entry.decision.cause) == 1
    assert node.metric("foresend_render_total", reason="grave") == 0


def test_an_equal_version_overwrites(node: GatewayInProcess) -> None:
    apply(node, *records(communication(odds=(1.0,))))
    again = communication(odds=(0.5, 0.5))
    apply(node, *records(again))
    assert node.store.entry(ANNAS_KEY) == encode(again)


def test_the_guard_holds_inside_one_batch(node: GatewayInProcess) -> None:
    newest = communication(number=3)
    apply(node, *records(communication(number=1), newest, communication(number=2)))
    assert node.store.entry(ANNAS_KEY) == encode(newest)


def test_a_grave_removes_the_row_and_lets_nothing_older_back(node: GatewayInProcess) -> None:
    grave = encode(Communication.of_grave(version(5)))
    apply(node, *records(communication(number=4)))
    apply(node, LogRecord(COMMUNICATIONS.name, 4, 1, START_MS, ANNAS_KEY, grave))
    assert node.store.entry(ANNAS_KEY) is None
    apply(node, *records(communication(number=4)))
    assert node.store.entry(ANNAS_KEY) is None
    apply(node, *records(communication(number=6)))
    assert node.store.entry(ANNAS_KEY) == encode(communication(number=6))


def test_a_tombstone_removes_the_row_also_within_the_batch_of_its_entry(node: GatewayInProcess) -> None:
    tombstone = LogRecord(COMMUNICATIONS.name, 4, 9, START_MS, ANNAS_KEY, None)
    apply(node, *records(communication()))
    apply(node, tombstone)
    assert node.store.entry(ANNAS_KEY) is None
    apply(node, *records(communication(number=8)), tombstone, *records(communication(number=1)))
    assert node.store.entry(ANNAS_KEY) == encode(communication(number=1))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=5))
def test_whatever_the_order_and_batches_the_newest_version_stands(
    node: GatewayInProcess, batches: list[list[int]]
) -> None:
    apply(node, LogRecord(COMMUNICATIONS.name, 4, 0, START_MS, ANNAS_KEY, None))
    for batch in batches:
        apply(node, *records(*(communication(number=number) for number in batch)))
    numbers = [number for batch in batches for number in batch]
    expected = encode(communication(number=max(numbers))) if numbers else None
    assert node.store.entry(ANNAS_KEY) == expected


def test_one_poll_is_one_write(node: GatewayInProcess) -> None:
    # Guards the line in `Applier.apply` that puts offsets into the entries' batch: were they written
    # apart, a kill between the two writes would lose entries or repeat dead letters.
    bad = LogRecord(COMMUNICATIONS.name, 4, 1, START_MS, b"no key", b"\x01junk")
    with patch.object(Database, "write", autospec=True, side_effect=Database.write) as write:
        apply(node, *records(communication()), bad, next_offset=2)
    assert write.call_count == 1


def test_a_write_that_fails_leaves_neither_entry_nor_offset_nor_letter(node: GatewayInProcess) -> None:
    def fail(_: Database, __: Batch) -> None:
        raise CacheBusy("disk full")

    bad = LogRecord(COMMUNICATIONS.name, 4, 1, START_MS, b"no key", b"\x01junk")
    with patch.object(Database, "write", fail), pytest.raises(CacheBusy):
        apply(node, *records(communication()), bad, next_offset=2)
    assert node.store.entry(ANNAS_KEY) is None
    assert node.store.offsets() == {}
    assert node.outbox() == []
    assert node.store.outbox_rows == 0


def with_slot(**changed: object) -> bytes:
    """An entry whose slot is not what its candidates need."""
    entry = communication()
    assert entry.decision is not None
    slot = msgspec.structs.replace(entry.decision.slots[0], **changed)
    decision = msgspec.structs.replace(entry.decision, slots=(slot,))
    return encode(msgspec.structs.replace(entry, decision=decision))


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (ANNAS_KEY, b"", Reason.WRONG_TYPE),
        (ANNAS_KEY, b"garbage", Reason.WRONG_TYPE),
        (ANNAS_KEY, b"\x01\xff\xff", Reason.WRONG_TYPE),
        (ANNAS_KEY, encode(communication())[:-3], Reason.WRONG_TYPE),
        (ANNAS_KEY, encode(Communication(version(1), None)), Reason.WRONG_TYPE),
        (ANNAS_KEY, encode(communication(odds=())), Reason.WRONG_TYPE),
        (ANNAS_KEY, encode(communication(valid_until_ms=(1,))), Reason.WRONG_TYPE),
        (ANNAS_KEY, encode(communication(odds=(1.0, 1.0))), Reason.WRONG_TYPE),
        (ANNAS_KEY, with_slot(variants=("v0",)), Reason.WRONG_TYPE),
        (ANNAS_KEY, with_slot(features=b"short"), Reason.WRONG_TYPE),
        (ANNAS_KEY, with_slot(features=struct.pack("<3f", 0, 1, 1.5)), Reason.WRONG_TYPE),
        (ANNAS_KEY, with_slot(features=struct.pack("<3f", 0, 1, float("nan"))), Reason.WRONG_TYPE),
        (ANNAS_KEY, encode(communication(user="berta")), Reason.KEY_MISMATCH),
        (b"shop|news", encode(communication()), Reason.KEY_MISMATCH),
        (b"\xff|news|anna", encode(Communication.of_grave(version(1))), Reason.KEY_MISMATCH),
    ],
)
def test_a_bad_record_becomes_a_dead_letter_and_the_node_goes_on(
    node: GatewayInProcess, key: bytes, value: bytes, reason: Reason
) -> None:
    bad = LogRecord(COMMUNICATIONS.name, 4, 17, START_MS + 5, key, value)
    apply(node, bad, *records(communication(user="carl")), next_offset=19)
    (letter,) = letters(node)
    assert (letter.source, letter.partition, letter.offset, letter.received_ms) == (
        "communications",
        4,
        17,
        START_MS + 5,
    )
    assert (letter.reason, letter.key, letter.payload) == (reason, key, value)
    assert node.outbox()[0].key == b"communications|4|17"
    assert node.store.offsets() == {(COMMUNICATIONS.name, 4): 19}
    assert node.store.entry(communication_key(WORKSPACE, NEWS, "carl")) is not None  # type: ignore[arg-type]
    assert node.store.entry(ANNAS_KEY) is None
    assert node.metric("foresend_dead_letters_total", source="communications", reason=reason) == 1


def test_a_dead_letter_of_a_huge_record_is_cut_so_that_it_fits_into_one(node: GatewayInProcess) -> None:
    apply(node, LogRecord(COMMUNICATIONS.name, 4, 0, START_MS, ANNAS_KEY, b"x" * (RECORD_BYTES_MAX - 10)))
    (letter,) = letters(node)
    assert len(letter.payload) == LETTER_BYTES_MAX
    assert len(node.outbox()[0].value) < RECORD_BYTES_MAX
    assert "cut" in letter.message


@pytest.mark.parametrize("candidates", [2, 40], ids=["plain", "compressed"])
def test_a_record_of_a_newer_shape_stops_the_node_before_anything_is_written(
    node: GatewayInProcess, candidates: int
) -> None:
    packed = encode(communication(odds=(1 / candidates,) * candidates))
    assert (packed[0] != Communication.SCHEMA_VERSION) == (candidates > 2)
    newer = bytes((packed[0] + 1,)) + packed[1:]
    with pytest.raises(StateVersionError):
        apply(node, LogRecord(COMMUNICATIONS.name, 4, 0, START_MS, ANNAS_KEY, newer))
    assert node.store.offsets() == {}


def test_releases_are_kept_and_the_last_record_is_the_newest(node: GatewayInProcess) -> None:
    node.release(release(1))
    node.release(release(2))
    node.release(release(1))  # rolled back
    newest = node.releases.newest(WORKSPACE)
    assert newest is not None
    assert newest.release.id == "release-1"
    older = node.releases.find(WORKSPACE, release(2).id)
    assert older is not None
    assert older.release.id == "release-2"
    assert node.releases.find(WORKSPACE, release(3).id) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"shop|1", b"junk"),
        (b"shop|1", None),
        (b"shop", encode(release())),
        (b"other|1", encode(release())),
    ],
)
def test_a_bad_release_is_a_dead_letter_and_changes_nothing(
    node: GatewayInProcess, key: bytes, value: bytes | None
) -> None:
    node.release(release(1))
    node.record(LIBRARY.name, key, value)
    assert len(letters(node)) == 1
    newest = node.releases.newest(WORKSPACE)
    assert newest is not None
    assert newest.release.id == "release-1"
    assert node.store.release(WORKSPACE, release(1).id) == encode(release(1))


def test_a_workspace_with_a_bar_in_its_name_is_found_again(node: GatewayInProcess) -> None:
    odd = release(workspace=type(WORKSPACE)("a|b%"))
    node.release(odd)
    assert node.releases.workspaces() == ("a|b%",)
    assert node.store.release(odd.workspace, odd.id) is not None
    assert join_key(odd.workspace) == b"a%7Cb%25"


def test_freshness_is_told_only_by_a_node_that_keeps_up(node: GatewayInProcess) -> None:
    late = {"workspace": WORKSPACE}
    node.applier.apply(records(communication(number=1)), {("communications", 4): 1}, START_MS + 1_501, live=False)
    assert node.metric("foresend_freshness_seconds_count", **late) == 0
    node.applier.apply(records(communication(number=1)), {("communications", 4): 1}, START_MS + 1_501)
    assert node.metric("foresend_freshness_seconds_sum", **late) == pytest.approx(1.5)


def test_a_message_that_a_deadline_changed_is_not_stale(node: GatewayInProcess) -> None:
    entry = communication(number=2)
    assert entry.decision is not None
    due = msgspec.structs.replace(entry.decision, at_ms=START_MS + 60_000, cause="validity")
    node.applier.apply(records(msgspec.structs.replace(entry, decision=due)), {("communications", 4): 1}, 2 * START_MS)

    assert node.store.entry(ANNAS_KEY) is not None
    assert node.metric("foresend_freshness_seconds_count", workspace=WORKSPACE) == 0
