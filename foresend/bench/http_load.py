"""The process that loads a server: a few connections, the next request as soon as one is answered.

It must cost less than any server that it measures, so it parses no more of an answer than it needs.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator
from itertools import count, cycle
from pathlib import Path
from random import Random
from time import perf_counter
from typing import cast

import msgspec
import uvloop

from foresend.bench.figures import percentile
from foresend.bench.load import Draws, LoadPlan, LoadResult, Posts
from foresend.local.ports import LOOPBACK
from schemas.errors import TransientError

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


class WrongAnswer(TransientError):
    """The server answered otherwise than the plan expects, or hung up; the message shows how it began."""


class Tally:
    """What all connections saw. Times are of the performance counter, in seconds."""

    def __init__(self, plan: LoadPlan, begun_s: float) -> None:
        self.counts_from_s = begun_s + plan.warm_up_s
        self.ends_s = self.counts_from_s + plan.seconds
        self.latencies_s: list[float] = []
        self.body_bytes = 0
        self.last_s = self.counts_from_s

    def answered(self, asked_s: float, now_s: float, body_bytes: int) -> bool:
        """Note one answer; whether to go on. Counted is what was asked when counting had begun."""
        if asked_s >= self.counts_from_s:
            self.latencies_s.append(now_s - asked_s)
            self.body_bytes += body_bytes
            self.last_s = now_s
        return now_s < self.ends_s

    def result(self) -> LoadResult:
        """The figures."""
        latencies_s = sorted(self.latencies_s)
        answers = len(latencies_s)
        if not answers:
            raise WrongAnswer("expected at least one answer in the time that counts, got none")
        return LoadResult(
            requests=answers,
            requests_per_s=answers / (self.last_s - self.counts_from_s),
            p50_ms=percentile(latencies_s, 0.5) * 1000,
            p99_ms=percentile(latencies_s, 0.99) * 1000,
            body_bytes=self.body_bytes / answers,
        )


class Connection(asyncio.Protocol):
    """One kept connection: asks, reads the answer, asks again."""

    def __init__(self, next_request: Callable[[], bytes], plan: LoadPlan, tally: Tally) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._next_request = next_request
        self._tally = tally
        self._status = b"HTTP/1.1 %d " % plan.status
        self._expected = plan.expected.encode()
        self._transport: asyncio.Transport | None = None
        self._asked_s = 0.0
        self._answer = b""
        self._body_at = self._whole = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's: connected."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._ask(self._transport)

    def data_received(self, data: bytes) -> None:
        """Asyncio's: a part of the answer, mostly all of it."""
        answer = self._answer = self._answer + data if self._answer else data
        if not self._whole and not self._read_head(answer):
            return
        if len(answer) < self._whole or self._transport is None:
            return
        if not answer.startswith(self._status) or answer.find(self._expected, 0, 1024) < 0:
            self._end(WrongAnswer(f"expected {self._status!r} and {self._expected!r}, got {answer[:400]!r}"))
        elif self._tally.answered(self._asked_s, perf_counter(), self._whole - self._body_at):
            self._ask(self._transport)
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's: the server hung up, or we did."""
        self._transport = None
        self._end(WrongAnswer(f"the server hung up: {exc}"))

    def _ask(self, transport: asyncio.Transport) -> None:
        self._answer, self._whole = b"", 0
        request = self._next_request()
        self._asked_s = perf_counter()
        transport.write(request)

    def _read_head(self, answer: bytes) -> bool:
        """Find where the body begins and the answer ends; False while the head is not whole."""
        head_end = answer.find(HEAD_END)
        if head_end < 0:
            return False
        at = answer.find(LENGTH, 0, head_end)
        if at < 0:
            # Written otherwise: seldom, so only then all of the head is made small.
            at = answer[:head_end].lower().find(LENGTH)
        start = at + len(LENGTH)
        length = int(answer[start : answer.index(b"\r", start)]) if at >= 0 else 0
        self._body_at = head_end + len(HEAD_END)
        self._whole = self._body_at + length
        return True

    def _end(self, error: WrongAnswer | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)
        if self._transport is not None:
            self._transport.abort()


def requests_of(plan: LoadPlan) -> Iterator[bytes]:
    """The requests, without an end."""
    match plan.asked:
        case Draws(templates, users, sends):
            chance = Random(plan.seed).random
            starts = [f"POST /v1/communications/{template}/user-".encode() for template in templates]
            head, send = _head(plan), sends.encode()
            for number, start in zip(count(), cycle(starts)):
                body = b'{"send_id":"%s-%d"}' % (send, number)
                yield b"%s%d%s%d\r\n\r\n%s" % (start, chance() * users, head, len(body), body)
        case Posts(path, bodies):
            start, head = f"POST {path}".encode(), _head(plan)
            found = [b"%s%s%d\r\n\r\n%s" % (start, head, len(body), body) for body in _lines(bodies)]
            yield from cycle(found)


def _lines(file: str) -> list[bytes]:
    return Path(file).read_bytes().splitlines()


def _head(plan: LoadPlan) -> bytes:
    """What comes between the path and the length of the body."""
    key = f"authorization: Bearer {plan.key}\r\n" if plan.key else ""
    head = f" HTTP/1.1\r\nhost: {LOOPBACK}\r\n{key}content-type: application/json\r\ncontent-length: "
    return head.encode()


async def load(plan: LoadPlan) -> LoadResult:
    """Ask until the time is over.

    Raises:
        WrongAnswer: as soon as one answer is not as the plan expects.
    """
    loop = asyncio.get_running_loop()
    requests = requests_of(plan)
    tally = Tally(plan, perf_counter())
    opened = [
        await loop.create_connection(lambda: Connection(requests.__next__, plan, tally), LOOPBACK, plan.port)
        for _ in range(plan.connections)
    ]
    await asyncio.gather(*(connection.ended for _, connection in opened))
    return tally.result()


def main(plan_file: str, result_file: str) -> None:
    """Load as the plan says, and leave the result in a file."""
    plan = msgspec.json.decode(Path(plan_file).read_bytes(), type=LoadPlan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(load(plan))
    Path(result_file).write_bytes(msgspec.json.encode(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
