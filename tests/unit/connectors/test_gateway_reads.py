"""What a read answers: draws, repeats, looks, fallbacks, and what the job is told of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.cache.rows import OutboxRow
from connectors.gateway.reads import OUTBOX_ROWS_MAX
from connectors.kafka.partitioning import event_partition
from schemas.codec import encode
from schemas.decisions import Communication
from schemas.draws import draw
from schemas.events import EventKind
from schemas.ids import SendId, UserId
from schemas.keys import communication_key
from schemas.topics import COMMUNICATIONS, EVENTS, PARTITIONS
from schemas.worlds import WorldRef
from tests.support.gateway import PUBLIC_URL, GatewayInProcess
from tests.support.messages import ANNA, CART, NEWS, START_MS, WORKSPACE, communication, release, version

ANNA_NEWS = "/v1/communications/news/anna"
MINUTE_MS = 60_000
ODDS = (0.5, 0.3, 0.2)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[GatewayInProcess]:
    """A node with a release of two templates, and Anna's newsletter."""
    made = GatewayInProcess(tmp_path / "cache")
    made.release(release(1))
    made.entry(communication())
    yield made
    made.close()


def grave(node: GatewayInProcess, user: str = ANNA, number: int = 90) -> None:
    key = communication_key(WORKSPACE, NEWS, UserId(user))
    node.record(COMMUNICATIONS.name, key, encode(Communication.of_grave(version(number))))


# Draws


def test_a_draw_is_the_one_that_the_send_id_gives(node: GatewayInProcess) -> None:
    for number in range(20):
        send_id = f"send-{number}"
        reply = node.post(ANNA_NEWS, send_id)
        expected = draw(ODDS, SendId(send_id))
        assert reply.status == 200
        assert reply.json["candidate"] == expected
        assert reply.json["propensity"] == ODDS[expected]
        assert reply.json["subject"] == f"entry anna 1 {expected}"
        assert reply.json["variants"] == {"headline": f"v{expected}"}


def test_a_draw_tells_one_exposure_with_all_that_learning_needs(node: GatewayInProcess) -> None:
    reply = node.post(ANNA_NEWS, "s1")
    (told,) = node.told()
    shown = reply.json["candidate"]
    exposure = told.exposure
    assert told.kind is EventKind.EXPOSURE
    assert exposure is not None
    assert (told.workspace, told.user, told.at_ms, told.received_ms) == (WORKSPACE, ANNA, START_MS, START_MS)
    assert (exposure.send_id, exposure.template, exposure.decision) == ("s1", NEWS, "d-anna-1")
    assert (exposure.candidate, exposure.propensity, exposure.probabilities) == (shown, ODDS[shown], ODDS)
    assert (exposure.slots, exposure.variants) == (("headline",), (f"v{shown}",))
    assert exposure.features == (shown / 8,)
    assert (exposure.policy, exposure.fallback) == ("softmax", "")


def test_an_exposure_lies_in_its_users_partition_under_a_key_of_its_own(node: GatewayInProcess) -> None:
    node.post(ANNA_NEWS, "s1")
    (row,) = node.outbox()
    (told,) = node.told()
    assert row.topic == EVENTS.name
    assert row.partition == event_partition(WORKSPACE, ANNA)
    assert row.key == b"shop|anna|" + told.record_id.encode()
    assert str(told.id) == str(told.record_id)


def test_the_exposures_world_is_the_nodes_or_the_decisions_whichever_is_newer(node: GatewayInProcess) -> None:
    node.post(ANNA_NEWS, "s1")
    node.progress.world = WorldRef(0, 0)
    node.post(ANNA_NEWS, "s2")
    assert [told.world for told in node.told()] == [WorldRef(3, 2), WorldRef(1, 0)]


def test_a_repeat_gets_the_same_bytes_and_tells_nothing(node: GatewayInProcess) -> None:
    first = node.post(ANNA_NEWS, "s1")
    node.clock.now_ms += MINUTE_MS
    assert node.post(ANNA_NEWS, "s1").body == first.body
    assert len(node.told()) == 1


def test_a_repeat_gets_the_same_bytes_after_a_new_render_and_a_new_release(node: GatewayInProcess) -> None:
    first = node.post(ANNA_NEWS, "s1")
    node.release(release(2, templates=(CART,)))
    node.entry(communication(number=2, release_id="release-2"))
    assert node.post(ANNA_NEWS, "s1").body == first.body
    assert node.post(f"{ANNA_NEWS}?format=html", "s1").body.decode() == first.json["html"]


