"""`foresend explain`: the terms of a decision of the step, and what is said where there is nothing to explain."""

import base64
import json
from typing import Any

import msgspec
import pytest

from connectors.gateway.answers import explanation, stored_of
from connectors.kafka.settings import KafkaSettings
from foresend.cli import main
from foresend.commands import explain
from foresend.explaining import OTHERS, FeaturesTold, features_in
from schemas.codec import decode, encode
from schemas.decisions import Communication, Decision
from schemas.events import EventKind
from schemas.library import Release
from schemas.topics import COMMUNICATIONS
from tests.support.answering import gateway
from tests.support.events import DAY_MS, START_MS, clicked, event, exposed, rated
from tests.support.fixed_worlds import FixedProgram, FixedWorlds
from tests.support.operator_harness import OperatorHarness


def newest(harness: OperatorHarness) -> Communication:
    """The newest message of the newsletter."""
    written = [output for output in harness.outputs if output.topic == COMMUNICATIONS.name and output.value]
    entries = [decode(Communication, output.value or b"") for output in written]
    return [entry for entry in entries if entry.decision is not None and entry.decision.template == "newsletter"][-1]


@pytest.fixture
def answer(sample_release: Release) -> dict[str, Any]:
    """What a gateway tells of somebody who has clicked."""
    harness = OperatorHarness(FixedProgram((encode(sample_release),)))
    harness.send(rated("comedy"))
    entry = newest(harness)
    harness.send(exposed(entry, "s1", START_MS + 1))
    harness.send(clicked("s1", at_ms=START_MS + DAY_MS))
    harness.advance_event_time(START_MS + 2 * DAY_MS)
    harness.send(event(EventKind.REFRESH, at_ms=START_MS + 3 * DAY_MS))
    entry = newest(harness)
    assert entry.decision is not None
    assert any(slot.experience for slot in entry.decision.slots)
    return {
        "decision": entry.decision.id,
        "release": entry.decision.release,
        "reason": "",
        "explain": msgspec.to_builtins(explanation(entry.decision)),
        "stored": base64.b64encode(stored_of(entry.decision)).decode(),
    }


@pytest.fixture
def _kafka(sample_release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics that hold the world which the decision names."""

    def features_of(stored: bytes, _: KafkaSettings, at_most: int) -> FeaturesTold:
        worlds = FixedWorlds((encode(sample_release),))
        return features_in(msgspec.msgpack.decode(stored, type=Decision), worlds, at_most)

    monkeypatch.setattr(explain, "features_of", features_of)
    monkeypatch.setenv("FORESEND_KAFKA_BOOTSTRAP", "127.0.0.1:9")


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


@pytest.mark.usefixtures("_kafka")
@pytest.mark.parametrize("at_most", [1, 4, 100])
def test_features_sum_to_their_terms_whatever_is_left_out(
    at_most: int, answer: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway(200, json.dumps(answer).encode()) as (url, _):
        assert told(url, "--json", "--features", str(at_most)) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["slot"] for line in lines} == set(answer["explain"])
    others = 0
    for line in lines:
        assert line["features"].keys() == line["terms"].keys()
        assert answer["release"] in line["features_from"]
        for term, features in line["features"].items():
            assert sum(features.values()) == pytest.approx(line["terms"][term], rel=1e-6, abs=1e-6)
            assert len(features) <= at_most + 1
            others += OTHERS in features
    assert bool(others) is (at_most < 100)


@pytest.mark.usefixtures("_kafka")
def test_people_are_told_why_in_words(answer: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(200, json.dumps(answer).encode()) as (url, _):
        assert told(url) == 0
        likeliest = capsys.readouterr().out
        assert told(url, "--all") == 0
        every = capsys.readouterr().out
    slots = answer["explain"]
    assert likeliest.count("why ") == len(slots)
    assert every.count("why ") == sum(len(slot["variants"]) for slot in slots.values())
    assert "how this person answers" in every
    assert "own reactions (content)" in every
    assert "\x1b[" not in every, "colours are for terminals"


@pytest.mark.usefixtures("_kafka")
def test_features_that_do_not_sum_fail_the_check(answer: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    decision = msgspec.msgpack.decode(base64.b64decode(answer["stored"]), type=Decision)
    taught = [msgspec.structs.replace(slot, own=b"") for slot in decision.slots]
    answer["stored"] = base64.b64encode(stored_of(msgspec.structs.replace(decision, slots=tuple(taught)))).decode()
    with gateway(200, json.dumps(answer).encode()) as (url, _):
        assert told(url, "--json") == 1
    assert "expected features that sum to their terms" in capsys.readouterr().err


def test_without_kafka_terms_are_told_and_why_no_features_are(
    answer: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORESEND_KAFKA_BOOTSTRAP", raising=False)
    with gateway(200, json.dumps(answer).encode()) as (url, _):
        assert told(url, "--json") == 0
    out, err = capsys.readouterr()
    assert all(json.loads(line)["features"] is None for line in out.splitlines())
    assert "terms only" in err


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
