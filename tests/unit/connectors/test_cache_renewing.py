"""After a release: who is asked for anew, in which order, how fast, and when not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from connectors.cache.outdated import Outdated
from connectors.cache.renewing import (
    AGAIN_MS,
    ASK_AGAIN_MS,
    LAG_RECORDS_MAX,
    OUTBOX_ROWS_MAX,
    TRIES_MAX,
    WAITING_S,
    Pace,
    RenewalMeters,
    Renewer,
    newest_ids,
)
from connectors.cache.rows import OutboxRow
from connectors.gateway.events import release_refresh_row
from schemas.codec import encode
from schemas.decisions import Communication
from schemas.events import EventKind
from schemas.ids import ReleaseId, UserId, WorkspaceId
from schemas.keys import user_key
from schemas.profiles import FeatureValue, ToldProfile
from schemas.topics import PROFILES
from schemas.worlds import WorldRef
from tests.support.gateway import GatewayInProcess
from tests.support.messages import CART, START_MS, WORKSPACE, communication, release, version

DAY_MS = 86_400_000
ACTIVE_MS = 30 * DAY_MS
PER_S = 5


@dataclass
class Node:
    """A cache with a renewer that is driven by hand."""

    gateway: GatewayInProcess
    renewer: Renewer
    registry: CollectorRegistry
    progress: SimpleNamespace
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(2, 1_000_000)))

    def entry(self, user: str, **more: object) -> None:
        """An entry arrives, newer than all before."""
        reads = more.pop("reads", 0)
        changes = {name: more.pop(name) for name in ("at_ms", "cause", "world") if name in more}
        entry = communication(user=user, number=next(self.numbers), **more)  # type: ignore[arg-type]
        assert entry.decision is not None
        decision = msgspec.structs.replace(entry.decision, **changes)
        self.gateway.entry(msgspec.structs.replace(entry, decision=decision))
        assert isinstance(reads, int)
        for _ in range(reads):
            self.gateway.get(f"/v1/communications/{decision.template}/{user}")
        self.gateway.store.access.count_noted(1)

    def renew(self, user: str, release_id: str = "release-2") -> None:
        """The job answers."""
        self.entry(user, release_id=release_id, cause="release")

    def ticks(self, count: int, each_ms: int = 1_000) -> list[str]:
        """Let time go on; returns who was asked for."""
        before = len(self.gateway.outbox())
        for _ in range(count):
            self.gateway.clock.now_ms += each_ms
            self.renewer.tick()
        return [str(event.user) for event in self.gateway.told()[before:]]

    def drain(self) -> None:
        """Kafka takes everything."""
        rows = self.gateway.store.outbox_head(1_000_000)
        if rows:
            self.gateway.store.outbox_done([number for number, _ in rows])

    def outcome(self, name: str) -> float:
        return self.registry.get_sample_value("foresend_cache_renewals_total", {"outcome": name}) or 0.0


def renewer_of(gateway: GatewayInProcess, registry: CollectorRegistry, progress: SimpleNamespace) -> Renewer:
    def newest() -> Mapping[WorkspaceId, ReleaseId]:
        return newest_ids(gateway.releases)

    def row_of(key: bytes, asked: ReleaseId, at_ms: int) -> OutboxRow:
        return release_refresh_row(key, asked, at_ms, WorldRef(3, 2))

    return Renewer(
        gateway.store,
        progress,
        RenewalMeters(registry),
        Pace(PER_S, ACTIVE_MS),
        newest=newest,
        row_of=row_of,
        clock_ms=gateway.clock,
    )


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    gateway = GatewayInProcess(tmp_path / "cache")
    gateway.release(release(1))
    registry, progress = CollectorRegistry(), SimpleNamespace(is_ready=True, lag_records=0)
    yield Node(gateway, renewer_of(gateway, registry, progress), registry, progress)
    gateway.close()


def test_nobody_is_asked_for_where_all_is_of_the_newest_release(node: Node) -> None:
    node.entry("anna")
    assert node.ticks(20) == []


def test_each_person_of_an_older_release_is_asked_for_once_with_all_messages(node: Node) -> None:
    for user in ("anna", "berta"):
        node.entry(user)
        node.entry(user, template=CART)
    node.entry("carla", release_id="release-2")
    node.gateway.release(release(2))
    assert sorted(node.ticks(20)) == ["anna", "berta"]
    event = node.gateway.told()[0]
    assert (event.kind, event.properties) == (EventKind.REFRESH, {"reason": "release", "release": "release-2"})
    assert event.world == WorldRef(3, 2)
    assert [row.topic for row in node.gateway.outbox()] == ["events"] * 2


def test_the_most_read_come_first_and_then_the_oldest_world(node: Node) -> None:
    node.entry("late", world=WorldRef(1, 9))
    node.entry("early", world=WorldRef(1, 2))
    node.entry("seldom", reads=1, world=WorldRef(1, 9))
    node.entry("often", reads=6, world=WorldRef(1, 9))
    node.gateway.release(release(2))
    # What was read has asked for nothing: it was served.
    assert node.ticks(20) == ["often", "seldom", "early", "late"]


def test_no_more_are_asked_for_in_a_second_than_the_pace_allows(node: Node) -> None:
    for number in range(4 * PER_S):
        node.entry(f"user-{number:02}")
    node.gateway.release(release(2))
    asked = [len(node.ticks(10, each_ms=100)) for _ in range(6)]
    assert max(asked) <= PER_S + 1
    assert sum(asked) == 4 * PER_S


def test_no_more_are_waited_for_than_a_few_seconds_worth(node: Node) -> None:
    for number in range(20 * PER_S):
        node.entry(f"user-{number:03}")
    node.gateway.release(release(2))
    asked = node.ticks(30)
    assert len(asked) == WAITING_S * PER_S
    for user in asked:
        node.renew(user)
    assert len(node.ticks(8)) > PER_S
    assert node.outcome("renewed") == len(asked)


@pytest.mark.parametrize("behind", ["outbox", "lag", "not ready"])
def test_nothing_is_asked_for_while_kafka_or_this_node_is_behind(node: Node, behind: str) -> None:
    node.entry("anna")
    node.gateway.release(release(2))
    if behind == "outbox":
        row = release_refresh_row(b"shop|news|x", ReleaseId("r"), START_MS, WorldRef())
        node.gateway.store.commit(node.gateway.store.batch(), [row] * (OUTBOX_ROWS_MAX + 1))
    node.progress.lag_records = LAG_RECORDS_MAX + 1 if behind == "lag" else 0
    node.progress.is_ready = behind != "not ready"
    assert node.ticks(20) == []
    node.drain()
    node.progress.lag_records, node.progress.is_ready = 0, True
    assert node.ticks(5) == ["anna"]


def test_who_gets_no_render_is_asked_for_again_and_in_the_end_no_more(node: Node) -> None:
    node.entry("anna")
    node.gateway.release(release(2))
    assert node.ticks(5) == ["anna"]
    assert node.ticks(2, ASK_AGAIN_MS) == ["anna"] * 2
    assert node.ticks(20, ASK_AGAIN_MS // 4) == []
    assert (node.outcome("asked"), node.outcome("given_up")) == (1, 1)
    assert TRIES_MAX == 3
    assert "anna" in node.ticks(4, AGAIN_MS)


def test_who_is_asked_for_again_is_asked_for_within_the_pace_too(node: Node) -> None:
    for number in range(8 * PER_S):
        node.entry(f"user-{number:02}")
    node.gateway.release(release(2))
    assert len(node.ticks(12)) == 8 * PER_S
    node.progress.lag_records = LAG_RECORDS_MAX + 1
    assert node.ticks(1, 2 * ASK_AGAIN_MS) == []
    node.progress.lag_records = 0
    again = [len(node.ticks(10, each_ms=100)) for _ in range(10)]
    # At first also what was left, and a second's worth for the time that nothing was done.
    assert again[0] <= 3 * PER_S
    assert max(again[1:]) <= PER_S + 1
    assert sum(again) == 8 * PER_S


def test_a_restart_goes_on_with_those_that_are_left(node: Node) -> None:
    for user in ("anna", "berta", "carla"):
        node.entry(user)
    node.gateway.release(release(2))
    node.renewer.tick()
    node.renew("berta")
    node.renewer = renewer_of(node.gateway, CollectorRegistry(), node.progress)
    assert sorted(node.ticks(20)) == ["anna", "carla"]


def test_a_second_release_meanwhile_is_what_is_asked_for_from_then_on(node: Node) -> None:
    node.entry("anna")
    node.gateway.release(release(2))
    assert node.ticks(5) == ["anna"]
    node.gateway.release(release(3))
    node.renew("anna", "release-2")
    assert node.ticks(5) == ["anna"]
    assert node.gateway.told()[-1].properties["release"] == "release-3"
    node.gateway.release(release(1))
    assert node.ticks(5) == ["anna"]
    assert node.gateway.told()[-1].properties["release"] == "release-1"


def test_who_is_neither_read_nor_here_is_left_alone(node: Node) -> None:
    long_ago = START_MS - 2 * ACTIVE_MS
    node.entry("gone", at_ms=long_ago)
    node.entry("read", at_ms=long_ago, reads=1)
    node.entry("here", at_ms=START_MS, cause="shift")
    node.entry("renewed", at_ms=START_MS, cause="release")
    node.entry("steady", at_ms=long_ago)
    for user, seen_ms in (("renewed", long_ago), ("rendered", START_MS), ("steady", START_MS)):
        told = ToldProfile(version(1), features={"last_event_ms": FeatureValue(float(seen_ms), seen_ms)})
        node.gateway.record(PROFILES.name, user_key(WORKSPACE, UserId(user)), encode(told))
    node.entry("rendered", at_ms=START_MS, cause="release")
    node.entry("unknown", at_ms=START_MS, cause="release")
    node.gateway.release(release(2))
    assert sorted(node.ticks(20)) == ["here", "read", "rendered", "steady", "unknown"]


def test_graves_notes_and_other_workspaces_without_a_release_are_passed_by(node: Node) -> None:
    node.entry("anna", workspace=WorkspaceId("other"))
    note = Communication.of_withheld(version(5), "consent")
    node.gateway.record("communications", b"shop|news|berta", encode(note))
    node.gateway.release(release(2))
    assert node.ticks(20) == []


def test_an_erased_person_is_waited_for_no_longer(node: Node) -> None:
    node.entry("anna")
    node.gateway.release(release(2))
    assert node.ticks(5) == ["anna"]
    node.gateway.record("communications", b"shop|news|anna", None)
    assert node.ticks(5, ASK_AGAIN_MS) == []
    assert node.outcome("given_up") == 0


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_a_look_finds_the_same_however_it_is_cut(node: Node, rows: int) -> None:
    for number in range(7):
        node.entry(f"user-{number}")
        node.entry(f"user-{number}", template=CART)
    look = Outdated(node.gateway.store, {WORKSPACE: ReleaseId("release-2")}, START_MS, ACTIVE_MS)
    while not look.is_done:
        look.look(rows)
    assert len({due.key.split(b"|")[2] for due in look.due()}) == len(look.due()) == 7


def test_one_look_remembers_the_most_urgent(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.cache.outdated.DUE_MAX", 3)
    for number in range(10):
        node.entry(f"user-{number}", world=WorldRef(1, number))
    look = Outdated(node.gateway.store, {WORKSPACE: ReleaseId("release-2")}, START_MS, ACTIVE_MS)
    while not look.is_done:
        look.look(4)
    assert [due.world.models for due in look.due()] == [2, 1, 0]


def test_all_are_asked_for_in_the_end_though_one_look_remembers_few(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.cache.outdated.DUE_MAX", 3)
    users = [f"user-{number}" for number in range(10)]
    for user in users:
        node.entry(user)
    node.gateway.release(release(2))
    asked: list[str] = []
    for _ in range(40):
        new = node.ticks(1)
        asked += new
        for user in new:
            node.renew(user)
    assert sorted(asked) == users
