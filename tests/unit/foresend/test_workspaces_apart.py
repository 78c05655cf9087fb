"""Workspaces never see each other: every path of a whole node is asked for what is another workspace's.

To a key what is another's is as what is nowhere: the same answer, but for the names that it asked by.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from connectors.gateway.app import Gateway
from connectors.gateway.routing import Route
from tests.support.asgi import Response
from tests.support.whole_node import BANK_KEY, SHOP_KEY, WholeNode

OURS = {"template": "news", "user": "anna", "send_id": "send-of-anna", "name": "spring"}
NOBODYS = {"template": "news", "user": "nina", "send_id": "send-of-nina", "name": "autumn"}
for _names, _workspace in ((OURS, "shop"), (NOBODYS, "none")):
    _names.update(token="none", workspace=_workspace)
BODIES = {
    "/v1/communications/{template}/{user}": '{"send_id": "%(send_id)s"}',
    "/v1/communications/{template}:batch": '{"user": "%(user)s", "send_id": "%(send_id)s"}',
    "/v1/send": '{"template": "news", "user": "%(user)s", "send_id": "%(send_id)s"}',
    "/v1/users/{user}/rights": '{"right": "unsubscribe"}',
    "/v1/deliveries:grant": '{"max": 10, "channels": ["file", "email"]}',
    "/v1/deliveries:told": (
        '{"results": [{"workspace": "%(workspace)s", "send_id": "%(send_id)s", "attempt": 1, "outcome": "sent"}]}'
    ),
    "/v1/deliveries:resolve": '{"send_ids": ["%(send_id)s"], "resolution": "sent"}',
    "/v1/deliveries:returned": '{"token": "none"}',
}
"""What is asked where a body is needed; elsewhere `{}`."""


def ask(node: WholeNode, route: Route, names: dict[str, str], key: str) -> Response:
    body = BODIES.get(route.name, "{}") % names if route.method == "POST" else ""
    return node.send(route.method, route.name.format_map(names), body, key)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[WholeNode]:
    made = WholeNode(tmp_path / "cache")
    yield made
    made.store.close()


def private(gateway: Gateway) -> Sequence[Route]:
    return [route for route in gateway.routes if route.right is not None]


def without_names(answer: Response, names: dict[str, str]) -> tuple[int, str]:
    """An answer without the names that it was asked by, signed or not, and without times."""
    text = re.sub(r"https://mail\.example/\w/[\w-]+", "<link>", answer.body.decode())
    text = re.sub(r"\d{13}", "<ms>", text)
    for name in ("send_id", "user", "name"):
        text = text.replace(names[name], f"<{name}>")
    return answer.status, text


def shown(node: WholeNode) -> list[Any]:
    """What the shop sees of its own."""
    return [
        node.send("POST", "/v1/communications/news/anna", '{"send_id": "send-of-anna"}', SHOP_KEY).body,
        node.send("GET", "/v1/communications/news/anna?format=json", "", SHOP_KEY).body,
        node.send("GET", "/v1/users/anna/sends", "", SHOP_KEY).body,
        node.send("GET", "/v1/users/anna/features", "", SHOP_KEY).json["features"][0]["value"],
    ]


def test_what_is_another_workspaces_is_to_a_key_as_what_is_nowhere(node: WholeNode) -> None:
    assert node.send("POST", "/v1/send", BODIES["/v1/send"] % OURS, SHOP_KEY).status == 202
    before = shown(node)
    assert b'"source":"entry"' in before[0]
    assert b'"send_id":"send-of-anna"' in before[2]
    assert len(private(node.gateway)) > 10
    for route in private(node.gateway):
        found, nowhere = (ask(node, route, names, BANK_KEY) for names in (OURS, NOBODYS))
        told = f"{route.method} {route.name}"
        assert without_names(found, OURS) == without_names(nowhere, NOBODYS), told
        assert found.status < 500, told
        assert b"shop" not in found.body, told
    assert shown(node) == before, "and nothing of it was changed"


def test_where_a_key_is_needed_there_is_no_way_round_it(node: WholeNode) -> None:
    for route in private(node.gateway):
        for key in ("", "another", SHOP_KEY[:-1]):
            assert ask(node, route, OURS, key).status == 401, f"{route.method} {route.name}"


def test_what_is_public_tells_nothing_of_anybody_by_a_token_that_is_none(node: WholeNode) -> None:
    shown(node)
    for route in node.gateway.routes:
        if route.right is None:
            answer = ask(node, route, OURS, "")
            for secret in (b"anna", b"send-of-anna", b"shop"):
                assert secret not in answer.body or route.name == "/metrics", f"{route.method} {route.name}"


def test_metrics_name_no_person(node: WholeNode) -> None:
    shown(node)
    text = node.send("GET", "/metrics", "", "").body
    assert b"anna" not in text
    assert b"send-of-anna" not in text


def test_bodies_that_are_tried_are_such_that_the_shops_own_key_gets_an_answer(node: WholeNode) -> None:
    """Or the first test would compare mistakes with mistakes."""
    shown(node)
    known = {route.name: route for route in node.gateway.routes if route.method == "POST"}
    assert set(BODIES) <= set(known)
    for name in BODIES.keys() & known.keys():
        answer = ask(node, known[name], OURS, SHOP_KEY)
        # A token that is none is refused for itself.
        assert answer.status != 400 or "token" in BODIES[name], f"{name}: {answer.body.decode()}"


def test_the_description_of_a_whole_node_is_valid_and_complete(node: WholeNode) -> None:
    told = node.send("GET", "/openapi.json", "", "").json
    validate(told)
    for route in node.gateway.routes:
        assert told["paths"][route.name][route.method.lower()]["summary"], f"{route.method} {route.name}"
