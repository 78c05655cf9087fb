"""Tokens of messages that come back, and the node that knows whose they were."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from connectors.delivery.returns import TOKEN_LENGTH, ReturnDesk, ReturnTokens
from connectors.delivery.send_rows import SendErased
from connectors.gateway.answers import Answer
from connectors.gateway.nodes import Nodes
from connectors.gateway.problems import Problem
from connectors.gateway.routing import Request, Route
from connectors.kafka.partitioning import event_partition
from schemas.errors import SchemaError
from schemas.ids import UserId, WorkspaceId

SHOP = WorkspaceId("shop")
ANA = UserId("ana")
SEND = bytes(range(16))
OLD, NEW = {"k1": b"0123456789abcdef"}, {"k2": b"fedcba9876543210"}
TOKENS = ReturnTokens(OLD)
TOKEN = TOKENS.token(SHOP, ANA, SEND)


def test_a_token_names_a_send_and_its_partition_in_what_an_address_has_room_for() -> None:
    assert TOKEN.isalnum()
    assert TOKEN.lower() == TOKEN
    assert len(TOKEN) == TOKEN_LENGTH == 40
    assert TOKENS.read(TOKEN) == (event_partition(SHOP, ANA), SEND)
    assert TOKENS.read(TOKEN.upper()) == TOKENS.read(TOKEN)


def test_keys_are_rotated() -> None:
    both = ReturnTokens(NEW | OLD)
    assert both.read(TOKEN).send == SEND
    assert both.token(SHOP, ANA, SEND) == ReturnTokens(NEW).token(SHOP, ANA, SEND) != TOKEN


@pytest.mark.parametrize("place", range(TOKEN_LENGTH))
def test_a_token_with_another_letter_is_none(place: int) -> None:
    other = "a" if TOKEN[place] != "a" else "b"
    with pytest.raises(SchemaError):
        TOKENS.read(TOKEN[:place] + other + TOKEN[place + 1 :])


@pytest.mark.parametrize("text", ["", "a", "a" * 39, "a" * 40, "a" * 41, "é" * 40, "1" * 40, "=" * 40, "a" * 100_000])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(SchemaError):
        TOKENS.read(text)


def test_another_installation_s_token_is_refused() -> None:
    with pytest.raises(SchemaError):
        ReturnTokens(NEW).read(TOKEN)


async def answered(route: Route, request: Request) -> Answer:
    found = await route.handler(request)
    assert isinstance(found, Answer)
    return found


def asked(rows: object, body: object, workspace: str = "shop", nodes: Nodes | None = None) -> dict[str, str]:
    """What a node answers."""
    (route,) = ReturnDesk(rows, TOKENS, nodes or Nodes({}, "a")).routes()  # type: ignore[arg-type]
    request = Request("POST", route.path, {}, {}, json.dumps(body).encode(), WorkspaceId(workspace), forwarded=False)
    found: dict[str, str] = json.loads(asyncio.run(answered(route, request)).body)
    return found


class Known:
    """A ledger of one send; `left`: whether anything is left of it."""

    def __init__(self, *, left: bool = True) -> None:
        self._left = left

    def named(self, send: bytes) -> SimpleNamespace | None:
        if not self._left:
            raise SendErased
        if send != SEND:
            return None
        return SimpleNamespace(workspace=SHOP, record=SimpleNamespace(user=ANA, send_id="s1"))


def test_a_node_tells_whose_a_message_was() -> None:
    assert asked(Known(), {"token": TOKEN}) == {"user": "ana", "send_id": "s1"}


@pytest.mark.parametrize(
    ("rows", "token", "workspace", "code"),
    [
        (Known(), TOKEN, "other", "no_such_send"),
        (Known(), TOKENS.token(SHOP, ANA, bytes(16)), "shop", "no_such_send"),
        (Known(left=False), TOKEN, "shop", "no_such_send"),
        (Known(), TOKEN[:-1] + "a", "shop", "bad_token"),
        (Known(), 5, "shop", "bad_token"),
    ],
)
def test_what_is_nobody_s_is_told_as_such(rows: Known, token: object, workspace: str, code: str) -> None:
    with pytest.raises(Problem) as problem:
        asked(rows, {"token": token}, workspace)
    assert problem.value.code == code


def test_the_node_that_acts_for_the_person_is_asked() -> None:
    """The token alone tells which one: nobody but that node knows the person yet."""
    partition = event_partition(SHOP, ANA)
    others = [number for number in range(12) if number != partition]
    assert asked(Known(), {"token": TOKEN}, nodes=Nodes({}, "a", [partition])) == {"user": "ana", "send_id": "s1"}
    with pytest.raises(Problem, match=f"partition {partition} "):
        asked(Known(), {"token": TOKEN}, nodes=Nodes({}, "a", others))
