"""`foresend deliver`: ambiguous sends are listed and settled at the nodes, and the worker's door tells of it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import msgspec
import pytest

from connectors.delivery.node_client import Granted, NodeClient
from connectors.delivery.telling import NodeUnavailable
from connectors.delivery.worker_meters import WorkerMeters
from connectors.http.client import Headers, HttpUnavailable, Reply
from foresend import cli
from foresend.http_server import MetricsDoor
from schemas.ids import SendId, TemplateName, UserId
from schemas.library import MessageClass
from schemas.sending import Outcome, SendRecord, SendState, Told
from tests.support.asgi import request
from tests.support.delivery import SHOP, a_grant
from tests.support.http_stand_in import HttpStandIn


def doubtful(number: int) -> SendRecord:
    return SendRecord(
        SendId(f"friday-{number}"),
        UserId(f"u{number}"),
        TemplateName("news"),
        MessageClass.MARKETING,
        "smtp",
        SendState.AMBIGUOUS,
        1,
        2,
        3,
        attempt=1,
    )


@contextmanager
def node(sends: list[SendRecord]) -> Iterator[HttpStandIn]:
    """A node that answers the same to everything, in a thread of its own: the command has an event loop too."""
    server = HttpStandIn(200, body=msgspec.json.encode({"sends": sends}))
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()
    ready: list[bool] = []

    async def serve() -> None:
        async with server.running():
            ready.append(True)
            await ended.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    while not ready:
        thread.join(0.01)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def test_sends_in_doubt_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with node([doubtful(1), doubtful(2)]) as server:
        code = cli.main(["deliver", "--ambiguous", "--json", "--gateway", server.url])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert [line["send_id"] for line in lines] == ["friday-1", "friday-2"]
    assert [posted.path for posted in server.received] == ["/v1/deliveries:ambiguous"]


@pytest.mark.parametrize(
    ("words", "ids", "resolution"),
    [
        (["--mark-sent", "friday-2"], ["friday-2"], "sent"),
        (["--resend", "all"], ["friday-1", "friday-2"], "resend"),
    ],
)
def test_they_are_settled_as_told(words: list[str], ids: list[str], resolution: str) -> None:
    with node([doubtful(1), doubtful(2)]) as server:
        assert cli.main(["deliver", "--ambiguous", *words, "--gateway", server.url]) == 0

    settled = [posted.json for posted in server.received if posted.path == "/v1/deliveries:resolve"]
    assert settled == [{"send_ids": ids, "resolution": resolution}], "what was settled is not settled again"


def test_one_that_is_not_in_doubt_is_a_failure() -> None:
    with node([doubtful(1)]) as server:
        assert cli.main(["deliver", "--ambiguous", "--resend", "other", "--gateway", server.url]) == 1


def test_settling_without_saying_so_is_wrong_use() -> None:
    assert cli.main(["deliver", "--resend", "all"]) == 2


class ClientStandIn:
    """Answers as told; None: not at all."""

    def __init__(self, reply: Reply | None) -> None:
        self.reply = reply
        self.asked: list[tuple[str, str, Any]] = []

    async def request(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Reply:
        self.asked.append((method, path, json.loads(body) if body else None))
        self.headers = dict(headers)
        if self.reply is None:
            raise HttpUnavailable("away")
        return self.reply


def test_a_node_is_asked_for_grants_and_told_outcomes_with_its_key() -> None:
    client = ClientStandIn(Reply(200, {}, msgspec.json.encode(Granted([a_grant()]))))
    asked = NodeClient("http://node:1", "fsk_1", client)

    granted = asyncio.run(asked.grant("smtp", 7))
    asyncio.run(asked.tell([Told(SHOP, SendId("s1"), 2, Outcome.SENT, "2.0.0", 5)]))

    assert granted == [a_grant()]
    assert client.headers["authorization"] == "Bearer fsk_1"
    told = {"workspace": "shop", "send_id": "s1", "attempt": 2, "outcome": "sent", "status": "2.0.0", "at_ms": 5}
    assert client.asked == [
        ("POST", "/v1/deliveries:grant", {"max": 7, "channels": ["smtp"]}),
        ("POST", "/v1/deliveries:told", {"results": [told]}),
    ]


@pytest.mark.parametrize(
    "reply",
    [
        None,
        Reply(503, {}, b'{"type": "urn:foresend:problem:not_ready"}'),
        Reply(200, {}, b"[]"),
        Reply(200, {}, b'{"grants": [{"address": "ann@people.example"}]}'),
    ],
)
def test_an_answer_that_is_none_is_told_without_quoting_it(reply: Reply | None) -> None:
    with pytest.raises(NodeUnavailable) as told:
        asyncio.run(NodeClient("http://node:1", "", ClientStandIn(reply)).grant("smtp", 1))

    assert "people.example" not in str(told.value)


def test_the_door_has_health_and_metrics_and_nothing_else() -> None:
    door = MetricsDoor(WorkerMeters().page)
    assert request(door, "GET", "/healthz").json == {"status": "ok"}
    assert b"foresend_deliver_under_way" in request(door, "GET", "/metrics").body
    assert request(door, "GET", "/v1/send").status == 404


def test_a_worker_is_ready_as_long_as_a_channel_takes_messages() -> None:
    """Mutant: ready by itself; then a worker whose relay is away takes part in a rollout as if it worked."""
    meters = WorkerMeters()
    door = MetricsDoor(meters.page, meters.is_ready)
    assert request(door, "GET", "/readyz").status == 503
    meters.tell_channel("smtp", is_ready=False)
    meters.tell_channel("file", is_ready=True)
    assert request(door, "GET", "/readyz").json == {"status": "ready"}
    page = request(door, "GET", "/metrics").body
    assert b"foresend_ready 1.0" in page
    assert b'foresend_deliver_channel_ready{channel="smtp"} 0.0' in page
