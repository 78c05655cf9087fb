"""A kill from the page: reads are counted from the kill until the job is back."""

import asyncio
from collections.abc import Callable

from connectors.http.client import Headers, HttpUnavailable, Reply
from foresend.demo.inbox.kills import Kills
from schemas.ids import TemplateName, UserId

MAIL = TemplateName("newsletter")
USERS = [UserId("ana"), UserId("jonas")]


class Cluster:
    """A gateway that fails each third read, and a job that is back after some reads."""

    def __init__(self, reads: int) -> None:
        self.paths: list[str] = []
        self._reads = reads
        self.back: Callable[[float], None] = lambda _: None
        self.kills = 0

    async def request(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Reply:  # noqa: ARG002
        self.paths.append(path)
        if len(self.paths) == self._reads:
            self.back(1.5)
        if len(self.paths) % 3 == 0:
            raise HttpUnavailable("away")
        return Reply(503 if len(self.paths) % 3 == 1 else 200, {}, b"")

    def kill(self, back: Callable[[float], None]) -> bool:
        self.kills += 1
        self.back = back
        return True


def test_reads_are_counted_until_the_job_is_back() -> None:
    cluster = Cluster(reads=6)

    async def killed() -> Kills:
        kills = Kills(cluster.kill, cluster)
        assert kills.told() is None
        assert kills.begin(USERS, MAIL)
        assert not kills.begin(USERS, MAIL), "one at a time"
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        return kills

    found = asyncio.run(killed()).told()
    assert found is not None
    assert (found.is_over, found.seconds, found.reads, found.failed) == (True, 1.5, 6, 4)
    assert found.slowest_ms >= 0
    assert cluster.kills == 1
    assert {path.split("/")[4].partition("?")[0] for path in cluster.paths} == {"ana", "jonas"}


def test_where_it_cannot_be_killed_nothing_is_counted() -> None:
    async def refused() -> None:
        for kill in (None, lambda _back: False):
            kills = Kills(kill, Cluster(reads=1))
            assert not kills.begin(USERS, MAIL)
            assert kills.told() is None

    asyncio.run(refused())
