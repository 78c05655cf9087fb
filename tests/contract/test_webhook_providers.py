"""What every provider of webhooks keeps, whatever its payloads look like: a new one adds a row to `EXAMPLES`."""

import json
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from connectors.webhooks.cutting import cut, is_known
from connectors.webhooks.mapping import FOLDER, SCHEMA, providers
from connectors.webhooks.normalising import Receipt, event_name, normalised
from schemas.errors import Reason, SchemaError
from schemas.events import Event
from schemas.worlds import WorldRef
from tests.support.collecting import NOW_MS, SHOP
from tests.support.webhooks import NOW_S, SECRET, SIGNINGS, WebhookRig

ADDRESS = "Ann@Example.com"
WHEN = "2023-11-14T22:12:20Z"
WHEN_MS = NOW_MS - 60_000
LINK = "https://shop.example/sale"
OURS = {"foresend_send_id": "s1", "foresend_user": "ann", "foresend_template": "welcome"}
RECEIPT = Receipt(SHOP, NOW_MS, WorldRef(3, 7), SECRET)


class Example(NamedTuple):
    """A click by somebody, with `{ours}` where our arguments stand, and an event of a name that nobody knows."""

    click: Any
    unknown: Any
    ours: Any


def _ses(kind: str, mail: dict[str, Any]) -> dict[str, Any]:
    click = {"timestamp": WHEN, "link": LINK, "ipAddress": "192.0.2.77", "userAgent": "Mozilla"}
    return {"eventType": kind, "click": click, "mail": {"messageId": "m1", "destination": [ADDRESS], **mail}}


def _sendgrid(event: str, **more: Any) -> dict[str, Any]:
    common = {"email": ADDRESS, "timestamp": NOW_S - 60, "sg_event_id": "e1", "sg_message_id": "m1", "url": LINK}
    return {"event": event, **common, "ip": "192.0.2.77", "useragent": "Mozilla", **more}


def _postmark(kind: str, **more: Any) -> dict[str, Any]:
    common = {"MessageID": "m1", "Recipient": ADDRESS, "ReceivedAt": WHEN, "OriginalLink": LINK}
    return {"RecordType": kind, **common, "UserAgent": "Mozilla", "Geo": {"IP": "192.0.2.77"}, **more}


def _mailgun(event: str, **more: Any) -> dict[str, Any]:
    common = {"id": "e1", "recipient": ADDRESS, "timestamp": NOW_S - 60.0, "url": LINK, "ip": "192.0.2.77"}
    message = {"headers": {"message-id": "m1"}}
    return {"event": event, **common, "message": message, "client-info": {"user-agent": "Mozilla"}, **more}


EXAMPLES = {
    "sendgrid": Example([_sendgrid("click")], [_sendgrid("teleport")], [_sendgrid("click", **OURS)]),
    "ses": Example(
        _ses("Click", {}),
        _ses("Teleport", {}),
        _ses("Click", {"tags": {name: [value] for name, value in OURS.items()}}),
    ),
    "postmark": Example(_postmark("Click"), _postmark("Teleport"), _postmark("Click", Metadata=OURS)),
    "mailgun": Example(_mailgun("clicked"), _mailgun("teleported"), _mailgun("clicked", **{"user-variables": OURS})),
}

every_provider = pytest.mark.parametrize("provider", sorted(providers()))


def events(provider: str, payload: Any, receipt: Receipt = RECEIPT) -> list[Event]:
    mapping = providers()[provider]
    found = [normalised(piece, mapping, receipt) for piece in cut(payload, mapping)]
    return [event for event in found if event is not None]


def sent(provider: str, payload: Any) -> Any:
    """The payload as it stands in the request's body."""
    return json.loads(SIGNINGS[provider](payload).body)


def test_every_provider_has_an_example_and_a_way_to_be_believed() -> None:
    assert set(EXAMPLES) == set(providers()) == set(SIGNINGS)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_its_file_is_as_the_schema_tells(file: Any) -> None:
    value = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    assert list(Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(value)) == []
    assert value["provider"] == file.stem


