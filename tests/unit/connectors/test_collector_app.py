"""The collector's HTTP side: every status and rule, in process, with a log that remembers."""

import asyncio
import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.collector.app import CollectorApp
from connectors.collector.keys import WriteKeys
from connectors.kafka.partitioning import event_partition
from schemas.errors import Reason
from schemas.events import EventKind, decode_event
from schemas.ids import UserId
from schemas.keys import event_key
from schemas.worlds import WorldRef
from tests.support.asgi import request
from tests.support.collecting import KEY, NOW, NOW_MS, SHOP, Rig
from tests.support.poison import ALONE, IN_LISTS, Poison


@pytest.fixture
def rig() -> Rig:
    return Rig()


TRACK = {"userId": "anna", "event": "Product Viewed", "messageId": "m1", "properties": {"category": "shoes"}}


# --- what is accepted


def test_a_track_call_becomes_an_event_of_its_workspace_and_world(rig: Rig) -> None:
    answer = rig.post("/v1/track", TRACK)
    assert (answer.status, answer.json) == (202, {"accepted": 1, "refused": []})
    (record,) = rig.log.records
    event = decode_event(record.value)
    assert (event.workspace, event.user, event.id, event.kind) == (SHOP, "anna", "m1", EventKind.TRACK)
    assert (event.name, event.properties) == ("Product Viewed", {"category": "shoes"})
    assert (event.at_ms, event.received_ms, event.world) == (NOW_MS, NOW_MS, WorldRef(3, 7))
    assert record.key == event_key(SHOP, UserId("anna"), event.record_id)
    assert record.partition == event_partition(SHOP, UserId("anna"))


@pytest.mark.parametrize(
    ("path", "call", "name", "properties", "traits"),
    [
        ("identify", {"traits": {"plan": "pro"}}, "", {}, {"plan": "pro"}),
        ("page", {"name": "Home", "category": "Docs"}, "Home", {"category": "Docs"}, {}),
        ("page", {"category": "Docs", "properties": {"category": "own"}}, "", {"category": "own"}, {}),
        ("screen", {"name": "Start"}, "Start", {}, {}),
        ("group", {"groupId": "g1", "traits": {"size": 3}}, "", {"groupId": "g1"}, {"size": 3}),
        ("alias", {"previousId": "old"}, "", {"previousId": "old"}, {}),
    ],
)
def test_each_kind_keeps_what_the_spec_gives_it(
    rig: Rig, path: str, call: dict[str, Any], name: str, properties: dict[str, Any], traits: dict[str, Any]
) -> None:
    assert rig.post(f"/v1/{path}", {"userId": "anna", **call}).status == 202
    event, *_links = rig.log.events
    assert (event.kind.value, event.name, event.properties, event.traits) == (path, name, properties, traits)


def test_the_snake_case_of_segments_examples_is_understood(rig: Rig) -> None:
    call = {
        "action": "track",
        "user_id": "anna",
        "message_id": "m1",
        "event": "Email Opened",
        "context": {"user_agent": "Mail/1.0"},
    }
    assert rig.post("/v1/batch", {"batch": [call]}).json["accepted"] == 1
    (event,) = rig.log.events
    assert (event.user, event.id, event.kind) == ("anna", "m1", EventKind.TRACK)
    assert event.context == {"userAgent": "Mail/1.0"}


@pytest.mark.parametrize(
    ("ids", "user"),
    [
        ({"userId": "anna", "anonymousId": None}, "anna"),
        ({"userId": None, "anonymousId": "a1"}, "a1"),
        ({"userId": "", "anonymousId": "a1"}, "a1"),
        ({"userId": 17}, "17"),
        ({"userId": 0, "anonymousId": "a1"}, "0"),
    ],
)
def test_the_user_is_the_user_id_else_the_anonymous_id(rig: Rig, ids: dict[str, Any], user: str) -> None:
    assert rig.post("/v1/track", {"event": "E", **ids}).status == 202
    assert rig.log.events[0].user == user


def test_the_senders_clock_is_corrected_by_when_it_sent(rig: Rig) -> None:
    # Its clock is an hour behind; the event happened ten minutes before it was sent.
    batch = {
        "sentAt": "2023-11-14T21:13:20Z",
        "batch": [{**TRACK, "type": "track", "timestamp": "2023-11-14T21:03:20.000Z"}],
    }
    assert rig.post("/v1/batch", batch).json["accepted"] == 1
    assert rig.log.events[0].at_ms == NOW_MS - 600_000


