"""The load generator: what it asks, what it takes for an answer, and which answers count."""

import asyncio
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from foresend.bench.http_load import Connection, Tally, WrongAnswer, requests_of
from foresend.bench.load import Draws, LoadPlan, Posts

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"ok": true}'


def plan(asked: Draws | Posts | None = None, **fields: Any) -> LoadPlan:
    chosen: dict[str, Any] = {
        "port": 1,
        "asked": asked or Draws(("news", "cart"), 100, "run"),
        "connections": 1,
        "seconds": 10.0,
        "warm_up_s": 0.0,
        "seed": 1,
    }
    return LoadPlan(**(chosen | fields))


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_over = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.is_over = True


class Rig:
    """A connection to nobody, fed by hand."""

    def __init__(self, **fields: Any) -> None:
        self.plan = plan(**fields)
        self.tally = Tally(self.plan, begun_s=0.0)
        # All of it counts, and it goes on: the clock is far from both ends.
        self.tally.counts_from_s, self.tally.ends_s = float("-inf"), float("inf")
        self.wire = Wire()
        self.connection = Connection(iter(lambda: b"ask", b"").__next__, self.plan, self.tally)
        self.connection.connection_made(self.wire)  # type: ignore[arg-type]


def test_an_answer_in_one_piece_is_counted_and_the_next_request_follows() -> None:
    async def run() -> None:
        rig = Rig()
        rig.connection.data_received(ANSWER)

        assert rig.wire.written == [b"ask", b"ask"]
        assert len(rig.tally.latencies_s) == 1
        assert rig.tally.body_bytes == 12

    asyncio.run(run())


def test_an_answer_in_many_pieces_is_one_answer() -> None:
    async def run() -> None:
        rig = Rig()
        for at in range(len(ANSWER)):
            assert len(rig.tally.latencies_s) == 0
            rig.connection.data_received(ANSWER[at : at + 1])

        assert len(rig.tally.latencies_s) == 1
        rig.connection.data_received(ANSWER)
        assert len(rig.tally.latencies_s) == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        (ANSWER.replace(b"200 OK", b"503 Busy"), {}),
        (ANSWER, {"expected": '"source":"entry"'}),
        (ANSWER, {"status": 202}),
    ],
)
def test_an_answer_that_is_not_as_expected_ends_the_load(answer: bytes, fields: dict[str, Any]) -> None:
    async def run() -> None:
        rig = Rig(**fields)
        rig.connection.data_received(answer)

        assert rig.wire.is_over
        with pytest.raises(WrongAnswer):
            await rig.connection.ended

    asyncio.run(run())


def test_a_server_that_hangs_up_ends_the_load() -> None:
    async def run() -> None:
        rig = Rig()
        rig.connection.connection_lost(None)

        with pytest.raises(WrongAnswer, match="hung up"):
            await rig.connection.ended

    asyncio.run(run())


def test_what_was_asked_during_the_warm_up_does_not_count() -> None:
    tally = Tally(plan(warm_up_s=5.0, seconds=2.0), begun_s=100.0)

    assert tally.answered(104.9, 105.1, 10)
    assert tally.answered(105.0, 105.5, 10)
    assert tally.answered(106.0, 106.5, 30)
    assert not tally.answered(106.9, 107.1, 20)

    found = tally.result()
    assert found.requests == 3
    assert found.requests_per_s == pytest.approx(3 / 2.1)
    assert found.p50_ms == pytest.approx(500)
    assert found.p99_ms == pytest.approx(500)
    assert found.body_bytes == 20


def test_no_answer_at_all_is_no_figure() -> None:
    with pytest.raises(WrongAnswer):
        Tally(plan(), begun_s=0.0).result()


def test_draws_ask_for_each_template_in_turn_with_send_ids_of_their_own() -> None:
    asked = list(islice(requests_of(plan()), 200))

    assert [request.split(b"/")[3] for request in asked] == [b"news", b"cart"] * 100
    sends = {json.loads(request.partition(b"\r\n\r\n")[2])["send_id"] for request in asked}
    assert len(sends) == 200
    users = {request.split(b" ")[1].split(b"/")[4] for request in asked}
    assert users < {b"user-%d" % number for number in range(100)}
    assert len(users) > 50
    assert asked == list(islice(requests_of(plan()), 200)), "the same seed asks the same"


def test_bodies_are_posted_in_turn_with_their_lengths(tmp_path: Path) -> None:
    bodies = tmp_path / "bodies"
    bodies.write_bytes(b'{"a":1}\n{"bb":22}')

    asked = list(islice(requests_of(plan(Posts("/v1/batch", str(bodies)))), 3))

    assert [request.partition(b"\r\n\r\n")[2] for request in asked] == [b'{"a":1}', b'{"bb":22}', b'{"a":1}']
    assert all(request.startswith(b"POST /v1/batch HTTP/1.1\r\n") for request in asked)
    assert b"content-length: 9\r\n" in asked[1]