@every_provider
def test_a_click_has_the_names_of_the_spec(provider: str) -> None:
    [event] = events(provider, sent(provider, EXAMPLES[provider].click))

    assert (event.kind, event.name, event.at_ms, event.received_ms) == ("track", "Email Link Clicked", WHEN_MS, NOW_MS)
    assert event.properties == {"provider": provider, "email_id": "m1", "link_url": LINK}
    assert event.context == {"userAgent": "Mozilla", "ip": "192.0.2.0"}


@every_provider
def test_an_address_names_a_person_and_is_written_nowhere(provider: str) -> None:
    [event] = events(provider, sent(provider, EXAMPLES[provider].click))

    assert event.user.startswith("address-")
    assert event.anonymous
    assert ADDRESS.lower() not in repr(event).lower()


@every_provider
def test_our_own_arguments_join_it_to_what_was_sent(provider: str) -> None:
    [event] = events(provider, sent(provider, EXAMPLES[provider].ours))

    assert (event.user, event.anonymous) == ("ann", False)
    assert (event.properties["send_id"], event.properties["template"]) == ("s1", "welcome")


@every_provider
def test_the_same_bytes_are_the_same_event_and_another_is_another(provider: str) -> None:
    first, again, other = (
        events(provider, sent(provider, payload))[0].id
        for payload in (EXAMPLES[provider].click, EXAMPLES[provider].click, _without_ids(EXAMPLES[provider].click))
    )
    assert first == again
    assert provider == "ses" or first != other  # what SNS sends is named by SNS


@every_provider
def test_without_an_id_the_bytes_are_one(provider: str) -> None:
    bare = _without_ids(EXAMPLES[provider].click)
    first, again = (events(provider, bare)[0].id for _ in range(2))
    assert first == again
    assert first.startswith("sha256-")


def _without_ids(payload: Any) -> Any:
    if isinstance(payload, list):
        return [_without_ids(one) for one in payload]
    return {name: value for name, value in payload.items() if name not in ("sg_event_id", "id", "MessageID")}


@every_provider
def test_it_is_known_for_its_own_and_by_nobody_else(provider: str) -> None:
    payload = sent(provider, EXAMPLES[provider].click)
    known = [
        name for name, mapping in providers().items() if any(is_known(one, mapping) for one in cut(payload, mapping))
    ]
    assert known == [provider]


@every_provider
def test_an_unknown_event_says_so_and_quotes_nothing(provider: str) -> None:
    with pytest.raises(SchemaError) as caught:
        events(provider, sent(provider, EXAMPLES[provider].unknown))
    assert caught.value.reason is Reason.UNKNOWN_KIND
    assert "eleport" not in str(caught.value)


@every_provider
@pytest.mark.parametrize("payload", [None, 1, "x", [], [1, None], {}, [[{}]], {"event": {"a": 1}}, {"Records": [1]}])
def test_noise_is_refused_and_breaks_nothing(provider: str, payload: Any) -> None:
    mapping = providers()[provider]
    for piece in cut(payload, mapping):
        with pytest.raises(SchemaError):
            assert normalised(piece, mapping, RECEIPT) is None, event_name(piece, mapping)


@every_provider
def test_at_the_door_it_is_believed_kept_and_normalised(provider: str) -> None:
    rig = WebhookRig()
    answer = rig.post(provider, SIGNINGS[provider](EXAMPLES[provider].ours))

    assert (answer.status, answer.json) == (200, {"accepted": 1, "refused": []})
    assert [record.topic for record in rig.log.records] == ["webhooks", "events"]
    assert rig.log.events[0].workspace == SHOP


@every_provider
def test_at_the_door_nobody_elses_is_believed(provider: str) -> None:
    rig = WebhookRig()
    signed = SIGNINGS[provider](EXAMPLES[provider].ours)
    signed.headers = {name: value.replace("a", "b") for name, value in signed.headers.items()}
    signed.body = signed.body.replace(b"0", b"1")

    answer = rig.post(provider, signed)

    assert answer.status in (401, 403)
    assert b"ann" not in answer.body.lower()
    assert rig.log.records == []
