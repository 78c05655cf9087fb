"""What somebody could try, or chance could do, to get at another's data or to bring back what was taken away."""

import base64
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.collector.app import CollectorApp
from connectors.collector.keys import WriteKeys
from connectors.contacts.addresses import ADDRESS_PREFIX
from online_models.cells import LINKED_MAX, LINKS_MAX, TRAIL_EVENTS_MAX
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.events import Event, EventKind, decode_event
from schemas.library import ConsentSettings, Release
from schemas.profiles import ToldProfile
from schemas.topics import PROFILES
from schemas.worlds import WorldRef
from tests.support.asgi import request
from tests.support.collecting import NOW_MS, SHOP, Rig
from tests.support.events import DAY_MS, MINUTE_MS, START_MS, WORKSPACE, erased, event, named, rated
from tests.support.relay_loop import RelayLoop

YES: dict[str, Any] = {"consent": {"categoryPreferences": {"analytics": True, "personalisation": True}}}
NO: dict[str, Any] = {"consent": {"categoryPreferences": {}}}
ANALYTICS_ONLY: dict[str, Any] = {"consent": {"categoryPreferences": {"analytics": True}}}


@pytest.fixture
def path(sample_release: Release) -> RelayLoop:
    """Everybody agrees who says nothing; each record is read twice, as after a crash."""
    return loop(sample_release, missing=True, repeats=2)


def loop(release: Release, *, missing: bool, repeats: int = 1) -> RelayLoop:
    settings = replace(release.settings, consent=ConsentSettings(missing=missing))
    return RelayLoop(encode(replace(release, settings=settings)), repeats)


def browsed(genre: str, device: str, at_ms: int, **fields: Any) -> Event:
    return rated(genre, device, at_ms, anonymous=True, **fields)


def identified(user: str, device: str, at_ms: int, **fields: Any) -> Event:
    return event(EventKind.IDENTIFY, user, at_ms, linked=device, **fields)


def aliased(user: str, former: str, at_ms: int, **fields: Any) -> Event:
    return event(EventKind.ALIAS, user, at_ms, linked=former, **fields)


def told(name: str, user: str, at_ms: int, **properties: Any) -> Event:
    return event(EventKind.TRACK, user, at_ms, name=name, properties=properties)


def tags(path: RelayLoop, user: str) -> set[int | str]:
    return set(path.profile(user).tags.values)


# Claiming somebody else's id


def test_nobody_gets_at_a_person_by_naming_the_person_as_a_device(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS)])
    path.collect([identified("thief", "ana", START_MS + 1), rated("drama", "ana", START_MS + 2)])
    assert tags(path, "ana") == {"jazz", "drama"}
    assert tags(path, "thief") == set()
    assert path.profile("ana").links == ()


def test_who_claimed_a_person_is_not_the_person_when_it_comes_to_erasing(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS), identified("thief", "ana", START_MS + 1)])
    assert path.profile("thief").linked == ()
    path.collect([erased("thief", START_MS + 2)])
    assert tags(path, "ana") == {"jazz"}


def test_an_id_that_was_claimed_before_it_was_anybody_s_is_the_person_s_once_there_is_one(path: RelayLoop) -> None:
    path.collect([identified("thief", "ana", START_MS), rated("jazz", "ana", START_MS + 1)])
    assert tags(path, "ana") == {"jazz"}
    assert tags(path, "thief") == set()
    assert path.profile("ana").links == ()
    assert path.profile("thief").linked == ()
    path.collect([erased("thief", START_MS + 2)])
    assert not path.profile("ana").is_grave


def test_an_erasure_goes_on_only_to_ids_that_are_the_person_s(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS), erased("ana", START_MS + 1, via=("thief",))])
    assert tags(path, "ana") == {"jazz"}


@pytest.mark.parametrize("name", ["Email Opened", "Email Link Clicked", "Unsubscribed"])
def test_what_providers_tell_under_a_device_s_id_makes_it_nobody_s(path: RelayLoop, name: str) -> None:
    path.collect([browsed("jazz", "device", START_MS), told(name, "device", START_MS + 1)])
    path.collect([identified("ana", "device", START_MS + 2)])
    assert tags(path, "ana") == {"jazz"}


