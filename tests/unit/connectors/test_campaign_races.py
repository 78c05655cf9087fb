"""Workers that never rest, and an operator who pauses: nothing of a campaign starts once a pause was acknowledged."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from schemas.campaigns import CampaignState
from tests.support.campaigning import NAME, CampaignsInProcess, sale
from tests.support.messages import WORKSPACE

WORKERS = 3
PAUSES = 12
PEOPLE = 400
LATE_S = 0.02


class Scene:
    """What happens, in the one order in which it happens. A worker's barrier makes it start right beside a pause."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.barrier = threading.Barrier(WORKERS + 1)
        self._numbers = count()
        self.said: list[tuple[int, str]] = []

        self.is_acknowledged = threading.Event()

    def say(self, what: str) -> None:
        # One bytecode each: the numbers are in the order of what they stand for.
        self.said.append((next(self._numbers), what))

    def meet(self) -> None:
        """Wait for the others, as long as the scene goes on."""
        try:
            self.barrier.wait(timeout=20)
        except threading.BrokenBarrierError:
            self.is_over.set()

    def starts_while_stopped(self) -> int:
        """Starts between the acknowledgement of a stop and the next time that it is lifted."""
        stopped = found = 0
        for _, what in sorted(self.said):
            if what == "acknowledged":
                stopped = 1
            elif what == "lifted":
                stopped = 0
            else:
                found += stopped
        return found


@pytest.fixture
def node(tmp_path: Path) -> Iterator[CampaignsInProcess]:
    found = CampaignsInProcess(tmp_path / "cache", quiet_from=0, quiet_until=0)
    found.desk._wait_s = 20.0
    yield found
    found.close()


def work(node: CampaignsInProcess, scene: Scene) -> int:
    """A worker: begins what it is granted, and tells of it; right at the barrier it has been granted something."""
    started = 0
    while not scene.is_over.is_set():
        grants = node.grant(2)
        scene.meet()
        # Begun as late as can be: where a pause is acknowledged though this was granted, right after that.
        for grant in grants:
            scene.is_acknowledged.wait(LATE_S)
            scene.say("started")
            started += 1
            node.tell(grant)
        for grant in node.grant(3):
            scene.say("started")
            started += 1
            node.tell(grant)
    return started


def operate(node: CampaignsInProcess, scene: Scene) -> None:
    for _ in range(PAUSES):
        scene.meet()
        asyncio.run(node.called("POST", f"/v1/campaigns/{NAME}:pause"))
        scene.say("acknowledged")
        scene.is_acknowledged.set()
        # Workers ask in vain meanwhile.
        scene.meet()
        scene.say("lifted")
        scene.is_acknowledged.clear()
        node.campaigns.resume(WORKSPACE, NAME)
        node.walk()
    scene.is_over.set()
    scene.barrier.abort()


def test_no_send_starts_after_an_acknowledged_pause(node: CampaignsInProcess) -> None:
    users = node.persons(PEOPLE)
    node.start()
    scene = Scene()

    with ThreadPoolExecutor(WORKERS + 1) as threads:
        workers = [threads.submit(work, node, scene) for _ in range(WORKERS)]
        threads.submit(operate, node, scene).result()
        started = sum(worker.result() for worker in workers)
    rest = node.deliver()

    assert sum(what == "acknowledged" for _, what in scene.said) == PAUSES
    assert started > PAUSES
    assert scene.starts_while_stopped() == 0
    # And nobody was lost or sent to twice by all that.
    assert node.row().counted["sent"] == started + len(rest) == len(users)
    assert node.row().state is CampaignState.DONE


def test_no_send_starts_after_an_acknowledged_cancellation(node: CampaignsInProcess) -> None:
    node.persons(PEOPLE)
    node.start(sale())
    scene = Scene()

    def cancel() -> None:
        scene.meet()
        asyncio.run(node.called("POST", f"/v1/campaigns/{NAME}:cancel"))
        scene.say("acknowledged")
        scene.is_acknowledged.set()
        scene.meet()
        scene.is_over.set()
        scene.barrier.abort()

    with ThreadPoolExecutor(WORKERS + 1) as threads:
        workers = [threads.submit(work, node, scene) for _ in range(WORKERS)]
        threads.submit(cancel).result()
        started = sum(worker.result() for worker in workers)
    node.walk()

    assert scene.starts_while_stopped() == 0
    assert node.row().counted == {"cancelled": PEOPLE - started, "sent": started, "sent:chosen": started}
