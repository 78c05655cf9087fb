"""`foresend explain`: the terms of a decision of the step, and what is said where there is nothing to explain."""

import json
from typing import Any

import msgspec
import pytest

from connectors.gateway.answers import explanation
from foresend.cli import main
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.events import EventKind
from schemas.library import Release
from tests.support.answering import gateway
from tests.support.events import DAY_MS, START_MS, clicked, event, exposed, rated
from tests.support.fixed_worlds import FixedProgram
from tests.support.operator_harness import OperatorHarness


@pytest.fixture
def answer(sample_release: Release) -> dict[str, Any]:
    """What a gateway tells of somebody who has clicked."""
    harness = OperatorHarness(FixedProgram((encode(sample_release),)))
    harness.send(rated("comedy"))
    entry = decode(Communication, harness.outputs[-1].value or b"")
    harness.send(exposed(entry, "s1", START_MS + 1))
    harness.send(clicked("s1", at_ms=START_MS + DAY_MS))
    harness.advance_event_time(START_MS + 2 * DAY_MS)
    harness.send(event(EventKind.REFRESH, at_ms=START_MS + 3 * DAY_MS))
    entry = decode(Communication, harness.outputs[-1].value or b"")
    assert entry.decision is not None
    assert any(slot.experience for slot in entry.decision.slots)
    return {
        "decision": entry.decision.id,
        "release": entry.decision.release,
        "reason": "",
        "explain": msgspec.to_builtins(explanation(entry.decision)),
    }


def told(url: str, *options: str) -> int:
    return main(["explain", "ana", "newsletter", "--url", url, *options])


def test_terms_sum_to_the_score_of_each_variant(answer: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(200, json.dumps(answer).encode()) as (url, asked):
        assert told(url, "--json", "--key", "secret") == 0
    assert asked == [("/v1/communications/newsletter/ana?format=json&explain=true", "Bearer secret")]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["slot"] for line in lines} == set(answer["explain"])
    assert all(sum(line["terms"].values()) == pytest.approx(line["score"], abs=1e-6) for line in lines)
    assert any(line["terms"]["content"] for line in lines)
    for slot in answer["explain"]:
        chances = [line["probability"] for line in lines if line["slot"] == slot]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) == pytest.approx(1.0)


def test_people_see_a_table(answer: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(200, json.dumps(answer).encode()) as (url, _):
        assert told(url) == 0
    shown = capsys.readouterr().out
    assert "prior" in shown
    assert "log-odds" in shown


def test_terms_that_do_not_sum_fail_the_check(answer: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    slot = next(iter(answer["explain"]))
    scores = answer["explain"][slot]["scores"]
    answer["explain"][slot]["scores"] = [scores[0] + 1e-3, *scores[1:]]
    with gateway(200, json.dumps(answer).encode()) as (url, _):
        assert told(url, "--json") == 1
    assert f"slot {slot}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            200,
            {"decision": "", "release": "r", "reason": "missing", "explain": None},
            "default content is served (missing)",
        ),
        (404, {"title": "not found"}, "answered 404"),
    ],
)
def test_where_nobody_chose_that_is_said(
    status: int, body: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway(status, json.dumps(body).encode()) as (url, _):
        assert told(url) == 1
    assert words in capsys.readouterr().err


def test_another_kind_of_address_is_wrong_use() -> None:
    assert told("https://127.0.0.1") == 2