def test_a_batch_shares_its_context(rig: Rig) -> None:
    calls = [{**TRACK, "type": "track"}, {**TRACK, "type": "track", "context": {"locale": "de"}}]
    rig.post("/v1/batch", {"context": {"locale": "en", "app": {"name": "a"}}, "batch": calls})
    assert [event.context["locale"] for event in rig.log.events] == ["en", "de"]
    assert rig.log.events[1].context["app"] == {"name": "a"}


def test_addresses_are_cut_to_their_network_before_anything_is_written(rig: Rig) -> None:
    for address in ("67.207.109.102", "2001:db8:1:2::3", "::ffff:67.207.109.102", "nonsense", 5):
        rig.post("/v1/track", {**TRACK, "context": {"ip": address, "locale": "en"}})
    assert [event.context.get("ip") for event in rig.log.events] == [
        "67.207.109.0",
        "2001:db8:1::",
        "67.207.109.0",
        None,
        None,
    ]
    assert not any(b"109.102" in record.value for record in rig.log.records)


def test_import_is_batch_by_its_older_name(rig: Rig) -> None:
    assert rig.post("/v1/import", {"batch": [{**TRACK, "type": "track"}]}).json["accepted"] == 1


def test_an_empty_batch_is_accepted_and_writes_nothing(rig: Rig) -> None:
    assert rig.post("/v1/batch", {"batch": []}).json == {"accepted": 0, "refused": []}
    assert rig.log.records == []


def test_a_gzipped_body_in_several_parts_is_read(rig: Rig) -> None:
    data = gzip.compress(json.dumps({"batch": [{**TRACK, "type": "track"}]}).encode())
    answer = rig.post("/v1/batch", [data[:10], data[10:]], content_encoding="gzip")
    assert answer.json["accepted"] == 1


# --- ids


def test_record_ids_are_unique_though_the_event_is_the_same(rig: Rig) -> None:
    rig.post("/v1/track", TRACK)
    rig.post("/v1/track", TRACK)
    first, second = rig.log.events
    assert first.id == second.id
    assert first.record_id != second.record_id


def test_without_an_id_but_with_a_time_the_same_call_sent_again_is_the_same_event(rig: Rig) -> None:
    call = {"userId": "anna", "event": "E", "timestamp": NOW.isoformat()}
    rig.post("/v1/track", call)
    rig.post("/v1/track", call)
    rig.post("/v1/track", {**call, "event": "F"})
    ids = [event.id for event in rig.log.events]
    assert ids[0] == ids[1] != ids[2]


def test_without_id_and_time_each_call_is_its_own_event(rig: Rig) -> None:
    rig.post("/v1/track", {"userId": "anna", "event": "E"})
    rig.post("/v1/track", {"userId": "anna", "event": "E"})
    first, second = rig.log.events
    assert first.id != second.id


# --- erasure


def test_deleting_a_user_is_an_event(rig: Rig) -> None:
    answer = request(rig.app, "DELETE", "/v1/users/a%2Fb%7C%C3%BC", headers={"authorization": KEY})
    assert answer.status == 202
    (event,) = rig.log.events
    assert (event.kind, event.user, event.workspace) == (EventKind.ERASE, "a/b|ü", SHOP)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/users/", 404), ("/v1/users/a/b", 404), ("/v1/users/%FF", 404), ("/v1/users/" + "u" * 257, 400)],
)
def test_a_user_that_cannot_be_is_refused(rig: Rig, path: str, status: int) -> None:
    assert request(rig.app, "DELETE", path, headers={"authorization": KEY}).status == status
    assert rig.log.records == []


# --- what is refused


@pytest.mark.parametrize("poison", ALONE, ids=lambda poison: poison.name)
def test_a_bad_call_by_itself_is_a_problem_with_its_reason(rig: Rig, poison: Poison) -> None:
    answer = rig.post(f"/v1/{poison.kind}", poison.payload)
    assert answer.status == (413 if poison.reason is Reason.TOO_LARGE else 400)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == answer.status
    assert answer.json.get("reason", "too_large") == poison.reason
    assert rig.log.records == []