def stored(call: dict[str, Any], key: str) -> list[Event]:
    """What the collector writes of a call that comes with a page's key, or with a secret one."""
    rig = Rig()
    keys = WriteKeys({"secret": SHOP}, public={"page": SHOP})
    app = CollectorApp(keys, rig.log, rig.world, rig.meters, clock=lambda: NOW_MS)
    header = {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}
    assert request(app, "POST", "/v1/alias", encode_call(call), header).status == 202
    events = [decode_event(record.value) for record in rig.log.records]
    return [replace(one, workspace=WORKSPACE, world=WorldRef(1, 0)) for one in events]


def encode_call(call: dict[str, Any]) -> bytes:
    return repr(call).replace("'", '"').encode()


@pytest.mark.parametrize(("key", "stolen"), [("page", False), ("secret", True)])
def test_an_alias_with_the_key_of_a_page_moves_no_known_person(path: RelayLoop, key: str, stolen: bool) -> None:
    _, link = stored({"userId": "thief", "previousId": "ana"}, key)
    path.collect([rated("jazz", "ana", START_MS)])
    path.collect([replace(link, at_ms=START_MS + 1, received_ms=START_MS + 1)])
    assert (tags(path, "thief") == {"jazz"}) is stolen


def test_an_alias_with_the_key_of_a_page_moves_an_anonymous_profile(path: RelayLoop) -> None:
    _, link = stored({"userId": "ana", "previousId": "device"}, "page")
    path.collect([browsed("jazz", "device", START_MS)])
    path.collect([replace(link, at_ms=START_MS + 1, received_ms=START_MS + 1)])
    assert tags(path, "ana") == {"jazz"}


# Permission and suppression, in every order


def bounced(user: str, at_ms: int, kind: str = "hard") -> Event:
    return told("Email Bounced", user, at_ms, bounce_type=kind)


def addressed(user: str, address: str, at_ms: int, **change: Any) -> Event:
    properties = {"channel": "email", "at_ms": at_ms, "address": address, **change}
    return event(EventKind.CONTACT, user, at_ms, properties=properties)


def why_suppressed(path: RelayLoop, user: str) -> str:
    found = path.contact(user).suppressed.get("email")
    return found.reason if found else ""


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize(("name", "reason"), [("Email Marked as Spam", "complaint"), ("Unsubscribed", "unsubscribed")])
def test_a_new_address_lifts_a_bounce_and_no_wish_behind_it(
    path: RelayLoop, order: tuple[int, int], name: str, reason: str
) -> None:
    events = [bounced("ana", START_MS + 1), told(name, "ana", START_MS + 2)]
    path.collect([events[number - 1] for number in order])
    path.collect([addressed("ana", "ana@new.example", START_MS + 3)])
    assert why_suppressed(path, "ana") == reason


def test_an_address_that_was_told_earlier_does_not_replace_a_newer_one(path: RelayLoop) -> None:
    path.collect([addressed("ana", "ana@new.example", START_MS + 2), addressed("ana", "ana@old.example", START_MS + 1)])
    assert path.contact("ana").addresses == {"email": "ana@new.example"}


def test_a_permission_dated_in_the_future_can_be_taken_back_today(path: RelayLoop) -> None:
    given = {"channel": "email", "at_ms": START_MS + 9_000 * DAY_MS, "granted": True, "purpose": "marketing"}
    path.collect([event(EventKind.CONTACT, properties=given), told("Unsubscribed", "ana", START_MS + 1)])
    assert not path.contact("ana").permissions["email/marketing"].granted
    assert why_suppressed(path, "ana") == "unsubscribed"


def test_five_soft_bounces_in_a_month_suppress_in_whatever_order_they_come(path: RelayLoop) -> None:
    days = (0, 1, 2, 3, 40, 4)
    path.collect(
        replace(bounced("ana", START_MS + n * DAY_MS, "soft"), received_ms=START_MS + 41 * DAY_MS) for n in days
    )
    assert why_suppressed(path, "ana") == "soft_bounces"


@pytest.mark.parametrize("name", ["Email Marked as Spam", "Unsubscribed"])
def test_an_alias_loses_no_wish_and_no_address(path: RelayLoop, name: str) -> None:
    path.collect([addressed("old", "ana@shop.example", START_MS), told(name, "old", START_MS + 1)])
    path.collect([aliased("ana", "old", START_MS + 2)])
    assert why_suppressed(path, "ana") in {"complaint", "unsubscribed"}
    assert path.contact("ana").addresses == {"email": "ana@shop.example"}
    assert path.contact("old").addresses == {}


