"""Rights and pauses against grants, with barriers: nothing starts after an acknowledgement, however threads meet."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from unittest.mock import patch

import pytest

from connectors.cache.families import RIGHTS
from connectors.cache.rocks import Batch
from connectors.delivery.granting import PAUSED
from schemas.ids import UserId, WorkspaceId
from schemas.rights import Asked, RightKind
from schemas.sending import Grant, Outcome, SendRecord
from tests.support.delivering import LedgerInProcess
from tests.support.messages import WORKSPACE

ANNA = UserId("anna")
SPRING = "spring"
ROUNDS, WORKERS = 60, 3
WAIT_S = 20.0


class Pauses:
    """Campaigns that can be paused, and nothing else."""

    def __init__(self) -> None:
        self.is_paused = False

    def pace(self, _workspace: WorkspaceId, _record: SendRecord, _now_ms: int) -> int:
        return PAUSED if self.is_paused else 0

    def shares(self, _workspace: WorkspaceId, _campaign: str) -> tuple[float, float]:
        return 0.0, 0.0

    def counted(self, _batch: Batch, _workspace: WorkspaceId, _record: SendRecord) -> None:
        """Nobody counts."""


Stop = Callable[[LedgerInProcess], "Future[None]"]
"""Lets something hold from now on; done once it may be acknowledged."""


def right(kind: RightKind) -> Stop:
    def stop(node: LedgerInProcess) -> "Future[None]":
        node.rights.take(WORKSPACE, ANNA, [Asked(kind, node.now_ms)])
        node.node.store.sync()
        return node.ledger.person_over(WORKSPACE, ANNA)

    return stop


def pause(node: LedgerInProcess) -> "Future[None]":
    hooks = node.ledger.hooks
    assert isinstance(hooks, Pauses)
    with node.node.store.drawing:
        hooks.is_paused = True
        return node.ledger.campaign_over(WORKSPACE, SPRING)


STOPS = {"unsubscribe": right(RightKind.UNSUBSCRIBE), "erase": right(RightKind.ERASE), "pause": pause}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LedgerInProcess]:
    found = LedgerInProcess(tmp_path / "cache", caps=())
    found.ledger.hooks = Pauses()
    found.person()
    yield found
    found.close()


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_nothing_is_granted_after_it(node: LedgerInProcess, stop: Stop) -> None:
    node.ask(campaign=SPRING)
    assert stop(node).done()
    assert node.grant() == []


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_what_was_granted_before_is_waited_for(node: LedgerInProcess, stop: Stop) -> None:
    node.ask(campaign=SPRING)
    [grant] = node.grant()
    over = stop(node)
    assert not over.done()
    node.tell(grant)
    assert over.done()


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_in_the_midst_of_a_grant_it_waits_for_its_end(node: LedgerInProcess, stop: Stop) -> None:
    """Mutants: take the right and look for leases, both without the lock; then the lease being written is missed."""
    node.ask(campaign=SPRING)
    inside, go_on = threading.Event(), threading.Event()
    decide = node.granting.decide

    def slowly(*given: object) -> Grant | None:
        grant = decide(*given)  # type: ignore[arg-type]
        inside.set()
        assert go_on.wait(WAIT_S)
        return grant

    grants: list[Grant] = []
    overs: list[Future[None]] = []
    with patch.object(node.granting, "decide", slowly):
        granting = threading.Thread(target=lambda: grants.extend(node.grant()))
        granting.start()
        assert inside.wait(WAIT_S)
        stopping = threading.Thread(target=lambda: overs.append(stop(node)))
        stopping.start()
        stopping.join(0.1)
        assert overs == []
        go_on.set()
        granting.join()
        stopping.join()
    assert len(grants) == 1
    assert not overs[0].done()
    node.tell(grants[0])
    assert overs[0].done()


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_however_threads_meet_nothing_starts_after_the_acknowledgement(node: LedgerInProcess, stop: Stop) -> None:
    """Mutant: acknowledge without waiting for leases; then some start after it."""
    late = started = 0
    for number in range(ROUNDS):
        node.ask(f"r{number}", campaign=SPRING)
        meeting = Meeting(node, where=number % 3)
        threads = [threading.Thread(target=meeting.work) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        meeting.stop(stop)
        for thread in threads:
            thread.join()
        late += sum(meeting.starts)
        started += len(meeting.starts)
        lift(node, number)
    assert late == 0
    # Else the race was none.
    assert started > 0


class Meeting:
    """Workers and who stops them, at once.

    where   the one who stops goes on: with all others; once one of them asks; once one of them has its answer
    starts  of each message that was begun, whether the stop was acknowledged before
    """

    def __init__(self, node: LedgerInProcess, where: int) -> None:
        self._node = node
        self._barrier = threading.Barrier(WORKERS + 1)
        self._reached = [threading.Event() for _ in range(3)]
        self._where = where
        self._acknowledged = threading.Event()
        self.starts: list[bool] = []

    def work(self) -> None:
        self._reached[0].set()
        self._barrier.wait(WAIT_S)
        self._reached[1].set()
        grants = self._node.grant(1)
        self._reached[2].set()
        for grant in grants:
            self.starts.append(self._acknowledged.is_set())
            self._node.tell(grant, Outcome.NOT_BEGUN)

    def stop(self, stop: Stop) -> None:
        self._barrier.wait(WAIT_S)
        assert self._reached[self._where].wait(WAIT_S)
        stop(self._node).result(WAIT_S)
        self._acknowledged.set()


def lift(node: LedgerInProcess, number: int) -> None:
    """Make everything possible again, for the next round."""
    hooks = node.ledger.hooks
    assert isinstance(hooks, Pauses)
    hooks.is_paused = False
    store = node.node.store
    with store.drawing:
        batch = store.batch()
        batch.delete(RIGHTS, store.names.person(WORKSPACE, ANNA))
        store.commit(batch)
    node.person(number=number + 2)
    node.pass_ms(5_000)
