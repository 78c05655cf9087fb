"""Events about items of a catalogue: from servers alone, clean, and never anybody's behaviour."""

from typing import Any

import pytest

from connectors.collector.intake import Moment, take_batch
from connectors.collector.items import ItemRules
from connectors.collector.keys import Sender
from connectors.collector.reduction import Rules
from schemas.catalogue import DEFAULT_SLATE, Item
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.errors import Reason
from schemas.library import CatalogueSettings, TagRule
from schemas.worlds import WorldRef
from tests.support.collecting import NOW_MS, SHOP, Rig

FILMS = CatalogueSettings(
    name="films",
    updated=("Product Updated",),
    removed=("Product Removed",),
    id="product_id",
    parts=(("title", "title"), ("price", "price"), ("url", "link.href")),
    tags=(TagRule(property="genres[]"),),
    valid_until="ends",
)
LATE_TIDES: dict[str, Any] = {
    "product_id": "f1",
    "title": "Late Tides",
    "price": 12.5,
    "link": {"href": "https://shop.example/f1"},
    "genres": ["Drama", "Sea"],
    "ends": "2027-01-01T00:00:00Z",
}


@pytest.fixture
def rig() -> Rig:
    made = Rig()
    made.rules = Rules(items=ItemRules((FILMS,), ("shop.example",)))
    return made


def sent(rig: Rig, properties: dict[str, Any], name: str = "Product Updated") -> int:
    body = {"anonymousId": "server", "event": name, "properties": properties}
    return int(rig.post("/v1/track", body).status)


def items(rig: Rig) -> list[Item]:
    return [decode(Item, record.value) for record in rig.log.records if record.topic == "catalogue"]


def test_an_update_becomes_a_version_of_the_item_and_no_event(rig: Rig) -> None:
    assert sent(rig, LATE_TIDES) == 202
    (item,) = items(rig)
    assert item.parts == {"title": "Late Tides", "price": "12.5", "url": "https://shop.example/f1"}
    assert (item.workspace, item.catalogue, item.id) == (SHOP, "films", "f1")
    assert item.tags == ("drama", "sea")
    assert item.valid_until_ms == 1_798_761_600_000
    assert rig.log.records[0].key == b"shop|films|f1"
    assert rig.log.events == []


def test_of_an_address_nothing_is_cut_off(rig: Rig) -> None:
    address = "https://shop.example/" + "f" * 1_900
    assert sent(rig, {**LATE_TIDES, "link": {"href": address}}) == 202
    assert items(rig)[0].parts["url"] == address


def test_a_removal_needs_no_more_than_the_id(rig: Rig) -> None:
    assert sent(rig, {"product_id": "f1"}, "Product Removed") == 202
    assert items(rig) == [Item(SHOP, "films", "f1", is_gone=True)]  # type: ignore[arg-type]


def test_other_events_are_behaviour_as_ever(rig: Rig) -> None:
    assert sent(rig, LATE_TIDES, "Product Viewed") == 202
    assert items(rig) == []
    assert [event.name for event in rig.log.events] == ["Product Viewed"]


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        ("link", {"href": "javascript:alert(1)"}, Reason.NOT_ALLOWED),
        ("link", {"href": "http://shop.example/f1"}, Reason.NOT_ALLOWED),
        ("link", {"href": "https://evil.example/f1"}, Reason.NOT_ALLOWED),
        ("link", {"href": "https://shop.example/" + "f" * 2_000}, Reason.NOT_ALLOWED),
        ("title", "see www.evil.example", Reason.NOT_ALLOWED),
        ("title", "", Reason.WRONG_TYPE),
        ("price", {"amount": 1}, Reason.WRONG_TYPE),
        ("product_id", "x" * 101, Reason.WRONG_TYPE),
        ("product_id", DEFAULT_SLATE, Reason.WRONG_TYPE),
        ("product_id", "a\nb", Reason.WRONG_TYPE),
        ("ends", "soon", Reason.WRONG_TYPE),
        ("ends", -1, Reason.WRONG_TYPE),
    ],
)
def test_what_no_message_may_show_is_refused_whole(rig: Rig, part: str, value: Any, reason: Reason) -> None:
    before = len(rig.log.records)
    assert sent(rig, {**LATE_TIDES, part: value}) == 400
    assert len(rig.log.records) == before
    body = {"batch": [{"type": "track", "anonymousId": "s", "event": "Product Updated", "properties": LATE_TIDES}]}
    body["batch"][0]["properties"] = {**LATE_TIDES, part: value}
    rig.post("/v1/batch", body)
    assert [letter.reason for letter in rig.log.dead_letters] == [reason]


def test_hostile_words_are_cleaned(rig: Rig) -> None:
    assert sent(rig, {**LATE_TIDES, "title": "A\r\nBcc: x\u202e <b>" + "y" * 400}) == 202
    title = items(rig)[0].parts["title"]
    assert title.startswith("A Bcc: x <b>")
    assert len(title) == 200


def test_a_pages_key_changes_no_price() -> None:
    raw = (
        b'{"batch":[{"type":"track","anonymousId":"s","event":"Product Updated","properties":{"product_id":"f1",'
        b'"title":"Gift","price":"0","link":{"href":"https://shop.example/f1"}}}]}'
    )
    rules = Rules(items=ItemRules((FILMS,), ("shop.example",)))
    taken = take_batch(raw, lambda _: Sender(SHOP, True), Moment(NOW_MS, WorldRef(), lambda _: rules))
    assert [record.topic for record in taken.records] == ["dead_letters"]
    assert decode(DeadLetter, taken.records[0].value).reason is Reason.NOT_ALLOWED
