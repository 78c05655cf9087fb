"""What the collector does for browsers: the script, other origins, and keys that everybody can read."""

import base64
import gzip
import json

import pytest

from connectors.collector.app import CollectorApp
from connectors.collector.keys import WriteKeys
from connectors.collector.web.door import WebDoor
from connectors.collector.web.script import SOURCE, Script, stripped
from tests.support.asgi import request
from tests.support.collecting import KEY, NOW_MS, SHOP, Rig

SCRIPT_BYTES_MAX = 4096
TRACK = json.dumps({"userId": "ann", "event": "E", "writeKey": "secret"}).encode()
SHOP_PAGE = "https://shop.example"


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_script_is_small() -> None:
    assert len(Script().compressed) < SCRIPT_BYTES_MAX


def test_the_script_is_its_source_without_comments() -> None:
    source = SOURCE.read_text(encoding="utf-8")

    assert "`" not in source, "expected no text over several lines, for indentation is cut"
    assert "//" not in stripped(source).replace("https://", "")
    assert "/*" not in stripped(source)


def test_the_script_is_served_compressed_and_kept(rig: Rig) -> None:
    door = WebDoor(rig.app)
    found = request(door, "GET", "/v1/foresend.js", headers={"accept-encoding": "br, gzip"})

    assert found.status == 200
    assert found.headers["content-type"] == "text/javascript; charset=utf-8"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "max-age=3600" in found.headers["cache-control"]
    assert gzip.decompress(found.body) == request(door, "GET", "/v1/foresend.js").body
    known = request(door, "GET", "/v1/foresend.js", headers={"if-none-match": found.headers["etag"]})
    assert (known.status, known.body) == (304, b"")
    assert request(door, "POST", "/v1/foresend.js").status == 405


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track", "/v1/identify"])
def test_a_preflight_is_answered_for_paths_of_events_only(rig: Rig, path: str) -> None:
    asked = {"origin": SHOP_PAGE, "access-control-request-method": "POST"}

    found = request(WebDoor(rig.app), "OPTIONS", path, headers=asked)

    assert found.status == 204
    assert found.headers["access-control-allow-origin"] == "*"
    assert "POST" in found.headers["access-control-allow-methods"]
    assert "content-type" in found.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in found.headers
    erasing = request(WebDoor(rig.app), "OPTIONS", "/v1/users/ann", headers=asked)
    assert "access-control-allow-origin" not in erasing.headers


def test_a_page_may_read_the_answer_and_when_to_try_again(rig: Rig) -> None:
    rig.log.is_failing = True

    found = request(WebDoor(rig.app), "POST", "/v1/track", TRACK, {"origin": SHOP_PAGE})

    assert (found.status, found.headers["retry-after"]) == (503, "1")
    assert found.headers["access-control-allow-origin"] == "*"
    assert found.headers["access-control-expose-headers"] == "retry-after"


def test_only_named_origins_may_send_where_some_are_named(rig: Rig) -> None:
    door = WebDoor(rig.app, (SHOP_PAGE,))

    ours = request(door, "POST", "/v1/track", TRACK, {"origin": SHOP_PAGE})
    other = request(door, "POST", "/v1/track", TRACK, {"origin": "https://other.example"})
    server = request(door, "POST", "/v1/track", TRACK)

    assert (ours.status, other.status, server.status) == (202, 403, 202)
    assert (ours.headers["access-control-allow-origin"], ours.headers["vary"]) == (SHOP_PAGE, "origin")
    assert "access-control-allow-origin" not in other.headers
    assert len(rig.log.events) == 2


def test_a_beacon_has_its_key_in_the_body_and_is_plain_text(rig: Rig) -> None:
    body = json.dumps({"writeKey": "secret", "batch": [{"type": "page", "anonymousId": "a1"}]}).encode()
    headers = {"origin": SHOP_PAGE, "content-type": "text/plain;charset=UTF-8"}

    assert request(WebDoor(rig.app), "POST", "/v1/batch", body, headers).json["accepted"] == 1
    assert [(event.user, event.anonymous) for event in rig.log.events] == [("a1", True)]


def test_the_key_of_a_page_sends_events_and_neither_erases_nor_readdresses_anybody(rig: Rig) -> None:
    app = CollectorApp(
        WriteKeys({"secret": SHOP}, public={"page": SHOP}), rig.log, rig.world, rig.meters, clock=lambda: NOW_MS
    )
    page = {"authorization": "Basic " + base64.b64encode(b"page:").decode()}

    assert request(app, "POST", "/v1/track", TRACK, page).status == 202
    theft = {"type": "identify", "userId": "ann", "traits": {"email": "thief@shop.example"}}
    body = json.dumps({"batch": [theft], "writeKey": "page"}).encode()
    assert request(app, "POST", "/v1/batch", body).json["accepted"] == 1
    assert request(app, "DELETE", "/v1/users/ann", headers=page).status == 403
    assert request(app, "DELETE", "/v1/users/ann", headers={"authorization": KEY}).status == 202
    assert [event.kind.value for event in rig.log.events] == ["track", "identify", "erase"]
    assert "thief" not in repr(rig.log.records)


@pytest.mark.parametrize("name", ["Email Bounced", "Email Link Clicked", "Subscribed", "Unsubscribed"])
def test_a_page_tells_nothing_of_mail(rig: Rig, name: str) -> None:
    """Or else anybody could have another person suppressed, signed up, or shown as somebody who clicked."""
    app = CollectorApp(
        WriteKeys({"secret": SHOP}, public={"page": SHOP}), rig.log, rig.world, rig.meters, clock=lambda: NOW_MS
    )
    call = {"type": "track", "userId": "ann", "event": name}
    page = {"authorization": "Basic " + base64.b64encode(b"page:").decode()}

    single = request(app, "POST", "/v1/track", json.dumps(call).encode(), page)
    assert (single.status, single.json["reason"]) == (400, "not_allowed")
    both = {"batch": [call, {**call, "event": "Product Viewed"}], "writeKey": "page"}
    answer = request(app, "POST", "/v1/batch", json.dumps(both).encode()).json
    assert (answer["accepted"], [one["reason"] for one in answer["refused"]]) == (1, ["not_allowed"])
    assert request(app, "POST", "/v1/track", json.dumps(call).encode(), {"authorization": KEY}).status == 202
