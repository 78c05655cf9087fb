"""What makes room under a limit, what is never let in, what ended, and how it comes back."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from connectors.cache import evicting
from connectors.cache.access import COUNT_MAX, AccessSketch
from connectors.cache.applying import Applier, LogRecord
from connectors.cache.evicting import ENDED, OUTDATED, SPACE, UNREAD
from connectors.cache.families import DUE, ENTRIES, EVICTED
from connectors.cache.rows import Live
from connectors.cache.store import CacheStore
from schemas.codec import encode
from schemas.decisions import Communication
from schemas.errors import StateCorrupt
from schemas.ids import UserId
from schemas.keys import communication_key
from schemas.topics import COMMUNICATIONS
from tests.support.gateway import GatewayInProcess
from tests.support.messages import ANNA, CART, NEWS, START_MS, WORKSPACE, communication, record_of, release, version

ROOM = 20
"""Entries that the limit of these tests has room for."""
DAY_MS = 86_400_000


class Limited(GatewayInProcess):
    """A node whose entries have a limit."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.release(release(1))
        self.applier = Applier(self.store, self.releases, self.meters)
        self.entry(communication("user-00"))
        # Messages that differ in a number differ in a byte or two, compressed.
        self.limit = (self.store.live.size + 2) * ROOM
        self.applier = Applier(self.store, self.releases, self.meters, self.limit)

    def fill(self, first: int = 1, last: int = ROOM) -> None:
        for number in range(first, last):
            self.entry(communication(f"user-{number:02}"))

    def read(self, user: str, times: int = 1) -> None:
        for _ in range(times):
            self.get(f"/v1/communications/news/{user}")

    def holds(self, user: str) -> bool:
        return self.store.row(ENTRIES, self.store.names.entry(key_of(user))) is not None

    def evictions(self, why: str) -> float:
        return self.metric("foresend_cache_evictions_total", reason=why)


def key_of(user: str) -> bytes:
    return communication_key(WORKSPACE, NEWS, UserId(user))


def counted(store: CacheStore) -> Live:
    live = Live(0, 0)
    for name, row in store.scan_rows(ENTRIES, b"", 10_000):
        live = live.changed(name, None, row)
    return live


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Limited]:
    made = Limited(tmp_path / "cache")
    yield made
    made.close()


def test_bytes_are_counted_as_they_are_stored_whatever_happens(node: Limited) -> None:
    chance = Random(7)
    for step in range(300):
        user = f"user-{chance.randrange(40):02}"
        what = chance.randrange(10)
        if what == 0:
            node.record(COMMUNICATIONS.name, key_of(user), None)
        elif what == 1:
            node.record(COMMUNICATIONS.name, key_of(user), encode(Communication.of_grave(version(step))))
        else:
            odds = (1.0,) if what < 5 else (0.5, 0.5)
            node.entry(communication(user, number=step, odds=odds))
        node.read(f"user-{chance.randrange(40):02}")
        assert node.store.live == counted(node.store)
        assert node.store.live.size <= node.limit
    live = node.store.live
    node.store.close()
    again = CacheStore(node.store.folder)
    assert again.live == live
    again.close()


def test_what_nobody_asks_for_is_not_let_in_where_there_is_no_room(node: Limited) -> None:
    node.fill()
    node.fill(50, 60)
    assert all(node.holds(f"user-{number:02}") for number in range(ROOM))
    assert not any(node.holds(f"user-{number}") for number in range(50, 60))
    assert (node.evictions(UNREAD), node.evictions(SPACE)) == (10, 0)


def test_an_entry_that_is_asked_for_takes_the_place_of_one_that_is_not(node: Limited) -> None:
    node.fill()
    node.entry(communication("user-77"))
    for number in range(5):
        node.read(f"user-{number:02}", times=2)
    node.read("user-77")
    (refresh,) = [told for told in node.told() if told.user == "user-77"]
    assert refresh.properties["reason"] == "evicted"
    node.entry(communication("user-77", number=2))
    assert node.holds("user-77")
    assert all(node.holds(f"user-{number:02}") for number in range(5))
    assert node.evictions(SPACE) >= 1


def test_an_evicted_user_gets_the_fallback_of_his_language(node: Limited) -> None:
    node.fill()
    node.entry(communication("user-77", locale="de"))
    reply = node.get("/v1/communications/news/user-77?format=json")
    assert reply.json["subject"] == "fallback news de 1"
    assert (
        node.metric("foresend_reads_total", workspace=WORKSPACE, template=NEWS, source="fallback", reason="evicted")
        == 1
    )
    other = node.get(f"/v1/communications/{CART}/user-77?format=json")
    assert other.json["subject"] == "fallback cart de 1"
    unknown = node.get("/v1/communications/news/user-99?format=json")
    assert unknown.json["subject"] == "fallback news en 1"


def test_nothing_older_comes_back_where_an_entry_made_room(node: Limited) -> None:
    node.fill()
    node.entry(communication("user-77", number=9))
    node.read("user-77", times=3)
    node.entry(communication("user-77", number=8))
    assert not node.holds("user-77")
    node.entry(communication("user-77", number=9))
    assert node.holds("user-77")
    assert node.store.evicted([key_of("user-77")]) == [None]


def test_a_grave_and_a_tombstone_remove_what_is_left_of_an_evicted_entry(node: Limited) -> None:
    node.fill()
    for user, value in (("user-77", None), ("user-78", encode(Communication.of_grave(version(5))))):
        node.entry(communication(user))
        assert node.store.evicted([key_of(user)]) != [None]
        node.record(COMMUNICATIONS.name, key_of(user), value)
        assert node.store.evicted([key_of(user)]) == [None]
    assert node.get("/v1/communications/news/user-78").status == 410


