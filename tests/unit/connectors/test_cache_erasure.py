"""An erased user in the cache: what goes at the grave, what is kept by hash for how long, and what may come back."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.cache.applying import LogRecord
from connectors.cache.families import FAMILIES, GRAVES, PURGES, SEND_TIMES, SENDS, SENDS_KEPT_MS, SERVED, Family
from connectors.cache.store import CacheStore
from schemas.codec import encode
from schemas.decisions import Communication
from schemas.ids import UserId
from schemas.keys import communication_key, user_key
from schemas.profiles import ToldProfile
from schemas.topics import COMMUNICATIONS, PROFILES
from tests.support.gateway import GatewayInProcess
from tests.support.messages import ANNA, NEWS, START_MS, WORKSPACE, communication, record_of, release, version

ANNA_NEWS = "/v1/communications/news/anna"
ANNAS_KEY = communication_key(WORKSPACE, NEWS, ANNA)
BERTA_NEWS = "/v1/communications/news/berta"
HOUR_MS = 3_600_000


@pytest.fixture
def node(tmp_path: Path) -> Iterator[GatewayInProcess]:
    """A node with a release, and the newsletters of Anna and Berta."""
    made = GatewayInProcess(tmp_path / "cache")
    made.release(release(1))
    made.entry(communication())
    made.entry(communication(user="berta"))
    yield made
    made.close()


def grave(node: GatewayInProcess, number: int = 90, user: str = ANNA) -> None:
    key = communication_key(WORKSPACE, NEWS, UserId(user))
    node.record(COMMUNICATIONS.name, key, encode(Communication.of_grave(version(number))))


def tombstone(node: GatewayInProcess) -> None:
    node.record(COMMUNICATIONS.name, ANNAS_KEY, None)


def told(node: GatewayInProcess, number: int, *, is_grave: bool = False) -> None:
    profile = ToldProfile(version(number), locale="" if is_grave else "en", grave=is_grave)
    node.record(PROFILES.name, user_key(WORKSPACE, ANNA), encode(profile))


def rows(store: CacheStore, family: Family) -> list[tuple[bytes, bytes]]:
    return list(store._database.scan(family))


def test_no_row_of_an_erased_user_is_left_that_says_who_it_was(node: GatewayInProcess) -> None:
    told(node, 2)
    node.post(ANNA_NEWS, "anna-42")
    node.store.outbox_done([number for number, _ in node.store.outbox_head(10)])
    grave(node)
    told(node, 91, is_grave=True)
    left = [(family.name, key, row) for family in FAMILIES for key, row in rows(node.store, family)]
    assert not [row for row in left if b"anna" in row[1] + row[2]]
    assert {name for name, _, _ in left} >= {"graves", "sends", "purges"}


def test_no_key_says_who_it_is_of_living_users_too(node: GatewayInProcess) -> None:
    # For keys stand in indexes, in bounds of files and in RocksDB's own log, which no compaction writes anew.
    told(node, 2)
    node.post(ANNA_NEWS, "anna-42")
    keys = [key for family in FAMILIES for key, _ in rows(node.store, family)]
    assert not [key for key in keys if b"anna" in key]


def test_two_caches_name_the_same_person_differently(tmp_path: Path, node: GatewayInProcess) -> None:
    other = CacheStore(tmp_path / "other")
    assert other.names.person(WORKSPACE, ANNA) != node.store.names.person(WORKSPACE, ANNA)
    assert node.store.names.entry(ANNAS_KEY) == node.store.names.person(WORKSPACE, ANNA) + b"news"
    other.close()


def test_a_newer_version_revives_and_nothing_between_comes_back(node: GatewayInProcess) -> None:
    grave(node, 90)
    node.entry(communication(number=89))
    assert node.get(ANNA_NEWS).status == 410
    node.entry(communication(number=91))
    assert node.get(ANNA_NEWS).status == 200
    node.entry(communication(number=89))
    assert node.store.entry(ANNAS_KEY) == encode(communication(number=91))
    grave(node, 90)
    assert node.get(ANNA_NEWS).status == 200


def test_a_grave_for_somebody_of_whom_nothing_is_here_guards_too(node: GatewayInProcess) -> None:
    grave(node, 90, user="carl")
    node.entry(communication(user="carl", number=5))
    assert node.get("/v1/communications/news/carl").status == 410


def test_a_told_profile_goes_and_nothing_older_comes_back(node: GatewayInProcess) -> None:
    told(node, 2)
    assert node.get("/v1/users/anna/features").status == 200
    told(node, 90, is_grave=True)
    told(node, 3)
    assert node.get("/v1/users/anna/features").status == 410
    assert node.store.profile(user_key(WORKSPACE, ANNA)) is None
    told(node, 91)
    assert node.get("/v1/users/anna/features").status == 200


def test_all_sends_of_the_user_go_and_nobody_elses(node: GatewayInProcess) -> None:
    node.entry(communication(user=ANNA, number=1))
    for path, send_id in ((ANNA_NEWS, "a1"), ("/v1/communications/cart/anna", "a2"), (BERTA_NEWS, "b1")):
        assert node.post(path, send_id).status == 200
    first = node.post(BERTA_NEWS, "b1").body
    grave(node)
    assert [key[:16] for key, _ in rows(node.store, SERVED)] == [node.store.names.person(WORKSPACE, UserId("berta"))]
    assert node.post("/v1/communications/cart/anna", "a2").status == 410
    assert node.post(BERTA_NEWS, "b1").body == first


def test_the_send_id_of_an_erased_user_is_still_taken(node: GatewayInProcess) -> None:
    node.post(ANNA_NEWS, "s1")
    grave(node)
    assert node.post(BERTA_NEWS, "s1").status == 409
    assert node.post(ANNA_NEWS, "s1").status == 410


def test_after_48_hours_nothing_of_a_send_or_of_an_erasure_is_left(node: GatewayInProcess) -> None:
    node.post(ANNA_NEWS, "s1")
    node.post(BERTA_NEWS, "s2")
    grave(node)
    end_ms = START_MS + SENDS_KEPT_MS
    assert (node.store.sweep_sends(end_ms), node.store.sweep_graves(end_ms + 1)) == (0, 0)
    assert node.store.sweep_sends(end_ms + 1) == 2
    assert [rows(node.store, family) for family in (SENDS, SERVED, SEND_TIMES)] == [[], [], []]
    assert node.store.sweep_graves(end_ms + HOUR_MS) == 0  # it is a guard for as long as there is no tombstone
    tombstone(node)
    assert node.store.sweep_graves(START_MS + SENDS_KEPT_MS) == 0
    assert node.store.sweep_graves(end_ms + HOUR_MS) == 1
    assert rows(node.store, GRAVES) == []


def test_a_grave_read_again_after_a_rebuild_leaves_the_new_life_alone(node: GatewayInProcess) -> None:
    node.post(ANNA_NEWS, "old life")
    grave(node, 90)
    node.clock.now_ms += HOUR_MS
    node.entry(communication(number=91))
    first = node.post(ANNA_NEWS, "new life")
    node.clock.now_ms += HOUR_MS
    node.store.forget_followed({})
    node.release(release(1))
    node.entry(communication(number=1))
    grave(node, 90)
    assert node.get(ANNA_NEWS).status == 410
    node.entry(communication(number=91))
    assert node.post(ANNA_NEWS, "new life").body == first.body
    assert node.post(ANNA_NEWS, "old life").status == 410


def test_a_grave_that_comes_late_takes_also_what_was_sent_after_its_event(node: GatewayInProcess) -> None:
    # The node was away, or behind: the erasure is of before the draw, and the draw of before the grave's arrival.
    node.clock.now_ms += 5 * HOUR_MS
    node.post(ANNA_NEWS, "s1")
    node.clock.now_ms += HOUR_MS
    grave(node, 90)
    assert rows(node.store, SERVED) == []


@pytest.mark.parametrize(("live", "left"), [(True, 0), (False, 1)])
def test_a_grave_of_long_ago_takes_sends_of_now_only_where_it_arrives_now(
    node: GatewayInProcess, live: bool, left: int
) -> None:
    # Versions of a log that is replayed are of its own time; a rebuild reads graves of people who have come back.
    node.clock.now_ms += SENDS_KEPT_MS + HOUR_MS
    node.post(ANNA_NEWS, "s1")
    value = encode(Communication.of_grave(version(90)))
    record = LogRecord(COMMUNICATIONS.name, 0, 9, START_MS, ANNAS_KEY, value)
    node.applier.apply([record], {(COMMUNICATIONS.name, 0): 10}, node.clock.now_ms, live=live)
    assert len(rows(node.store, SERVED)) == left


def test_a_draw_later_than_the_batchs_clock_is_taken_too(node: GatewayInProcess) -> None:
    # The follower looks at the clock before it makes a batch.
    node.clock.now_ms += 5
    node.post(ANNA_NEWS, "s1")
    node.clock.now_ms -= 5
    grave(node, 2)
    assert rows(node.store, SERVED) == []


def test_a_draw_under_way_leaves_nothing_behind(node: GatewayInProcess) -> None:
    # Guards the lock around draws and erasures: the grave comes after the draw has seen the entry.
    erasing = threading.Thread(target=grave, args=(node,))
    remember = CacheStore.remember_send

    def interrupted(store: CacheStore, *args: object) -> None:
        erasing.start()
        erasing.join(0.2)
        remember(store, *args)  # type: ignore[arg-type]

    with patch.object(CacheStore, "remember_send", interrupted):
        assert node.post(ANNA_NEWS, "s1").status == 200
    erasing.join()
    assert rows(node.store, SERVED) == []
    assert node.post(ANNA_NEWS, "s1").status == 410


def test_a_persons_tombstone_without_a_grave_before_it_takes_the_sends(node: GatewayInProcess) -> None:
    # A node that was away while the topic was compacted gets no grave.
    told(node, 2)
    node.post(ANNA_NEWS, "s1")
    node.record(PROFILES.name, user_key(WORKSPACE, ANNA), None)
    assert rows(node.store, SERVED) == []
    assert [key for key, _ in rows(node.store, PURGES)] == [node.store.names.person(WORKSPACE, ANNA)]


def test_a_tombstone_of_a_message_takes_no_sends(node: GatewayInProcess) -> None:
    # A template that a new release has no more leaves tombstones of living users.
    first = node.post(ANNA_NEWS, "s1")
    tombstone(node)
    assert node.post(ANNA_NEWS, "s1").body == first.body
    assert rows(node.store, PURGES) == []


def test_a_tombstone_of_no_key_is_a_dead_letter(node: GatewayInProcess) -> None:
    node.record(COMMUNICATIONS.name, b"no key", None)
    assert node.metric("foresend_dead_letters_total", source="communications", reason="key_mismatch") == 1


STEPS = st.one_of(
    st.tuples(st.just("entry"), st.integers(1, 9)),
    st.tuples(st.just("grave"), st.integers(1, 9)),
    st.tuples(st.just("tombstone"), st.just(0)),
    st.tuples(st.just("killed"), st.just(0)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=12))
def test_whatever_happens_and_whenever_it_is_killed_nothing_older_than_a_grave_comes_back(
    tmp_path: Path, steps: list[tuple[str, int]]
) -> None:
    shutil.rmtree(tmp_path, ignore_errors=True)
    number, node = 0, GatewayInProcess(tmp_path / "0")
    standing: tuple[str, int] | None = None
    for what, at in steps:
        if what == "killed":
            # What a killed process leaves are the files as they are at that moment.
            shutil.copytree(tmp_path / f"{number}", tmp_path / f"{number + 1}")
            node.close()
            number += 1
            node = GatewayInProcess(tmp_path / f"{number}")
        elif what == "tombstone":
            tombstone(node)
            standing = None
        else:
            node.entry(communication(number=at)) if what == "entry" else grave(node, at)
            standing = (what, at) if standing is None or at >= standing[1] else standing
        is_living = standing is not None and standing[0] == "entry"
        expected = record_of(communication(number=standing[1]))[1] if standing and is_living else None
        assert node.store.entry(ANNAS_KEY) == expected
        assert node.store.is_erased(WORKSPACE, ANNA) == (standing is not None and not is_living)
    node.close()
