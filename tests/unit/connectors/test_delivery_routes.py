"""Sends over HTTP and by Kafka: asked for once, granted, told of, settled, and what people are told of them."""

from collections.abc import Collection, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from connectors.cache.families import OFFSETS
from connectors.cache.store import CacheStore
from connectors.delivery.ledger import TURN_GRANTS, TURN_LOOKS, Granted
from connectors.gateway.problems import not_ready
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.keys import join_key
from schemas.sending import SendState
from schemas.topics import DEAD_LETTERS, TRIGGERS
from tests.support.delivering import LedgerInProcess
from tests.support.messages import WORKSPACE

SEND = {"template": "news", "user": "anna"}
ASKED = {"max": 20, "channels": ["file"]}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LedgerInProcess]:
    found = LedgerInProcess(tmp_path / "cache")
    found.person()
    yield found
    found.close()


def letters(node: LedgerInProcess) -> list[DeadLetter]:
    return [decode(DeadLetter, row.value) for row in node.node.outbox() if row.topic == DEAD_LETTERS.name]


def test_a_send_is_asked_for_granted_and_told(node: LedgerInProcess) -> None:
    status, told = node.call("POST", "/v1/send", {**SEND, "send_id": "s1"})
    assert (status, told["send_id"], told["state"]) == (202, "s1", "queued")
    status, granted = node.call("POST", "/v1/deliveries:grant", ASKED)
    assert status == 200
    [grant] = granted["grants"]
    assert (grant["send_id"], grant["address"], grant["attempt"]) == ("s1", "anna@mail.example", 1)
    result = {"workspace": WORKSPACE, "send_id": "s1", "attempt": 1, "outcome": "sent", "status": "250"}
    assert node.call("POST", "/v1/deliveries:told", {"results": [result]})[0] == 200
    assert node.record().state is SendState.SENT
    status, told = node.call("GET", "/v1/users/anna/sends")
    [record] = told["sends"]
    assert (record["send_id"], record["state"], record["status"], record["domain"]) == (
        "s1",
        "sent",
        "250",
        "mail.example",
    )
    assert not {"body", "marks", "exposure", "lane"} & {*record}


def test_nothing_is_answered_before_it_is_on_the_disk(node: LedgerInProcess) -> None:
    states = []
    sync = CacheStore.sync

    def synced(store: CacheStore) -> None:
        states.append(node.record().state)
        sync(store)

    result = {"workspace": WORKSPACE, "send_id": "s1", "attempt": 1, "outcome": "sent"}
    with patch.object(CacheStore, "sync", autospec=True, side_effect=synced):
        node.call("POST", "/v1/send", {**SEND, "send_id": "s1"})
        node.call("POST", "/v1/deliveries:grant", ASKED)
        node.call("POST", "/v1/deliveries:told", {"results": [result]})
    assert states == ["queued", "granted", "sent"]