@pytest.mark.parametrize("poison", IN_LISTS, ids=lambda poison: poison.name)
def test_a_bad_call_in_a_batch_becomes_a_dead_letter_and_the_others_go_on(rig: Rig, poison: Poison) -> None:
    good = json.dumps({**TRACK, "type": "track"}).encode()
    body = b'{"batch": [' + b", ".join([good, poison.payload, good]) + b'], "sentAt": "2023-11-14T22:13:20Z"}'
    answer = rig.post("/v1/batch", body)
    assert answer.status == 202
    assert answer.json["accepted"] == 2
    assert [(one["index"], one["reason"]) for one in answer.json["refused"]] == [(1, poison.reason)]
    assert len(rig.log.events) == 2
    (letter,) = rig.log.dead_letters
    assert (letter.payload, letter.reason, letter.source) == (poison.payload, poison.reason, "collector")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"batch": {}}',
        b'{"batch": [',
        b'{"batch": [{"a": NaN}',
        b'{"batch": null}',
        b'{"batch": [], "sentAt": 5}',
        b'{"batch": [1, NaN], "context": NaN}',
    ],
)
def test_a_body_that_is_no_batch_is_refused_as_a_whole(rig: Rig, body: bytes) -> None:
    assert rig.post("/v1/batch", body).status == 400
    assert rig.log.records == []


def test_times_at_the_edges_of_the_plausible_range(rig: Rig) -> None:
    day_ms = 86_400_000
    edges = {-90 * day_ms: 202, -90 * day_ms - 1: 400, 3_600_000: 202, 3_600_001: 400}
    for offset_ms, status in edges.items():
        moment = datetime.fromtimestamp((NOW_MS + offset_ms) // 1000, UTC).replace(
            microsecond=(NOW_MS + offset_ms) % 1000 * 1000
        )
        assert rig.post("/v1/track", {**TRACK, "timestamp": moment.isoformat()}).status == status, offset_ms


def test_sizes_at_the_edges(rig: Rig) -> None:
    frame = len(json.dumps({**TRACK, "properties": {"a": ""}}))
    # What is written is a little larger than what came: it names the workspace and the world.
    assert rig.post("/v1/track", {**TRACK, "properties": {"a": "x" * (999_000 - frame)}}).status == 202
    assert rig.post("/v1/track", {**TRACK, "properties": {"a": "x" * (1_000_000 - frame)}}).status == 413
    assert rig.post("/v1/track", b" " * 1_000_001).status == 413
    assert rig.post("/v1/batch", b'{"batch": []' + b" " * 4_000_000 + b"}").status == 413


def test_a_batch_of_too_many_calls_is_refused(rig: Rig) -> None:
    assert rig.post("/v1/batch", b'{"batch": [' + b"{}," * 5_000 + b"{}]}").status == 413


def test_a_small_body_that_inflates_beyond_the_limit_is_refused(rig: Rig) -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    assert len(bomb) < 10_000
    assert rig.post("/v1/batch", bomb, content_encoding="gzip").status == 413


@pytest.mark.parametrize(
    ("data", "encoding", "status"),
    [
        (b"not gzip", "gzip", 400),
        (gzip.compress(b"{}")[:-3], "gzip", 400),
        (gzip.compress(b"{}") + b"more", "gzip", 400),
        (b"{}", "br", 415),
    ],
)
def test_a_badly_compressed_body_is_refused(rig: Rig, data: bytes, encoding: str, status: int) -> None:
    assert rig.post("/v1/batch", data, content_encoding=encoding).status == status


def test_a_type_that_is_not_the_paths_is_refused(rig: Rig) -> None:
    answer = rig.post("/v1/track", {**TRACK, "type": "page"})
    assert (answer.status, answer.json["reason"]) == (400, "unknown_kind")


def test_a_message_never_holds_what_came(rig: Rig) -> None:
    for poison in IN_LISTS:
        payload = poison.payload.replace(b'"u"', b'"canary@example.com"').replace(b"soon", b"canary@example.com")
        rig.post("/v1/batch", b'{"batch": [' + payload + b"]}")
    assert len(rig.log.dead_letters) > 20
    assert not any("canary" in letter.message for letter in rig.log.dead_letters)


# --- who may send


@pytest.mark.parametrize("authorization", ["Basic d3Jvbmc6", "Basic !!!", "Basic /w==", "Bearer secret", "secret", ""])
def test_an_unknown_key_is_refused(rig: Rig, authorization: str) -> None:
    answer = rig.post("/v1/track", TRACK, authorization=authorization)
    assert answer.status == 401
    assert "www-authenticate" in answer.headers
    assert rig.log.records == []


