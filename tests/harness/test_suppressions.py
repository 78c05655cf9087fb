"""What an address did or its owner wished holds under every id, and outlives erasure; and what ends it."""

from typing import Any

import pytest
from msgspec.structs import replace

from connectors.cache.families import Family
from connectors.contacts.addresses import address_user
from connectors.delivery.suppressions import Suppressions
from schemas.codec import encode
from schemas.events import Event, EventKind
from schemas.library import ConsentSettings, Release
from schemas.topics import SUPPRESSIONS
from tests.support.events import DAY_MS, START_MS, WORKSPACE, erased, event, rated
from tests.support.relay_loop import RelayLoop

SECRET = b"0123456789abcdef0123456789abcdef"
ADDRESS, OTHER = "ana@shop.example", "ana@new.example"
BY_ADDRESS = address_user(SECRET, ADDRESS)


class Told:
    """What the job told of addresses, as a node holds it."""

    def __init__(self, path: RelayLoop) -> None:
        self._told = path.oracle.told[SUPPRESSIONS.name]

    def rows(self, family: Family, names: list[bytes]) -> list[bytes | None]:
        assert family.name == SUPPRESSIONS.name
        return [self._told.get(name) for name in names]


@pytest.fixture
def path(sample_release: Release) -> RelayLoop:
    """Everybody agrees who says nothing; each record is read twice, as after a crash."""
    return loop(sample_release, SECRET)


def loop(release: Release, secret: bytes) -> RelayLoop:
    settings = replace(release.settings, consent=ConsentSettings(missing=True))
    return RelayLoop(encode(replace(release, settings=settings)), 2, secret)


def why(path: RelayLoop, address: str = ADDRESS, user: str = "nobody") -> str | None:
    """Why an address may not be written to, of somebody who has it."""
    opted_in_ms = path.contact(user).opted_in_ms.get("email", 0)
    return Suppressions(Told(path), SECRET).suppressed(WORKSPACE, "email", address, opted_in_ms)


def told(name: str, user: str, at_ms: int, **properties: Any) -> Event:
    return event(EventKind.TRACK, user, at_ms, name=name, properties=properties)


def contact(user: str, at_ms: int, address: str = ADDRESS, **change: Any) -> Event:
    """What an import or an identify tells."""
    found = {"channel": "email", "at_ms": at_ms, "address": address, **change}
    return event(EventKind.CONTACT, user, at_ms, properties={k: v for k, v in found.items() if v != ""})


def imported(user: str, at_ms: int, address: str = ADDRESS) -> Event:
    return contact(user, at_ms, address, granted=True, source="form", text_version="1")


def linked(user: str, at_ms: int) -> Event:
    return event(EventKind.LINK, BY_ADDRESS, at_ms, linked=user, anonymous=True)


@pytest.mark.parametrize("again", ["ana", "bo"])
def test_who_was_erased_and_is_imported_again_is_not_mailed(path: RelayLoop, again: str) -> None:
    path.collect([imported("ana", START_MS)])
    assert why(path, user="ana") is None
    path.collect([erased("ana", START_MS + 1), imported(again, START_MS + DAY_MS)])
    assert why(path, user=again) == "erased"
    assert why(path, OTHER) is None


def test_who_was_erased_and_asks_anew_is_mailed_and_starts_empty(path: RelayLoop) -> None:
    path.collect(
        [imported("ana", START_MS), rated("jazz", "ana", START_MS + 1), told("Unsubscribed", "ana", START_MS + 2)]
    )
    path.collect([erased("ana", START_MS + 3)])
    path.collect([told("Subscribed", "ana", START_MS + DAY_MS), contact("ana", START_MS + DAY_MS + 1)])
    assert why(path, user="ana") is None
    assert path.contact("ana").suppressed == {}
    assert path.contact("ana").permissions["email/marketing"].granted
    assert set(path.profile("ana").tags.values) == set()
    assert why(path, user="bo") == "unsubscribed"