def test_an_idempotency_key_is_a_send_id(node: LedgerInProcess) -> None:
    first = node.call("POST", "/v1/send", SEND, idempotency_key='"order-7"')
    assert first[1]["send_id"] == "order-7"
    assert node.call("POST", "/v1/send", SEND, idempotency_key="order-7") == first
    assert node.call("POST", "/v1/send", {**SEND, "template": "receipt"}, idempotency_key="order-7")[0] == 409
    assert node.call("POST", "/v1/send", {**SEND, "user": "bert"}, idempotency_key="order-7")[0] == 409
    ids = {node.call("POST", "/v1/send", SEND)[1]["send_id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**SEND, "template": "nothing"}, 404),
        ({"user": "anna"}, 400),
        ({**SEND, "user": ""}, 400),
        ({**SEND, "campaign": "x"}, 400),
        ({**SEND, "at_ms": -1}, 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
    ],
)
def test_what_is_no_send_is_refused(node: LedgerInProcess, body: object, status: int) -> None:
    assert node.call("POST", "/v1/send", body)[0] == status


def test_while_a_node_cannot_know_it_says_so(node: LedgerInProcess) -> None:
    node.node.progress.is_ready = False
    assert node.call("POST", "/v1/send", SEND)[0] == 503
    assert node.call("POST", "/v1/deliveries:grant", ASKED)[0] == 503


def test_results_of_another_workspace_are_refused(node: LedgerInProcess) -> None:
    result = {"workspace": "other", "send_id": "s1", "attempt": 1, "outcome": "sent"}
    assert node.call("POST", "/v1/deliveries:told", {"results": [result]})[0] == 400


def test_sends_in_doubt_are_listed_and_settled(node: LedgerInProcess) -> None:
    node.ask()
    node.call("POST", "/v1/deliveries:grant", ASKED)
    result = {"workspace": WORKSPACE, "send_id": "s1", "attempt": 1, "outcome": "unknown"}
    node.call("POST", "/v1/deliveries:told", {"results": [result]})
    assert len(node.call("GET", "/v1/deliveries:ambiguous")[1]["sends"]) == 1
    settled = node.call("POST", "/v1/deliveries:resolve", {"send_ids": ["s1"], "resolution": "sent"})
    assert settled == (200, {"resolved": 1})
    assert node.call("GET", "/v1/deliveries:ambiguous")[1]["sends"] == []
    assert node.call("POST", "/v1/deliveries:resolve", {"send_ids": ["s1"], "resolution": "lost"})[0] == 400


def test_triggers_by_kafka_are_asked_for_in_the_batch_that_moves_the_offset(node: LedgerInProcess) -> None:
    with patch.object(CacheStore, "commit", autospec=True, side_effect=CacheStore.commit) as commit:
        node.trigger({**SEND, "send_id": "k1", "campaign": "spring"})
    assert commit.call_count == 1
    record = node.record("k1")
    assert (record.state, record.campaign) == (SendState.QUEUED, "spring")
    assert any(key.startswith(TRIGGERS.name.encode()) for key, _ in node.node.store.scan_rows(OFFSETS, b"", 100))
    node.trigger({**SEND, "send_id": "k1"})
    assert len(node.ledger.records(WORKSPACE, UserId("anna"))) == 1
    assert letters(node) == []


@pytest.mark.parametrize(
    ("body", "key", "reason"),
    [
        (b"not json", join_key(WORKSPACE, "anna"), "not_json"),
        (b"\xff\xfe", join_key(WORKSPACE, "anna"), "bad_utf8"),
        ({"template": "news", "user": "anna"}, join_key(WORKSPACE, "anna"), "wrong_type"),
        ({**SEND, "send_id": "k1"}, join_key(WORKSPACE, "bert"), "key_mismatch"),
        ({**SEND, "send_id": "k1"}, b"shop", "key_mismatch"),
    ],
)
def test_bad_triggers_are_dead_letters(node: LedgerInProcess, body: object, key: bytes, reason: str) -> None:
    node.trigger(body, key)
    assert [letter.reason for letter in letters(node)] == [reason]
    assert node.ledger.find(WORKSPACE, SendId("k1")) is None


def test_a_trigger_of_a_taken_send_id_is_a_dead_letter(node: LedgerInProcess) -> None:
    node.ask("k1", template="receipt")  # type: ignore[arg-type]
    node.trigger({**SEND, "send_id": "k1"})
    assert [letter.reason for letter in letters(node)] == ["key_mismatch"]


def test_how_far_triggers_were_read_outlives_a_rebuild(node: LedgerInProcess) -> None:
    node.trigger({**SEND, "send_id": "k1"})
    before = {key: at for key, at in node.node.store.offsets().items() if key[0] == TRIGGERS.name}
    node.node.store.forget_followed({})
    assert node.node.store.offsets() == before != {}
    assert node.record("k1").state is SendState.QUEUED


def test_a_question_looks_past_what_is_skipped_and_is_given_what_it_asked_for(node: LedgerInProcess) -> None:
    for number in range(2 * TURN_LOOKS):
        node.ask(f"n{number:03}", f"nobody-{number}")
    for number in range(2 * TURN_GRANTS):
        node.person(f"u{number}", entries=False)
        node.ask(f"s{number}", f"u{number}")
    status, told = node.call("POST", "/v1/deliveries:grant", {**ASKED, "max": 2 * TURN_GRANTS})
    assert (status, len(told["grants"])) == (200, 2 * TURN_GRANTS)
    assert node.record("n000").state is SendState.SKIPPED


def test_what_was_granted_is_given_though_the_next_turn_is_refused(node: LedgerInProcess) -> None:
    for number in range(2 * TURN_GRANTS):
        node.person(f"u{number}", entries=False)
        node.ask(f"s{number}", f"u{number}")
    take, turns = node.ledger.take, [0]

    def refused(workspace: WorkspaceId, limit: int, channels: Collection[str]) -> Granted:
        turns[0] += 1
        if turns[0] > 1:
            raise not_ready("this node is reading the topics anew")
        return take(workspace, limit, channels)

    with patch.object(node.ledger, "take", refused):
        status, told = node.call("POST", "/v1/deliveries:grant", {**ASKED, "max": 2 * TURN_GRANTS})
        assert (status, len(told["grants"])) == (200, TURN_GRANTS)
        assert node.call("POST", "/v1/deliveries:grant", ASKED)[0] == 503
