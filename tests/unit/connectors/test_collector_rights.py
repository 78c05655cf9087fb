"""What the collector asks the owner of a person's rights, before it acknowledges anything."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.collector.rights_used import GatewayOwner, OwnerUnavailable, UsedRight, rights_in
from connectors.http.client import Headers, HttpUnavailable, Reply
from schemas.events import Event, EventKind
from schemas.ids import EventId, RecordId, UserId
from schemas.library import ConsentSettings
from schemas.rights import Asked, RightKind
from tests.support.asgi import request
from tests.support.collecting import KEY, NOW, NOW_MS, SHOP, Rig

DENIED = {"consent": {"categoryPreferences": {"analytics": True, "personalisation": False}}}
AGREED = {"consent": {"categoryPreferences": {"analytics": True, "personalisation": True}}}


class Gateway:
    """A stand-in: remembers what it was asked, and answers with a status. `before`: called at each question."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.before: Callable[[], None] = lambda: None

    async def request(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Reply:
        self.before()
        assert method == "POST"
        self.asked.append((path, json.loads(body), dict(headers)))
        if self.status == 0:
            raise HttpUnavailable("nobody answers")
        return Reply(self.status, {}, b"{}")


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def rig(gateway: Gateway) -> Rig:
    return Rig(GatewayOwner("http://gateway.example", {SHOP: "fsk_key"}, gateway))


def unsubscribed(**properties: str) -> dict[str, Any]:
    return {"userId": "ann", "event": "Unsubscribed", "properties": properties, "timestamp": NOW.isoformat()}


def delete(rig: Rig, user: str = "ann") -> int:
    return request(rig.app, "DELETE", f"/v1/users/{user}", headers={"authorization": KEY}).status


@pytest.mark.parametrize(
    ("properties", "purpose"), [({}, ""), ({"list_id": "offers"}, "offers"), ({"list_id": "x" * 500}, "x" * 128)]
)
def test_an_unsubscription_is_told_with_its_list(
    rig: Rig, gateway: Gateway, properties: dict[str, str], purpose: str
) -> None:
    assert rig.post("/v1/track", unsubscribed(**properties)).status in (200, 202)
    ((path, said, headers),) = gateway.asked
    assert path == "/v1/users/ann/rights"
    assert said == {
        "right": "unsubscribe", "at_ms": NOW_MS, "channel": "email", "purpose": purpose, "told": True,
    }  # fmt: skip
    assert headers["authorization"] == "Bearer fsk_key"


@pytest.mark.parametrize("path", ["/v1/track", "/v1/identify", "/v1/page"])
def test_consent_that_is_taken_back_is_told_whatever_call_brings_it(rig: Rig, gateway: Gateway, path: str) -> None:
    body = {"userId": "ann", "event": "Seen", "context": DENIED, "timestamp": NOW.isoformat()}
    rig.post(path, body)
    assert [said for _, said, _ in gateway.asked] == [{"right": "withdraw", "at_ms": NOW_MS, "told": True}]


@pytest.mark.parametrize("context", [{}, AGREED, {"consent": "no"}, {"consent": {}}])
def test_nothing_else_is_asked(rig: Rig, gateway: Gateway, context: dict[str, Any]) -> None:
    assert rig.post("/v1/track", {"userId": "ann", "event": "Seen", "context": context}).status in (200, 202)
    assert gateway.asked == []
    assert len(rig.log.events) == 1


def test_an_erasure_is_told_with_the_id_as_it_is(rig: Rig, gateway: Gateway) -> None:
    assert delete(rig, "a%2Fb%20%C3%A4") in (200, 202)
    ((path, said, _),) = gateway.asked
    assert (path, said["right"]) == ("/v1/users/a%2Fb%20%C3%A4/rights", "erase")


@pytest.mark.parametrize("status", [0, 401, 403, 404, 421, 500, 503])
def test_nothing_is_acknowledged_that_the_owner_refused(rig: Rig, gateway: Gateway, status: int) -> None:
    gateway.status = status
    assert rig.post("/v1/track", unsubscribed()).status == 503
    assert rig.post("/v1/batch", {"batch": [{"type": "track", **unsubscribed()}]}).status == 503
    assert delete(rig) == 503
    assert rig.log.records == []
    # Who uses no right is not held up.
    assert rig.post("/v1/track", {"userId": "ann", "event": "Seen"}).status in (200, 202)


def test_the_owner_knows_before_kafka_does(rig: Rig, gateway: Gateway) -> None:
    written: list[int] = []
    gateway.before = lambda: written.append(len(rig.log.records))
    rig.post("/v1/track", unsubscribed())
    assert written == [0]
    assert len(rig.log.records) == 1


def test_a_right_of_a_batch_is_asked_for_once_with_its_last_time(rig: Rig, gateway: Gateway) -> None:
    calls = [
        {"type": "track", "userId": user, "event": "Seen", "messageId": f"{user}-{number}", "context": DENIED}
        for user in ("ann", "bob")
        for number in range(5)
    ]
    rig.post("/v1/batch", {"batch": calls})
    assert sorted(path for path, _, _ in gateway.asked) == ["/v1/users/ann/rights", "/v1/users/bob/rights"]
    assert len(rig.log.events) == 10


def test_times_are_those_of_the_statement_and_never_of_the_future() -> None:
    def at(at_ms: int) -> int:
        event = Event(
            workspace=SHOP, user=UserId("ann"), record_id=RecordId("r"), id=EventId("e"), kind=EventKind.TRACK,
            at_ms=at_ms, received_ms=NOW_MS, name="Unsubscribed",
        )  # fmt: skip
        return rights_in(event, ConsentSettings())[0].asked.at_ms

    assert at(NOW_MS - 5) == NOW_MS - 5
    assert at(NOW_MS + 5) == NOW_MS


def test_of_several_the_first_refusal_is_told(gateway: Gateway) -> None:
    gateway.status = 403
    owner = GatewayOwner("http://gateway.example", {}, gateway)
    rights = [UsedRight(SHOP, UserId(name), Asked(RightKind.ERASE, 1)) for name in ("ann", "bob")]
    with pytest.raises(OwnerUnavailable, match="403"):
        asyncio.run(owner.ask(rights))
    assert "authorization" not in gateway.asked[0][2]


def test_without_a_gateway_all_is_as_before() -> None:
    rig = Rig()
    assert rig.post("/v1/track", unsubscribed()).status in (200, 202)
    assert len(rig.log.records) == 1