def test_an_opt_in_from_before_the_erasure_ends_nothing(path: RelayLoop) -> None:
    path.collect([imported("ana", START_MS), erased("ana", START_MS + 10)])
    path.collect([contact("bo", START_MS + 20), told("Subscribed", "bo", START_MS + 9)])
    assert why(path, user="bo") == "erased"


@pytest.mark.parametrize(
    ("event_", "reason"),
    [
        (told("Email Marked as Spam", "ana", START_MS + 1), "complaint"),
        (told("Unsubscribed", "ana", START_MS + 1), "unsubscribed"),
        (told("Email Bounced", "ana", START_MS + 1, bounce_type="hard"), "hard_bounce"),
        (told("Email Bounced", "ana", START_MS + 1, bounce_type="block"), None),
        (told("Email Bounced", "ana", START_MS + 1, bounce_type="soft"), None),
        (told("Unsubscribed", "ana", START_MS + 1, list_id="news"), None),
        (told("Email Delivered", "ana", START_MS + 1), None),
        (contact("ana", START_MS + 1, suppress="import"), "import"),
    ],
)
def test_what_one_id_did_holds_for_whoever_has_the_address(path: RelayLoop, event_: Event, reason: str | None) -> None:
    path.collect([contact("ana", START_MS), event_])
    assert why(path, user="bo") == reason


def test_the_fifth_soft_bounce_holds_for_the_address(path: RelayLoop) -> None:
    path.collect([contact("ana", START_MS)])
    path.collect(told("Email Bounced", "ana", START_MS + n, bounce_type="soft") for n in range(1, 6))
    assert why(path, user="bo") == "soft_bounces"


@pytest.mark.parametrize(
    ("name", "properties", "after"),
    [
        ("Unsubscribed", {}, None),
        ("Email Marked as Spam", {}, None),
        ("Email Bounced", {"bounce_type": "hard"}, "hard_bounce"),
    ],
)
def test_a_later_opt_in_of_another_owner_ends_it_and_no_hard_bounce(
    path: RelayLoop, name: str, properties: dict[str, Any], after: str | None
) -> None:
    path.collect([contact("ana", START_MS), told(name, "ana", START_MS + 1, **properties)])
    path.collect([contact("bo", START_MS + 2), told("Subscribed", "bo", START_MS + 3)])
    assert why(path, user="bo") == after


def test_a_wish_that_is_told_again_holds_from_then(path: RelayLoop) -> None:
    """The person's own profile keeps the first complaint only; of the address the newest counts."""
    path.collect([contact("ana", START_MS), told("Email Marked as Spam", "ana", START_MS + 1)])
    path.collect([contact("bo", START_MS + 2), told("Subscribed", "bo", START_MS + 3)])
    path.collect([told("Email Marked as Spam", "ana", START_MS + 4)])
    assert why(path, user="bo") == "complaint"


def test_a_wish_behind_a_graver_reason_is_told_too(path: RelayLoop) -> None:
    path.collect([contact("ana", START_MS), told("Email Marked as Spam", "ana", START_MS + 1)])
    path.collect([told("Unsubscribed", "ana", START_MS + 5)])
    path.collect([contact("bo", START_MS + 2), told("Subscribed", "bo", START_MS + 3)])
    assert why(path, user="bo") == "unsubscribed"


def test_a_wish_goes_on_to_a_new_address_and_a_bounce_does_not(path: RelayLoop) -> None:
    path.collect([contact("ana", START_MS), told("Email Bounced", "ana", START_MS + 1, bounce_type="hard")])
    path.collect([contact("ana", START_MS + 2, OTHER)])
    assert (why(path), why(path, OTHER)) == ("hard_bounce", None)
    path.collect([told("Unsubscribed", "ana", START_MS + 3), contact("ana", START_MS + 4, "third@new.example")])
    assert why(path, "third@new.example") == "unsubscribed"