def test_a_repeat_with_other_marks_gets_the_first_ones(node: GatewayInProcess) -> None:
    first = node.post(ANNA_NEWS, "s1", {"unsubscribe_url": "https://shop.example/bye"})
    assert node.post(ANNA_NEWS, "s1", {"unsubscribe_url": "https://other.example"}).body == first.body
    assert node.post(ANNA_NEWS, "s1").body == first.body


def test_an_exposures_ids_come_from_workspace_and_send_id_alone(tmp_path: Path, node: GatewayInProcess) -> None:
    # So that what is produced again after a crash, or by the other node of a partition, is the same event.
    node.post(ANNA_NEWS, "s1")
    other = GatewayInProcess(tmp_path / "other-node")
    other.release(release(1))
    other.entry(communication(number=2))
    other.clock.now_ms += 5
    other.post(ANNA_NEWS, "s1")
    other.post(ANNA_NEWS, "s2")
    (told,), (same, different) = node.told(), other.told()
    assert told.id == same.id
    assert told.id != different.id
    other.close()


@pytest.mark.parametrize("path", ["/v1/communications/news/berta", "/v1/communications/cart/anna"])
def test_a_send_id_of_another_user_or_template_is_a_conflict(node: GatewayInProcess, path: str) -> None:
    node.entry(communication(user="berta"))
    node.post(ANNA_NEWS, "s1")
    reply = node.post(path, "s1")
    assert (reply.status, reply.headers["content-type"]) == (409, "application/problem+json")
    assert reply.json["type"] == "urn:foresend:problem:send_id_taken"
    assert len(node.told()) == 1


# Validity


def test_an_expired_candidate_is_never_drawn_and_the_odds_are_those_of_the_rest(node: GatewayInProcess) -> None:
    node.entry(communication(number=2, valid_until_ms=(START_MS + 1, 0, 0)))
    assert {node.post(ANNA_NEWS, f"a{number}").json["candidate"] for number in range(30)} == {0, 1, 2}
    node.clock.now_ms = START_MS + 1
    for number in range(30):
        reply = node.post(ANNA_NEWS, f"b{number}").json
        assert reply["candidate"] in {1, 2}
        assert reply["probabilities"] == pytest.approx([0.0, 0.6, 0.4])
        assert reply["propensity"] == pytest.approx({1: 0.6, 2: 0.4}[reply["candidate"]])
    exposure = node.told()[-1].exposure
    assert exposure is not None
    assert exposure.probabilities == pytest.approx((0.0, 0.6, 0.4))
    assert exposure.propensity == reply["propensity"]


def test_with_nothing_valid_left_the_fallback_is_served_exposed_and_a_render_asked_for(
    node: GatewayInProcess,
) -> None:
    node.entry(communication(number=2, locale="de", valid_until_ms=(START_MS,) * 3))
    reply = node.post(ANNA_NEWS, "s1").json
    assert (reply["source"], reply["reason"], reply["candidate"]) == ("fallback", "expired", -1)
    assert (reply["subject"], reply["language"]) == ("fallback news de 1", "de")
    refresh, exposed = node.told()
    assert (refresh.kind, exposed.kind) == (EventKind.REFRESH, EventKind.EXPOSURE)
    assert exposed.exposure is not None
    assert (exposed.exposure.candidate, exposed.exposure.propensity) == (-1, 1.0)
    assert (exposed.exposure.fallback, exposed.exposure.decision) == ("expired", "d-anna-2")


# Fallbacks


def test_a_known_user_without_this_message_gets_the_fallback_in_his_language(node: GatewayInProcess) -> None:
    node.entry(communication(user="dora", locale="de-AT"))
    reply = node.post("/v1/communications/cart/dora", "s1").json
    assert (reply["source"], reply["reason"], reply["language"]) == ("fallback", "missing", "de")
    assert [told.kind for told in node.told()] == [EventKind.REFRESH, EventKind.EXPOSURE]
    assert node.told()[0].properties == {"template": "cart", "reason": "missing"}


def test_a_language_without_a_fallback_gets_the_workspaces_own(node: GatewayInProcess) -> None:
    node.entry(communication(user="dora", locale="fr"))
    assert node.get("/v1/communications/cart/dora?format=json").json["language"] == "en"


def test_an_unknown_user_gets_the_fallback_and_leaves_no_state(node: GatewayInProcess) -> None:
    before = node.store.live
    first = node.post("/v1/communications/news/nobody", "s1")
    assert (first.json["source"], first.json["reason"]) == ("fallback", "unknown")
    assert node.get("/v1/communications/news/nobody").status == 200
    assert node.outbox() == []
    assert node.store.live == before