def test_why_an_address_may_not_be_written_to_is_known_however_much_was_told_of_it_since(
    sample_release: Release,
) -> None:
    path = loop(sample_release, missing=False)
    address = f"{ADDRESS_PREFIX}1"
    path.collect([replace(told("Email Marked as Spam", address, START_MS), anonymous=True)])
    path.collect(
        replace(told("Email Delivered", address, START_MS + n), anonymous=True, context=YES)
        for n in range(1, TRAIL_EVENTS_MAX + 9)
    )
    path.collect([event(EventKind.LINK, address, START_MS + DAY_MS, linked="ana", anonymous=True)])
    assert why_suppressed(path, "ana") == "complaint"


def test_a_bounce_of_an_old_address_is_no_bounce_of_the_new_one(path: RelayLoop) -> None:
    path.collect([addressed("old", "old@shop.example", START_MS), bounced("old", START_MS + 1)])
    path.collect([addressed("ana", "ana@shop.example", START_MS + 2), aliased("ana", "old", START_MS + 3)])
    assert path.contact("ana").suppressed == {}
    assert path.contact("ana").addresses == {"email": "ana@shop.example"}


def test_soft_bounces_are_not_counted_twice_where_a_profile_is_handed_over(path: RelayLoop) -> None:
    address = f"{ADDRESS_PREFIX}1"
    path.collect(replace(bounced(address, START_MS + n, "soft"), anonymous=True) for n in range(4))
    path.collect([event(EventKind.LINK, address, START_MS + DAY_MS, linked="ana", anonymous=True)])
    assert path.contact("ana").suppressed == {}


def test_who_registers_a_suppressed_address_anew_is_not_written_to(path: RelayLoop) -> None:
    address = f"{ADDRESS_PREFIX}1"
    link = event(EventKind.LINK, address, START_MS, linked="ana", anonymous=True)
    path.collect([link, told("Email Marked as Spam", "ana", START_MS + 1), erased("ana", START_MS + 2)])
    path.collect([event(EventKind.LINK, address, START_MS + DAY_MS, linked="bo", anonymous=True)])
    assert why_suppressed(path, "bo") == "complaint"


# Consent that was refused or taken back


def test_who_refused_as_a_visitor_has_refused_as_a_person(path: RelayLoop) -> None:
    path.collect([browsed("jazz", "device", START_MS), browsed("jazz", "device", START_MS + 1, context=NO)])
    path.collect([identified("ana", "device", START_MS + 2), browsed("drama", "device", START_MS + 3)])
    assert path.profile("ana").events == 0
    assert not path.profile("ana").consent["analytics"].granted


def test_a_refusal_hands_over_to_the_person_whom_an_alias_names(path: RelayLoop) -> None:
    path.collect([rated("jazz", "old", START_MS, context=NO), rated("jazz", "ana", START_MS + 1)])
    path.collect([aliased("ana", "old", START_MS + 2), rated("drama", "ana", START_MS + 3)])
    assert path.profile("ana").events == 0


def test_who_agreed_long_before_signing_in_has_agreed_as_a_person(sample_release: Release) -> None:
    path = loop(sample_release, missing=False)
    path.collect([browsed("jazz", "device", START_MS, context=YES)])
    path.collect(browsed("jazz", "device", START_MS + n) for n in range(1, TRAIL_EVENTS_MAX + 9))
    path.collect([identified("ana", "device", START_MS + DAY_MS)])
    assert path.profile("ana").events == TRAIL_EVENTS_MAX + 9


@pytest.mark.parametrize("late_ms", [3, 7])
def test_what_was_before_a_new_consent_stays_forgotten_however_late_it_comes(path: RelayLoop, late_ms: int) -> None:
    path.collect(rated("jazz", "ana", START_MS + n, context=said) for n, said in ((1, YES), (5, NO), (10, YES)))
    path.collect([rated("drama", "ana", START_MS + late_ms, received_ms=START_MS + 20)])
    assert tags(path, "ana") == {"jazz"}
    assert path.profile("ana").events == 1
    path.collect([rated("horror", "ana", START_MS + 11)])
    assert tags(path, "ana") == {"jazz", "horror"}


