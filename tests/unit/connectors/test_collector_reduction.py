"""What is taken out of calls before anything is written: looked for in the very bytes that go to Kafka."""

import json
import time
from typing import Any

import pytest

from connectors.collector.demographics import BANDS, age_band, coarse_place
from connectors.collector.identifying_text import cleaned_text
from connectors.collector.meanings import Meaning, Meanings
from connectors.collector.reduction import ONLY_BASICS, Rules, reduced, reduced_values
from schemas.contacts import contact_change
from schemas.events import Event, EventKind
from schemas.ids import EventId, RecordId, UserId
from tests.support.collecting import NOW_MS, SHOP, Rig

PLAIN = Meanings()


@pytest.fixture
def rig() -> Rig:
    return Rig()


def written(rig: Rig, kind: str, **call: Any) -> tuple[Event, str]:
    """The event of a call, and all bytes that were written for it but for contact events."""
    assert rig.post(f"/v1/{kind}", {"userId": "anna", **call}).status == 202
    events = [event for event in rig.log.events if event.kind is not EventKind.CONTACT]
    own = [r.value.decode() for r, e in zip(rig.log.records, rig.log.events, strict=True) if e.kind != "contact"]
    return events[0], "".join(own)


# --- traits


def test_traits_pass_by_the_allow_list_of_the_workspace(rig: Rig) -> None:
    traits = {"plan": "pro", "size": 3, "shoe": 42, "locale": "de", "timezone": "Europe/Berlin", "consent": {"a": True}}

    event, _ = written(rig, "identify", traits=traits)

    assert event.traits == {name: value for name, value in traits.items() if name != "shoe"}


def test_without_a_release_only_the_basics_pass(rig: Rig) -> None:
    rig.rules = ONLY_BASICS

    event, _ = written(rig, "identify", traits={"plan": "pro", "locale": "de"})

    assert event.traits == {"locale": "de"}


@pytest.mark.parametrize("name", ["birthday", "dateOfBirth", "date_of_birth", "DOB", "birthdate"])
def test_of_a_date_of_birth_the_band_is_left_even_where_it_is_allowed(rig: Rig, name: str) -> None:
    rig.rules = Rules(kept=(name,))

    event, told = written(rig, "identify", traits={name: "1990-05-17"})

    assert event.traits == {"age_band": "25-34"}
    assert "1990" not in told


def test_a_workspace_names_further_traits_that_are_dates_of_birth(rig: Rig) -> None:
    rig.rules = Rules(bands=("geburtstag",))

    event, told = written(rig, "identify", traits={"geburtstag": "17.05.1990", "nochwas": "17.05.1990"})

    assert event.traits == {"age_band": "25-34"}
    assert "1990" not in told


@pytest.mark.parametrize("where", ["traits", "context"])
def test_of_an_address_country_and_region_are_left(rig: Rig, where: str) -> None:
    traits = {
        "address": {"street": "Weg 1", "city": "Bonn", "postalCode": "53111", "state": "NW", "country": "Germany"}
    }
    call = {"traits": traits} if where == "traits" else {"context": {"traits": traits}}

    event, told = written(rig, "identify", **call)

    found = event.traits if where == "traits" else event.context["traits"]
    assert found == {"country": "Germany", "region": "NW"}
    assert not any(secret in told for secret in ("Weg 1", "Bonn", "53111"))


@pytest.mark.parametrize(
    "traits",
    [
        {"religion": "none"},
        {"politicalViews": "green"},
        {"sexual_orientation": "x"},
        {"ethnicity": "x"},
        {"tradeUnionMember": True},
        {"healthStatus": "x"},
        {"genetic_test": "x"},
        {"biometricId": "x"},
        {"diagnosis": ["x"]},
        {"plan": {"religion": "none", "rest": 1}},
    ],
)
def test_special_categories_pass_nowhere_even_where_they_are_allowed(rig: Rig, traits: dict[str, Any]) -> None:
    rig.rules = Rules(kept=traits)
    (name,) = traits

    for call in ({"traits": traits}, {"context": {"traits": traits}}, {"properties": {"deep": [{"er": traits}]}}):
        _, told = written(rig, "identify", **call)
        assert name not in told or (name == "plan" and "religion" not in told)
        rig.log.records.clear()


def test_a_workspace_adds_names_of_its_own_in_any_spelling(rig: Rig) -> None:
    rig.rules = Rules(kept=("sternzeichen",), sensitive=("stern_zeichen",))

    event, told = written(rig, "identify", traits={"sternzeichen": "lion"}, properties={"sternZeichen": "lion", "a": 1})

    assert (event.traits, event.properties) == ({}, {"a": 1})
    assert "lion" not in told


# --- addresses of people


def test_addresses_become_contact_events_and_stand_nowhere_else(rig: Rig) -> None:
    traits = {"email": " Ann@SHOP.example ", "phone": "+49 (228) 123456", "plan": "pro"}

    event, told = written(rig, "identify", messageId="m1", traits=traits)

    contacts = [one for one in rig.log.events if one.kind is EventKind.CONTACT]
    changes = {contact_change(one).channel: contact_change(one) for one in contacts}
    assert {channel: change.address for channel, change in changes.items()} == {
        "email": "Ann@shop.example",
        "sms": "+49228123456",
    }
    assert all(one.user == "anna" and one.at_ms == event.at_ms for one in contacts)
    assert all(change.granted is None for change in changes.values())
    assert event.traits == {"plan": "pro"}
    assert "shop.example" not in told.lower()
    assert "123456" not in told