def test_a_repeat_for_a_once_unknown_user_is_still_the_fallback(node: GatewayInProcess) -> None:
    first = node.post("/v1/communications/news/nobody", "s1")
    node.entry(communication(user="nobody"))
    assert node.post("/v1/communications/news/nobody", "s1").body == first.body
    assert node.outbox() == []


def test_an_entry_of_a_release_that_is_not_here_yet_is_not_served(node: GatewayInProcess) -> None:
    node.entry(communication(number=2, release_id="release-9"))
    reply = node.get(f"{ANNA_NEWS}?format=json").json
    assert (reply["source"], reply["reason"]) == ("fallback", "release_not_here")
    assert node.outbox() == []


def test_a_damaged_body_is_never_served(node: GatewayInProcess) -> None:
    entry = communication(number=2, odds=(1.0,))
    node.entry(type(entry)(entry.version, entry.decision, (b"junk",), entry.valid_until_ms))
    reply = node.post(ANNA_NEWS, "s1").json
    assert (reply["source"], reply["reason"]) == ("fallback", "corrupt")


def test_a_refresh_is_asked_for_once_a_minute_for_each_key(node: GatewayInProcess) -> None:
    def refreshes() -> int:
        return sum(told.kind is EventKind.REFRESH for told in node.told())

    for number in range(3):
        node.post("/v1/communications/cart/anna", f"s{number}")
        node.get("/v1/communications/cart/anna")
    assert refreshes() == 1
    node.clock.now_ms += MINUTE_MS - 1
    node.get("/v1/communications/cart/anna")
    assert refreshes() == 1
    node.clock.now_ms += 1
    node.get("/v1/communications/cart/anna")
    assert refreshes() == 2
    assert len({told.id for told in node.told() if told.kind is EventKind.REFRESH}) == 2


# Rights


def test_an_erased_user_is_gone_for_every_template_and_for_repeats(node: GatewayInProcess) -> None:
    node.post(ANNA_NEWS, "s1")
    grave(node)
    for reply in (
        node.get(ANNA_NEWS),
        node.post(ANNA_NEWS, "s1"),
        node.post(ANNA_NEWS, "s2"),
        node.get("/v1/communications/cart/anna"),
    ):
        assert (reply.status, reply.json["type"]) == (410, "urn:foresend:problem:erased")
    assert len(node.told()) == 1


@pytest.mark.parametrize("afterwards", ["a new life", "a tombstone"])
def test_what_was_sent_before_an_erasure_stays_gone_when_the_user_comes_back(
    node: GatewayInProcess, afterwards: str
) -> None:
    node.post(ANNA_NEWS, "s1")
    grave(node)
    if afterwards == "a new life":
        node.entry(communication(number=91))
    else:
        node.record(COMMUNICATIONS.name, communication_key(WORKSPACE, NEWS, ANNA), None)
    repeated, new = node.post(ANNA_NEWS, "s1"), node.post(ANNA_NEWS, "s2")
    assert (repeated.status, repeated.json["type"]) == (410, "urn:foresend:problem:erased")
    assert new.status == 200


# Looks


def test_a_look_shows_the_likeliest_valid_candidate_and_tells_nothing(node: GatewayInProcess) -> None:
    node.entry(communication(number=2, odds=(0.3, 0.5, 0.2), valid_until_ms=(0, START_MS, 0)))
    reply = node.get(ANNA_NEWS)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"entry anna 2 0" in reply.body
    assert reply.headers["foresend-source"] == "entry"
    assert node.outbox() == []


def test_a_looks_links_lead_nowhere(node: GatewayInProcess) -> None:
    assert b'href="#"' in node.get(ANNA_NEWS).body
    assert PUBLIC_URL.encode() not in node.get(ANNA_NEWS).body


def test_a_look_as_json_gives_all_parts(node: GatewayInProcess) -> None:
    reply = node.get(f"{ANNA_NEWS}?format=json&candidate=2").json
    assert reply["subject"] == "entry anna 1 2"
    assert reply["preheader"] == "pre entry anna 1 2"
    assert reply["text"].startswith("entry anna 1 2\n")
    assert "<p>entry anna 1 2</p>" in reply["html"]
    assert (reply["decision"], reply["language"], reply["release"]) == ("d-anna-1", "en", "release-1")
    assert reply["probabilities"] == list(ODDS)