def test_a_trail_keeps_nothing_that_happened_under_a_refusal(path: RelayLoop) -> None:
    path.collect([browsed("jazz", "device", START_MS + 10, context=YES)])
    path.collect([browsed("drama", "device", START_MS, received_ms=START_MS + 20, context=NO)])
    assert len(path.trail("device").events) == 1


def traits_kept(path: RelayLoop) -> list[dict[str, Any]]:
    return [decode_event(packed).traits for packed in path.trail("device").events]


def test_a_trail_keeps_no_traits_of_who_does_not_want_to_be_shown_any(path: RelayLoop) -> None:
    path.collect([named("Ana", "device", START_MS, anonymous=True, context=ANALYTICS_ONLY)])
    assert traits_kept(path) == [{}]


def test_a_withdrawal_takes_the_traits_out_of_the_trail_too(path: RelayLoop) -> None:
    path.collect([named("Ana", "device", START_MS, anonymous=True, context=YES)])
    path.collect([browsed("jazz", "device", START_MS + 1, context=ANALYTICS_ONLY)])
    assert traits_kept(path) == [{}, {}]
    path.collect([browsed("jazz", "device", START_MS + 2, context=YES), identified("ana", "device", START_MS + 3)])
    assert path.profile("ana").traits == {}


def test_a_name_that_was_told_under_a_refusal_is_not_shown_after_a_consent(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS + 10, context=YES)])
    path.collect([named("Ana", "ana", START_MS, received_ms=START_MS + 20, context=NO)])
    assert path.profile("ana").traits == {}


def test_a_consent_dated_in_the_future_can_be_taken_back_today(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS + 50 * MINUTE_MS, received_ms=START_MS, context=YES)])
    path.collect([rated("jazz", "ana", START_MS + MINUTE_MS, context=NO)])
    assert path.profile("ana").events == 0


@pytest.mark.parametrize(
    "consent",
    [None, 7, "yes", [], [{"categoryPreferences": {}}], {"categoryPreferences": None}, {"categoryPreferences": "all"},
     {"categoryPreferences": {"analytics": None, "personalisation": {}}}, {"categoryPreferences": {"analytics": "yes"}},
     {"categoryPreferences": {"analytics": [True]}}, {"categoryPreferences": {"": True, "*": True}}],
)  # fmt: skip
def test_no_shape_of_a_consent_object_grants_anything_but_true(sample_release: Release, consent: Any) -> None:
    path = loop(sample_release, missing=False)
    path.collect([rated("jazz", "ana", START_MS, context={"consent": consent})])
    assert path.profile("ana").events == 0
    assert path.oracle.dead_letters == []


# Coming back from an erasure


def test_a_link_from_before_an_erasure_that_comes_after_it_brings_nobody_back(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS), erased("ana", START_MS + 10)])
    path.collect([browsed("jazz", "device", START_MS + 11)])
    path.collect([identified("ana", "device", START_MS + 5, received_ms=START_MS + 20)])
    path.collect([browsed("drama", "device", START_MS + 30), browsed("horror", "device", START_MS + 31)])
    assert path.profile("ana").is_grave
    assert path.profile("device").links == ()
    assert tags(path, "device") == {"drama", "horror"}


def test_after_an_erasure_the_same_device_can_be_somebody_s_again(path: RelayLoop) -> None:
    path.collect([browsed("jazz", "device", START_MS), identified("ana", "device", START_MS + 1)])
    path.collect([erased("ana", START_MS + 2), identified("ana", "device", START_MS + 3)])
    path.collect([browsed("drama", "device", START_MS + 4)])
    assert tags(path, "ana") == {"drama"}


@pytest.mark.parametrize("name", ["Unsubscribed", "Email Opened", "Email Marked as Spam"])
def test_what_comes_of_an_old_message_brings_nobody_back(path: RelayLoop, name: str) -> None:
    path.collect([rated("jazz", "ana", START_MS), erased("ana", START_MS + 1), told(name, "ana", START_MS + 2)])
    assert path.profile("ana").is_grave
    path.pass_time(START_MS + DAY_MS)
    assert set(path.entries("ana").values()) == {None}