def test_a_call_sent_again_tells_its_contact_by_the_same_id(rig: Rig) -> None:
    for _ in range(2):
        rig.post("/v1/identify", {"userId": "anna", "messageId": "m1", "traits": {"email": "a@b.example"}})

    ids = [event.id for event in rig.log.events if event.kind is EventKind.CONTACT]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_batch_counts_its_calls_and_not_what_stands_beside_them(rig: Rig) -> None:
    call = {"type": "identify", "userId": "anna", "anonymousId": "a1", "traits": {"email": "a@b.example"}}

    answer = rig.post("/v1/batch", {"batch": [call]})

    assert answer.json["accepted"] == 1
    assert sorted(event.kind.value for event in rig.log.events) == ["contact", "identify", "link"]


@pytest.mark.parametrize("value", ["", "nobody", "a@b", None, 5, True, ["a@b.example"], {"a": "a@b.example"}])
def test_what_is_no_address_is_dropped_and_harms_nothing(rig: Rig, value: Any) -> None:
    event, told = written(rig, "identify", traits={"email": value})

    assert event.traits == {}
    assert len(rig.log.records) == 1
    assert "b.example" not in told


def test_only_identify_tells_contacts(rig: Rig) -> None:
    rig.post("/v1/track", {"userId": "anna", "event": "Signed Up", "properties": {"email": "a@b.example", "plan": "x"}})

    (event,) = rig.log.events
    assert event.properties == {"plan": "x"}


# --- properties and context


def test_properties_lose_what_names_somebody_at_any_depth(rig: Rig) -> None:
    properties = {
        "revenue": 12.5,
        "email_id": "template-7",
        "note": "write to ann@shop.example",
        "products": [{"sku": "1", "recipientEmail": "x@y.example"}, {"sku": "2", "tags": ["a", "b@c.example"]}],
        "shippingAddress": {"city": "Bonn", "country": "DE", "zip": "53111"},
        "ip": "67.207.109.102",
        "emailVerified": True,
        "customer": {"first_name": "Ann", "phone": "0228 12345", "birthday": "1990-05-17", "tier": 2},
    }

    event, _ = written(rig, "track", event="Order Completed", properties=properties)

    assert event.properties == {
        "revenue": 12.5,
        "email_id": "template-7",
        "products": [{"sku": "1"}, {"sku": "2", "tags": ["a"]}],
        "country": "DE",
        "ip": "67.207.109.0",
        "emailVerified": True,
        "customer": {"age_band": "25-34", "tier": 2},
    }


def test_ids_of_an_alias_and_a_group_stay_however_they_look(rig: Rig) -> None:
    alias, _ = written(rig, "alias", previousId="ann@shop.example")
    rig.log.records.clear()
    group, _ = written(rig, "group", groupId="us@shop.example", properties={"x": "ann@shop.example"})

    assert alias.properties == {"previousId": "ann@shop.example"}
    assert group.properties == {"groupId": "us@shop.example"}


def test_the_context_loses_what_names_somebody(rig: Rig) -> None:
    context = {
        "ip": "67.207.109.102",
        "userAgent": "SomeBot/1.0 (+mail me@bot.example)",
        "device": {"type": "ios", "name": "Ann's phone", "token": "ff15bc0c20c4", "advertisingId": "7A3CBEA0"},
        "location": {"city": "Bonn", "country": "DE", "latitude": 50.7},
        "page": {"url": "https://h.example/p?email=a%40b.example&q=shoes", "referrer": "https://r.example/?token=x1"},
        "consent": {"categoryPreferences": {"health": True}},
        "campaign": {"name": "spring"},
    }

    event, _ = written(rig, "page", name="Home", context=context)

    assert event.context == {
        "ip": "67.207.109.0",
        "userAgent": "SomeBot/1.0 (+mail me@bot.example)",
        "device": {"type": "ios"},
        "location": {"country": "DE"},
        "page": {"url": "https://h.example/p?email=&q=shoes", "referrer": "https://r.example/?token="},
        "consent": {"categoryPreferences": {"health": True}},
        "campaign": {"name": "spring"},
    }


def test_what_has_nothing_to_lose_is_not_even_copied() -> None:
    properties = {"category": "shoes", "products": [{"sku": "1", "price": 2.5}], "url": "https://h.example/p"}
    context = {"locale": "de", "page": {"path": "/p"}, "userAgent": "a=b", "consent": {"x": True}}
    event = Event(
        workspace=SHOP,
        user=UserId("anna"),
        record_id=RecordId("r1"),
        id=EventId("e1"),
        kind=EventKind.TRACK,
        at_ms=NOW_MS,
        received_ms=NOW_MS,
        name="Product Viewed",
        properties=properties,
        context=context,
    )

    assert reduced(event, ONLY_BASICS) is event


