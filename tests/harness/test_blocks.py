"""A block goes the way of an e-mail: chosen and made in the step, stored, drawn and answered as JSON."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.library import Release
from templates.compiler import compile_release
from templates.workspace import load
from tests.support.blocks import with_block
from tests.support.events import named
from tests.support.fixed_worlds import FixedProgram
from tests.support.gateway import GatewayInProcess
from tests.support.operator_harness import OperatorHarness

ALERT = "/v1/communications/alert/ana"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return compile_release(load(with_block(tmp_path_factory.mktemp("w"))))


@pytest.fixture
def node(tmp_path: Path, release: Release) -> Iterator[GatewayInProcess]:
    made = GatewayInProcess(tmp_path / "cache")
    made.release(release)
    yield made
    made.close()


def stored(release: Release, name: str) -> list[Communication]:
    """What the step writes for somebody of this name."""
    harness = OperatorHarness(FixedProgram((encode(release),)))
    harness.send(named(name))
    return [decode(Communication, out.value) for out in harness.outputs if out.value and b"|ana" in out.key]


def test_a_draw_answers_json_with_the_persons_own_values(node: GatewayInProcess, release: Release) -> None:
    for entry in stored(release, 'Ana "A"\\'):
        node.entry(entry)
    drawn = [node.post(ALERT, f"s{number}").json for number in range(20)]
    assert {reply["source"] for reply in drawn} == {"entry"}
    assert {reply["block"]["title"] for reply in drawn} == {"Tonight", 'Ana "A"\\, tonight'}
    assert all(reply["block"]["unsubscribe"].startswith("https://mail.example/") for reply in drawn)
    assert {(reply["html"], reply["text"], reply["subject"]) for reply in drawn} == {("", "", "")}
    assert len(node.told()) == 20
    looked = node.get(ALERT)
    assert (looked.headers["content-type"], looked.headers["foresend-source"]) == ("application/json", "entry")
    assert looked.json.keys() == drawn[0]["block"].keys()
    mail = node.get("/v1/communications/newsletter/ana")
    assert mail.headers["content-type"].startswith("text/html")
    assert "block" not in node.get("/v1/communications/newsletter/ana?format=json").json


def test_a_fallback_is_json_too(node: GatewayInProcess) -> None:
    reply = node.get(ALERT)
    assert (reply.headers["content-type"], reply.headers["foresend-source"]) == ("application/json", "fallback")
    assert reply.json["title"] == "Tonight"