def test_an_alias_to_who_was_erased_begins_a_new_life(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS), erased("ana", START_MS + 1), rated("drama", "bo", START_MS + 2)])
    path.collect([aliased("ana", "bo", START_MS + 3)])
    assert tags(path, "ana") == {"drama"}


def test_erasing_a_former_id_erases_the_person_whom_an_alias_made_of_it(path: RelayLoop) -> None:
    path.collect([rated("jazz", "old", START_MS), aliased("ana", "old", START_MS + 1), erased("old", START_MS + 2)])
    assert path.profile("ana").is_grave


def test_erasing_a_device_erases_nobody_who_used_it(path: RelayLoop) -> None:
    path.collect([browsed("jazz", "device", START_MS), identified("ana", "device", START_MS + 1)])
    path.collect([erased("device", START_MS + 2)])
    assert tags(path, "ana") == {"jazz"}
    assert path.profile("device").links == ()


def test_a_refresh_that_comes_late_shows_nothing_under_a_device_that_is_somebody_s(path: RelayLoop) -> None:
    path.collect([browsed("jazz", "device", START_MS), identified("ana", "device", START_MS + 1)])
    path.collect([event(EventKind.REFRESH, "device", START_MS + 2)])
    path.pass_time(START_MS + DAY_MS)
    assert set(path.entries("device").values()) == {None}


# More devices and persons than are remembered


def owners(path: RelayLoop, device: str) -> list[str]:
    return [one.user for one in path.profile(device).links]


def test_no_device_outlives_the_erasure_of_its_person_however_many_there_are(path: RelayLoop) -> None:
    devices = [f"device-{number}" for number in range(LINKED_MAX + 3)]
    for number, device in enumerate(devices):
        path.collect([browsed("jazz", device, START_MS + 2 * number)])
        path.collect([identified("ana", device, START_MS + 2 * number + 1)])
    assert path.profile("ana").events == len(devices)
    path.collect([erased("ana", START_MS + DAY_MS)])
    assert [device for device in devices if owners(path, device)] == []


def test_what_happened_before_the_persons_remembered_of_a_device_is_nobody_s(path: RelayLoop) -> None:
    users = [f"user-{number}" for number in range(LINKS_MAX + 2)]
    path.collect(identified(user, "device", START_MS + 10 * number) for number, user in enumerate(users))
    assert len(owners(path, "device")) <= LINKS_MAX
    late = {"received_ms": START_MS + DAY_MS}
    path.collect(browsed("jazz", "device", START_MS + 10 * number + 5, **late) for number in range(len(users)))
    path.collect([browsed("jazz", "device", START_MS - 5, **late)])
    events = [path.profile(user).events for user in users]
    assert events == [0, 0, 0, *[1] * (len(users) - 3)]
    assert path.profile("device").events == 0


def test_who_identifies_on_every_page_pushes_nobody_out(path: RelayLoop) -> None:
    path.collect([identified("bo", "device", START_MS)])
    path.collect(identified("ana", "device", START_MS + 10 * number) for number in range(1, 3 * LINKS_MAX))
    path.collect([browsed("jazz", "device", START_MS + 5, received_ms=START_MS + DAY_MS)])
    path.collect([browsed("drama", "device", START_MS + 55, received_ms=START_MS + DAY_MS)])
    assert tags(path, "bo") == {"jazz"}
    assert tags(path, "ana") == {"drama"}


def test_who_comes_back_without_agreeing_to_chosen_content_is_served_default_content(sample_release: Release) -> None:
    path = loop(sample_release, missing=False, repeats=2)
    path.collect([rated("jazz", "ana", START_MS, context=YES), erased("ana", START_MS + 1)])
    path.collect([rated("jazz", "ana", START_MS + 2)])
    path.pass_time(START_MS + DAY_MS)
    entries = [decode(Communication, value) for value in path.entries("ana").values() if value]
    assert [(entry.grave, entry.withheld) for entry in entries] == [(False, "consent")] * len(path.entries("ana"))
    told_of = path.oracle.told[PROFILES.name]
    assert not decode(ToldProfile, told_of[b"sample|ana"] or b"").grave
    path.collect([erased("ana", START_MS + 2 * DAY_MS)])
    path.pass_time(START_MS + 3 * DAY_MS)
    assert told_of[b"sample|ana"] is None
    assert set(path.entries("ana").values()) == {None}