def test_values_are_reduced_in_linear_time_whatever_they_are() -> None:
    nasty = [
        "a" * 300_000 + "@",
        "@" * 300_000,
        "https://h/?" + "a=&" * 100_000,
        "?" * 300_000 + "=",
        "a@" + "b." * 150_000,
    ]
    deep: Any = {"email": "a@b.example"}
    for _ in range(90):
        deep = {"x": [deep, "y" * 1000 + "="]}

    started = time.perf_counter()
    reduced_values({**{f"n{number}": text for number, text in enumerate(nasty)}, "deep": deep}, PLAIN, NOW_MS)

    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://h.example/p?q=red+shoes&page=2", "https://h.example/p?q=red+shoes&page=2"),
        ("https://h.example/?utm_campaign=summer_sale_2024_newsletter", "https://h.example/?utm_campaign=summer_sale_2024_newsletter"),
        ("https://h.example/?utm_term=a%40b.example", "https://h.example/?utm_term="),
        ("https://h.example/?next=https%3A%2F%2Fh.example%2F%3Ftoken%3Dabc", "https://h.example/?next="),
        ("https://h.example/cb#access_token=abc&state=1", "https://h.example/cb#access_token=&state=1"),
        ("https://ann:secret@h.example/", "https://h.example/"),
        ("https://h.example/unsubscribe/ann%40shop.example/now", "https://h.example/unsubscribe//now"),
        ("?gclid=EAIaIQobChMIabc123XYZdefGHI&q=x", "?gclid=&q=x"),
        ("/reset?a=550e8400-e29b-41d4-a716-446655440000", "/reset?a="),
        ("2 = 1 + 1", "2 = 1 + 1"),
        ("here @ home", "here @ home"),
        ("ann@shop.example", None),
        ("mailto:ann@shop.example", None),
    ],
)  # fmt: skip
def test_texts_and_urls_lose_addresses_and_tokens(text: str, expected: str | None) -> None:
    assert cleaned_text(text, PLAIN) == expected


# --- names


@pytest.mark.parametrize(
    ("meaning", "names"),
    [
        (Meaning.SENSITIVE, "religion politicalParty ethnic_group race union medicalHistory DNA orientation votedFor"),
        (Meaning.EMAIL, "email eMail e_mail e-mail emailAddress billing_email EMAIL"),
        (Meaning.PHONE, "phone phoneNumber mobile contact_phone telephone"),
        (Meaning.ADDRESS, "address shippingAddress"),
        (Meaning.IP, "ip ipAddress IPAddress client_ip_address"),
        (Meaning.PLAIN, "category email_id email_subject headphones page usage race_id credit_union"),
        (Meaning.PLAIN, "screen_orientation name product_id price url language gender union_jack"),
    ],
)  # fmt: skip
def test_names_mean_what_their_words_say(meaning: Meaning, names: str) -> None:
    assert {name: PLAIN[name] for name in names.split()} == dict.fromkeys(names.split(), meaning)


def test_a_flood_of_names_is_not_remembered() -> None:
    meanings = Meanings()
    for number in range(10_000):
        assert meanings[f"{'n' * (number % 100)}{number}"] is Meaning.PLAIN

    assert len(meanings) <= 8192
    assert max(map(len, meanings)) <= 64


# --- demographics


@pytest.mark.parametrize(
    ("value", "band"),
    [
        (0, "under-16"), (15, "under-16"), (16, "16-17"), (17, "16-17"), (18, "18-24"), (64, "55-64"), (65, "65+"),
        (130, "65+"), (131, None), (-1, None), (True, None), (None, None), ("", None), ("soon", None), ("34", "25-34"),
        ("2005-11-14", "18-24"), ("2005-11-15", "16-17"), ("2030-01-01", None), (1990, "25-34"), (float("inf"), None),
        ("1990-05-17T10:00:00Z", "25-34"), (642_902_400, "25-34"), (642_902_400_000, "25-34"), ("1990-13-45", "25-34"),
        ("14/11/2005", "16-17"), (-1_000_000_000, "65+"), ([1990], None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_an_age_or_birth_date_is_told_by_its_band(value: Any, band: str | None) -> None:
    assert age_band(value, NOW_MS) == band


def test_bands_leave_no_gap() -> None:
    assert [age_band(end, 0) for end, _ in BANDS[:-1]] == [name for _, name in BANDS[1:]]
    assert [age_band(end - 1, 0) for end, _ in BANDS] == [name for _, name in BANDS]


@pytest.mark.parametrize(
    "value", ["Weg 1, 53111 Bonn", None, {}, {"country": "Weg 1, 53111 Bonn"}, {"country": 7}, {"state": "a@b.example"}]
)
def test_a_place_that_may_be_closer_than_a_region_is_no_place(value: Any) -> None:
    assert coarse_place(value) == {}


def test_the_reduced_event_is_still_json() -> None:
    assert json.loads(json.dumps(coarse_place({"countryCode": "FR", "regionCode": "FR-75C"}))) == {
        "country": "FR",
        "region": "FR-75C",
    }