@pytest.mark.parametrize(("candidate", "status"), [("3", 404), ("1", 404), ("x", 400), ("-1", 400), ("99999", 400)])
def test_a_look_at_a_candidate_that_is_not_there(node: GatewayInProcess, candidate: str, status: int) -> None:
    node.entry(communication(number=2, valid_until_ms=(0, START_MS, 0)))
    assert node.get(f"{ANNA_NEWS}?candidate={candidate}").status == status


# Readiness and bounds


def test_a_node_that_is_behind_says_when_to_come_back(node: GatewayInProcess) -> None:
    node.progress.is_ready = False
    for reply in (node.get(ANNA_NEWS), node.post(ANNA_NEWS, "s1")):
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert node.store.sent(WORKSPACE, SendId("s1")) is None


def test_a_node_that_has_read_nothing_yet_does_not_say_that_nothing_is_there(tmp_path: Path) -> None:
    node = GatewayInProcess(tmp_path / "empty")
    node.progress.is_ready = False
    assert node.get(ANNA_NEWS).status == 503
    node.close()


def test_a_rebuild_that_begins_during_a_read_makes_nobody_unknown(
    node: GatewayInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = node.store.entries

    def lookup_during_rebuild(keys: list[bytes]) -> list[bytes | None]:
        node.progress.is_ready = False
        return [None for _ in lookup(keys)]

    monkeypatch.setattr(node.store, "entries", lookup_during_rebuild)
    assert node.post("/v1/communications/cart/anna", "s1").status == 503


def test_no_draw_beyond_the_outboxs_bound_but_repeats_and_looks(
    node: GatewayInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = node.post(ANNA_NEWS, "s1")
    monkeypatch.setattr(type(node.store), "outbox_rows", OUTBOX_ROWS_MAX)
    assert node.post(ANNA_NEWS, "s2").status == 503
    assert node.post(ANNA_NEWS, "s1").body == first.body
    assert node.get(ANNA_NEWS).status == 200


def test_a_node_answers_for_its_own_partitions_only(tmp_path: Path) -> None:
    own = event_partition(WORKSPACE, ANNA)
    for partitions, status in (({own}, 200), (set(range(PARTITIONS)) - {own}, 421)):
        node = GatewayInProcess(tmp_path / str(status), partitions=partitions)
        node.release(release(1))
        node.entry(communication())
        assert node.get(ANNA_NEWS).status == status
        node.close()


@pytest.mark.parametrize("path", ["/v1/communications/unheard-of/anna", "/v1/communications/cart2/anna"])
def test_a_template_that_is_not_released_is_not_found(node: GatewayInProcess, path: str) -> None:
    assert node.get(path).status == 404
    assert node.post(path, "s1").status == 404
    assert node.outbox() == []


def test_without_any_release_there_is_no_workspace(tmp_path: Path) -> None:
    node = GatewayInProcess(tmp_path / "empty")
    reply = node.get(ANNA_NEWS)
    assert (reply.status, reply.json["type"]) == (404, "urn:foresend:problem:no_workspace")
    node.close()


def test_reads_are_counted_by_source_and_reason_never_by_user(node: GatewayInProcess) -> None:
    node.post(ANNA_NEWS, "s1")
    node.get("/v1/communications/news/nobody")
    node.get("/v1/communications/unheard-of/anna")
    entry = {"workspace": "shop", "template": "news", "source": "entry", "reason": ""}
    unknown = {"workspace": "shop", "template": "news", "source": "fallback", "reason": "unknown"}
    assert node.metric("foresend_reads_total", **entry) == 1
    assert node.metric("foresend_reads_total", **unknown) == 1
    assert node.metric("foresend_read_problems_total", code="no_template") == 1
    assert node.metric("foresend_read_seconds_count") == 3
    page = node.get("/metrics").body
    assert b"anna" not in page
    assert b"nobody" not in page
    assert b"unheard-of" not in page


def test_the_outbox_row_and_the_send_are_one_write(node: GatewayInProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    # Guards `CacheStore.remember_send`: written apart, a kill between would lose an exposure or make two draws.
    calls: list[int] = []
    commit = node.store.commit

    def counted(batch: object, outbox: list[OutboxRow] | tuple[()] = ()) -> None:
        calls.append(len(outbox))
        commit(batch, outbox)  # type: ignore[arg-type]

    monkeypatch.setattr(node.store, "commit", counted)
    node.post(ANNA_NEWS, "s1")
    assert calls == [1]
