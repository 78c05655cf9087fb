"""/openapi.json: valid, and complete, for it is made of the table that requests are matched by."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from openapi_spec_validator import validate

from connectors.gateway.answers import Answer, json_body
from connectors.gateway.openapi import document
from connectors.gateway.routing import Request, Right, Route
from tests.support.gateway import GatewayInProcess
from tests.support.messages import release


class Asked(msgspec.Struct):
    """What is asked for."""

    name: str
    numbers: list[int] = []


async def handler(_request: Request) -> Answer:
    return json_body(200, {})


ROUTES = (
    Route("POST", ("v1", "things", "{name}:do"), Right.SEND, handler, about="Does a thing", takes=Asked,
          gives={202: Asked}, query={"slowly": "whether"}),
    Route("GET", ("u", "{token}"), None, handler, about="A page", gives={200: "text/html"}),
)  # fmt: skip


@pytest.fixture
def node(tmp_path: Path) -> Iterator[GatewayInProcess]:
    made = GatewayInProcess(tmp_path / "cache", routes=ROUTES)
    made.release(release(1))
    yield made
    made.close()


def test_it_is_valid_and_needs_no_key(node: GatewayInProcess) -> None:
    validate(node.get("/openapi.json").json)


def test_every_route_stands_in_it_and_says_what_it_does(node: GatewayInProcess) -> None:
    paths = node.get("/openapi.json").json["paths"]
    for route in node.gateway.routes:
        told = paths[route.name][route.method.lower()]
        assert told["summary"], f"{route.method} {route.name}: expected `about`"
        assert len(told.get("parameters", [])) == route.name.count("{") + len(route.query)
        assert bool(told["security"]) == (route.right is not None)
    assert sum(len(methods) for methods in paths.values()) == len(node.gateway.routes)
    ids = [told["operationId"] for methods in paths.values() for told in methods.values()]
    assert len(set(ids)) == len(ids)


def test_a_route_tells_shapes_rights_and_problems() -> None:
    told = document(ROUTES)
    operation = told["paths"]["/v1/things/{name}:do"]["post"]
    assert operation["security"] == [{"bearer": ["send"]}, {"basic": ["send"]}]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Asked"}
    assert set(operation["responses"]) == {"202", "401", "403", "429", "default"}
    assert told["components"]["schemas"]["Asked"]["required"] == ["name"]
    page = told["paths"]["/u/{token}"]["get"]
    assert set(page["responses"]["200"]["content"]) == {"text/html"}