def test_an_entry_of_an_older_release_goes_first_among_those_read_as_often(node: Limited) -> None:
    node.fill(1, 10)
    node.release(release(2))
    for number in range(10, ROOM):
        node.entry(communication(f"user-{number:02}", release_id="release-2"))
    for number in range(ROOM):
        node.read(f"user-{number:02}")
    node.read("user-77")
    node.entry(communication("user-77", release_id="release-2"))
    assert node.evictions(OUTDATED) >= 1
    assert node.evictions(SPACE) == 0


def test_more_in_one_batch_than_there_is_room_for_stays_within_the_limit(node: Limited) -> None:
    users = [f"user-{number:02}" for number in range(60)]
    for user in users:
        node.store.access.note(node.store.names.entry(key_of(user)))
    records = [
        LogRecord(COMMUNICATIONS.name, 0, offset, START_MS, *record_of(communication(user)))
        for offset, user in enumerate(users)
    ]
    node.applier.apply(records, {(COMMUNICATIONS.name, 0): 60}, START_MS, live=False)
    assert 0 < node.store.live.size <= node.limit
    assert len(node.store.scan_rows(EVICTED, b"", 100)) == 60 - node.store.live.entries


def test_a_limit_that_was_lowered_is_reached_step_by_step(node: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    node.fill()
    size = node.store.live.size
    monkeypatch.setattr(evicting, "STEP_BYTES", size // 10)
    smaller = Applier(node.store, node.releases, node.meters, size // 2)
    smaller.apply([], {}, START_MS)
    assert size // 2 < node.store.live.size <= size - size // 10
    for _ in range(6):
        smaller.apply([], {}, START_MS)
    assert size // 3 < node.store.live.size <= size // 2
    # What comes meanwhile asks for as much room as it takes.
    smaller = Applier(node.store, node.releases, node.meters, size // 4)
    before = node.store.live.size
    records = [
        LogRecord(COMMUNICATIONS.name, 0, number, START_MS, *record_of(communication(f"late-{number}")))
        for number in range(10)
    ]
    for record in records:
        node.store.access.note(node.store.names.entry(record.key or b""))
    smaller.apply(records, {(COMMUNICATIONS.name, 0): 99}, START_MS, live=False)
    assert node.store.live.size <= before - size // 10
    assert node.store.live == counted(node.store)


def test_an_entry_of_which_nothing_is_valid_any_more_ends_and_says_so(node: Limited) -> None:
    until = START_MS + 60_000
    node.entry(communication(ANNA, odds=(0.5, 0.5), valid_until_ms=(until - 1, until)))
    node.entry(communication("carl", odds=(0.5, 0.5), valid_until_ms=(until, 0)))
    node.clock.now_ms = until - 1
    node.entry(communication("dora"))
    assert node.holds(ANNA)
    node.clock.now_ms = until + DAY_MS
    node.entry(communication("emil"))
    assert (node.holds(ANNA), node.holds("carl")) == (False, True)
    assert node.evictions(ENDED) == 1
    assert node.store.scan_rows(DUE, b"", 10) == []
    node.get("/v1/communications/news/anna")
    assert (
        node.metric("foresend_reads_total", workspace=WORKSPACE, template=NEWS, source="fallback", reason="expired")
        == 1
    )


def test_an_entry_that_was_replaced_in_time_does_not_end(node: Limited) -> None:
    node.entry(communication(ANNA, number=1, odds=(1.0,), valid_until_ms=(START_MS + 1,)))
    node.entry(communication(ANNA, number=2, odds=(1.0,)))
    node.clock.now_ms = START_MS + DAY_MS
    node.entry(communication("carl"))
    assert node.holds(ANNA)
    assert node.evictions(ENDED) == 0


# How often entries are read


def names(count: int) -> list[bytes]:
    chance = Random(3)
    return [chance.randbytes(16) + b"news" for _ in range(count)]


def noted(sketch: AccessSketch, *reads: bytes, entries: int = 10_000) -> None:
    for name in reads:
        sketch.note(name)
    sketch.count_noted(entries)


def test_reads_are_counted_up_to_fifteen_and_templates_apart() -> None:
    sketch, (one, other) = AccessSketch(), names(2)
    noted(sketch, *[one] * 3, *[other] * 40)
    assert sketch.frequencies([one, other, one[:16] + b"cart"]) == [3, COUNT_MAX, 0]


def test_counts_are_halved_as_reads_go_on() -> None:
    sketch, (one, *others) = AccessSketch(), names(5_001)
    noted(sketch, *[one] * 8, entries=500)
    noted(sketch, *others, *others, entries=500)
    assert sketch.frequencies([one]) == [4]


def test_of_two_read_as_often_the_one_read_last_is_worth_more() -> None:
    sketch, (early, late, *others) = AccessSketch(), names(3_002)
    noted(sketch, early, entries=500)
    noted(sketch, *others, entries=500)
    noted(sketch, late, entries=500)
    first, last = sketch.worths([early, late])
    assert last > first
    assert sketch.worths([bytes(16) + b"news"]) == [0]


def test_the_estimate_survives_a_restart(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    name = store.names.entry(key_of(ANNA))
    for _ in range(3):
        store.entry(key_of(ANNA))
    store.access.count_noted(1)
    store.keep_reads()
    store.close()
    again = CacheStore(tmp_path)
    assert again.frequency([name]) == [3]
    assert (store.hits, store.misses) == (0, 3)
    again.close()


def test_an_estimate_of_another_size_is_refused() -> None:
    sketch = AccessSketch()
    for packed in (b"junk", AccessSketch(width_bits=10).packed()):
        with pytest.raises(StateCorrupt):
            sketch.restore(packed)