def test_the_key_may_stand_in_the_body_where_no_header_can_be_set(rig: Rig) -> None:
    body = json.dumps({"batch": [{**TRACK, "type": "track"}], "writeKey": "secret"}).encode()
    assert request(rig.app, "POST", "/v1/batch", body).status == 202
    single = json.dumps({**TRACK, "writeKey": "secret"}).encode()
    assert request(rig.app, "POST", "/v1/track", single).status == 202
    assert request(rig.app, "POST", "/v1/track", json.dumps(TRACK).encode()).status == 401
    assert request(rig.app, "DELETE", "/v1/users/anna").status == 401


def test_a_wrong_key_in_the_header_is_not_mended_by_one_in_the_body(rig: Rig) -> None:
    assert rig.post("/v1/track", {**TRACK, "writeKey": "secret"}, authorization="Basic d3Jvbmc6").status == 401


def test_without_keys_everybody_sends_for_the_one_workspace(rig: Rig) -> None:
    app = CollectorApp(WriteKeys({}, SHOP), rig.log, rig.world, rig.meters)
    assert request(app, "POST", "/v1/track", json.dumps(TRACK).encode()).status == 202
    assert request(app, "POST", "/v1/track", json.dumps(TRACK).encode(), {"authorization": KEY}).status == 202
    assert {event.workspace for event in rig.log.events} == {SHOP}


# --- when Kafka is away


@pytest.mark.parametrize("away", ["failing", "not writable", "world unknown"])
def test_what_kafka_did_not_acknowledge_is_answered_with_503_and_when_to_try_again(rig: Rig, away: str) -> None:
    rig.log.is_failing = away == "failing"
    rig.log.is_writable = away != "not writable"
    rig.world.world = None if away == "world unknown" else rig.world.world
    for answer in (
        rig.post("/v1/track", TRACK),
        rig.post("/v1/batch", {"batch": [{**TRACK, "type": "track"}]}),
        request(rig.app, "DELETE", "/v1/users/anna", headers={"authorization": KEY}),
    ):
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"


def test_ready_follows_kafka_and_healthy_does_not(rig: Rig) -> None:
    assert request(rig.app, "GET", "/readyz").status == 200
    rig.log.is_writable = False
    assert request(rig.app, "GET", "/readyz").status == 503
    assert request(rig.app, "GET", "/healthz").status == 200


# --- the rest


def test_unknown_paths_and_methods(rig: Rig) -> None:
    assert request(rig.app, "GET", "/v2/track").status == 404
    assert request(rig.app, "GET", "/v1/track").status == 405
    assert request(rig.app, "POST", "/v1/users/anna").headers["allow"] == "DELETE"
    assert request(rig.app, "POST", "/metrics").status == 405


def test_what_was_accepted_and_refused_is_counted_by_reason_and_never_by_user(rig: Rig) -> None:
    rig.post("/v1/batch", {"batch": [{**TRACK, "type": "track"}, {"type": "x"}]})
    page = request(rig.app, "GET", "/metrics").body.decode()
    assert 'foresend_events_accepted_total{workspace="shop"} 1.0' in page
    assert 'foresend_events_refused_total{reason="unknown_kind"} 1.0' in page
    assert "anna" not in page


@pytest.mark.parametrize(
    ("agent", "status"),
    [
        ("analytics-python/2.4.0", 202),
        ("analytics-python/3.0.1", 202),
        ("analytics-python/2.3.4", 200),
        ("analytics-python/1.1.0", 200),
        ("analytics-php/3.8.1", 200),
        ("analytics-.NET/3.8.2", 200),
        ("curl/8.5", 202),
        ("", 202),
    ],
)
def test_libraries_that_take_only_200_for_success_get_it(rig: Rig, agent: str, status: int) -> None:
    assert rig.post("/v1/track", TRACK, user_agent=agent).status == status


def test_a_client_that_goes_away_is_not_answered_and_nothing_is_written(rig: Rig) -> None:
    sent: list[Any] = []

    async def run() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"path": "/v1/track", "raw_path": b"/v1/track", "method": "POST", "headers": []}
        await rig.app(scope, receive, send)

    asyncio.run(run())
    assert sent == []
    assert rig.log.records == []
