"""Workers that never rest, and people who use their rights: nothing that a right forbids starts after it was said."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from connectors.delivery.rights_told import RightsTold
from connectors.delivery.using_rights import UsingRights
from schemas.ids import UserId
from schemas.rights import Asked, RightKind
from schemas.sending import Grant
from schemas.worlds import WorldRef
from tests.support.delivering import LedgerInProcess
from tests.support.messages import NEWS, WORKSPACE

WORKERS = 3
PEOPLE = [f"user-{number}" for number in range(16)]
SENDS = 12
LATE_S = 0.01
ACKNOWLEDGED = "acknowledged"


class Scene:
    """What happens, in the one order in which it happens. A worker's barrier makes it start right beside a right."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.is_acknowledged = threading.Event()
        self.barrier = threading.Barrier(WORKERS + 1)
        self._numbers = count()
        self.said: list[tuple[int, str, str]] = []

    def say(self, user: str, what: str) -> None:
        # One bytecode each: the numbers are in the order of what they stand for.
        self.said.append((next(self._numbers), user, what))

    def meet(self) -> None:
        """Wait for the others, as long as the scene goes on."""
        try:
            self.barrier.wait(timeout=20)
        except threading.BrokenBarrierError:
            self.is_over.set()

    def after_acknowledgement(self) -> list[str]:
        """What started of people after what they asked for had been acknowledged."""
        told: set[str] = set()
        found = []
        for _, user, what in sorted(self.said):
            if what == ACKNOWLEDGED:
                told.add(user)
            elif user in told:
                found.append(what)
        return found


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LedgerInProcess]:
    """A node with people, many sends due to each of them, no caps and no quiet hours."""
    made = LedgerInProcess(tmp_path / "cache", caps=(), quiet_from=0, quiet_until=0, control=0.0)
    for user in PEOPLE:
        made.person(user)
    for number in range(SENDS):
        for user in PEOPLE:
            made.ask(f"{user}-{number}", user)
    yield made
    made.close()


def work(node: LedgerInProcess, scene: Scene) -> None:
    """A worker: begins what it is granted as late as can be, and tells of it."""
    while not scene.is_over.is_set():
        grants = node.grant(2)
        scene.meet()
        for grant in grants:
            scene.is_acknowledged.wait(LATE_S)
            start(node, scene, grant)
        for grant in node.grant(1):
            start(node, scene, grant)


def start(node: LedgerInProcess, scene: Scene, grant: Grant) -> None:
    scene.say(grant.user, "chosen" if "entry" in grant.subject else "default")
    node.tell(grant)


def use_rights(node: LedgerInProcess, scene: Scene, kind: RightKind) -> None:
    """People use a right, one after the other, each while workers hold grants."""
    using = UsingRights(node.node.store, node.ledger)
    for user in PEOPLE:
        scene.meet()
        asked = [Asked(kind, node.now_ms)]
        rows = RightsTold(WORKSPACE, UserId(user), node.now_ms, WorldRef()).rows(asked)
        asyncio.run(using.use(WORKSPACE, UserId(user), asked, rows))
        scene.say(user, ACKNOWLEDGED)
        scene.is_acknowledged.set()
        scene.meet()
        scene.is_acknowledged.clear()
    scene.is_over.set()
    scene.barrier.abort()


@pytest.mark.parametrize("kind", [*RightKind])
def test_no_send_starts_after_an_acknowledged_right(node: LedgerInProcess, kind: RightKind) -> None:
    scene = Scene()
    with ThreadPoolExecutor(WORKERS + 1) as threads:
        workers = [threads.submit(work, node, scene) for _ in range(WORKERS)]
        threads.submit(use_rights, node, scene, kind).result()
        for worker in workers:
            worker.result()
    while grants := node.grant(20):
        for grant in grants:
            start(node, scene, grant)

    said = [what for _, _, what in scene.said]
    assert said.count(ACKNOWLEDGED) == len(PEOPLE)
    assert said.count("chosen") > 0
    # Who took consent back is still written to, with default content.
    found = scene.after_acknowledgement()
    assert "chosen" not in found
    assert bool(found) is (kind is RightKind.WITHDRAW)
    left = [record for user in PEOPLE for record in node.ledger.records(WORKSPACE, UserId(user))]
    reasons = {(record.reason, record.detail) for record in left if record.state == "skipped"}
    assert reasons == ({("suppressed", "unsubscribed")} if kind is RightKind.UNSUBSCRIBE else set())
    assert all(record.template == NEWS for record in left)