def test_a_list_of_addresses_holds_for_whoever_comes_with_one(path: RelayLoop) -> None:
    suppress = contact(BY_ADDRESS, START_MS, "", suppress="import")
    path.collect([replace(suppress, anonymous=True), imported("ana", START_MS + 1)])
    assert why(path, user="ana") == "import"


def test_what_a_provider_tells_of_an_address_holds_for_it_and_not_for_its_owner_s_new_one(path: RelayLoop) -> None:
    path.collect([linked("ana", START_MS), contact("ana", START_MS), contact("ana", START_MS + 1, OTHER)])
    bounced = told("Email Bounced", BY_ADDRESS, START_MS + 2, bounce_type="hard")
    path.collect([replace(bounced, anonymous=True)])
    assert (why(path), why(path, OTHER)) == ("hard_bounce", None)


def test_an_erasure_tells_of_an_address_that_is_known_by_its_link_alone(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS), linked("ana", START_MS + 1), erased("ana", START_MS + 2)])
    assert why(path, user="bo") == "erased"


def test_an_import_lifts_no_unsubscribe(path: RelayLoop) -> None:
    path.collect([contact("ana", START_MS), told("Unsubscribed", "ana", START_MS + 1), imported("ana", START_MS + 2)])
    assert path.contact("ana").suppressed["email"].reason == "unsubscribed"
    assert why(path, user="ana") == "unsubscribed"
    path.collect([told("Subscribed", "ana", START_MS + 3)])
    assert path.contact("ana").suppressed == {}
    assert why(path, user="ana") is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_opt_in_is_known_as_one_where_a_profile_is_handed_over(path: RelayLoop, order: tuple[int, int]) -> None:
    path.collect([contact("old", START_MS), told("Unsubscribed", "ana", START_MS + 1)])
    events = [told("Subscribed", "old", START_MS + 2), event(EventKind.ALIAS, "ana", START_MS + 3, linked="old")]
    path.collect([events[number] for number in order])
    assert path.contact("ana").suppressed == {}
    assert path.contact("ana").opted_in_ms == {"email": START_MS + 2}


@pytest.mark.parametrize("by_link", [False, True])
def test_an_operator_ends_bounces_of_an_address_and_no_wish(path: RelayLoop, by_link: bool) -> None:
    path.collect([linked("ana", START_MS)] if by_link else [])
    path.collect([contact("ana", START_MS), told("Unsubscribed", "ana", START_MS + 1)])
    path.collect([told("Email Bounced", "ana", START_MS + 2, bounce_type="hard")])
    assert why(path, user="ana") == "hard_bounce"
    lift = {"channel": "email", "at_ms": START_MS + 3, "lift": True}
    path.collect([event(EventKind.CONTACT, BY_ADDRESS, START_MS + 3, properties=lift, anonymous=True)])
    assert why(path, user="ana") == "unsubscribed"
    by_id = event(EventKind.CONTACT, "ana", START_MS + 4, properties={**lift, "at_ms": START_MS + 4})
    path.collect([] if by_link else [by_id])
    assert path.contact("ana").suppressed["email"].reason == "unsubscribed"
    path.collect([told("Email Bounced", "ana", START_MS + 5, bounce_type="hard")])
    assert why(path, user="ana") == "hard_bounce"


def test_nothing_that_is_told_holds_an_address(path: RelayLoop) -> None:
    path.collect(
        [contact("ana", START_MS), told("Email Marked as Spam", "ana", START_MS + 1), erased("ana", START_MS + 2)]
    )
    rows = path.oracle.told[SUPPRESSIONS.name]
    assert len(rows) == 2
    assert not [1 for key, value in rows.items() if b"shop" in key + (value or b"") or b"ana" in key + (value or b"")]


def test_without_the_installation_s_secret_nothing_is_told(sample_release: Release) -> None:
    path = loop(sample_release, b"")
    path.collect(
        [contact("ana", START_MS), told("Email Marked as Spam", "ana", START_MS + 1), erased("ana", START_MS + 2)]
    )
    assert path.oracle.told[SUPPRESSIONS.name] == {}
