"""Consent by purpose and event: what may be learnt, what may be shown, and what acts for everybody."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.events import Event, EventKind
from schemas.library import ConsentSettings, Release
from schemas.profiles import Permission, Suppression
from tests.support.events import DAY_MS, START_MS, clicked, erased, event, exposed, named, rated
from tests.support.relay_loop import RelayLoop

UPDATED = "Segment Consent Preference Updated"
NOTHING: dict[str, Any] = {}


def consent(**told: bool) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": told}}


def path_of(release: Release, *, missing: bool = False, **settings: Any) -> RelayLoop:
    asked = ConsentSettings(missing=missing, **settings)
    return RelayLoop(encode(replace(release, settings=replace(release.settings, consent=asked))))


def newest(path: RelayLoop, user: str = "ana") -> Communication | None:
    value = path.entries(user).get(f"sample|newsletter|{user}".encode())
    return decode(Communication, value) if value else None


def is_chosen(path: RelayLoop, user: str = "ana") -> bool:
    entry = newest(path, user)
    return entry is not None and entry.decision is not None


# What an event says of consent, whether the workspace lets people be learnt from who said nothing; what then holds.
# Segment's spec: "no consent object: flows; empty: denied". The first is our option only, the second is ours too.
TABLE = [
    ("nothing said, denied by default", NOTHING, False, False, False),
    ("nothing said, granted by setting (Segment's meaning)", NOTHING, True, True, True),
    ("both", consent(analytics=True, personalisation=True), False, True, True),
    ("empty object", consent(), True, False, False),
    ("analytics only", consent(analytics=True), True, True, False),
    ("personalisation only", consent(personalisation=True), True, False, True),
    ("both denied", consent(analytics=False, personalisation=False), True, False, False),
    ("a category of nobody's", consent(marketing=True), True, False, False),
    ("not a preference object", {"consent": {"categoryPreferences": ["analytics"]}}, True, True, True),
    ("not true but truthy", {"consent": {"categoryPreferences": {"analytics": 1, "personalisation": "yes"}}}, True,
     False, False),
]  # fmt: skip
KINDS = [
    ("track", lambda context: rated("jazz", context=context)),
    ("page", lambda context: event(EventKind.PAGE, name="Jazz", properties={"genres": ["jazz"]}, context=context)),
    ("screen", lambda context: event(EventKind.SCREEN, name="Jazz", properties={"genres": ["jazz"]}, context=context)),
    ("identify", lambda context: named("Ana", context=context)),
]


@pytest.mark.parametrize(("said", "context", "missing", "learns", "shows"), TABLE, ids=[row[0] for row in TABLE])
@pytest.mark.parametrize(("kind", "make"), KINDS, ids=[row[0] for row in KINDS])
def test_consent_by_purpose_and_event(
    sample_release: Release, said: str, context: Any, missing: Any, learns: bool, shows: bool, kind: str, make: Any
) -> None:
    path = path_of(sample_release, missing=missing)
    path.collect([make(context)])
    profile = path.profile("ana")
    assert (profile.events == 1) is (learns and kind != "identify"), said
    assert (profile.traits == {"first_name": "Ana"}) is (shows and kind == "identify"), said
    assert is_chosen(path) is shows, said
    assert newest(path) is None or shows


def test_categories_of_a_consent_manager_stand_for_purposes(sample_release: Release) -> None:
    own = (("C0002", "analytics"), ("C0003", "personalisation"), ("C0004", "personalisation"))
    path = path_of(sample_release, categories=own)
    path.collect([rated("jazz", context=consent(C0002=True, C0003=True, C0004=False))])
    assert path.profile("ana").events == 1
    assert not is_chosen(path)


def test_what_was_said_last_holds_for_events_that_say_nothing(sample_release: Release) -> None:
    path = path_of(sample_release)
    path.collect([rated("jazz", context=consent(analytics=True, personalisation=True)), rated("jazz")])
    assert path.profile("ana").events == 2


def test_a_late_statement_does_not_overrule_a_newer_one(sample_release: Release) -> None:
    path = path_of(sample_release)
    no, yes = consent(), consent(analytics=True, personalisation=True)
    path.collect([rated("jazz", at_ms=START_MS + 10, context=no)])
    path.collect([rated("jazz", at_ms=START_MS, received_ms=START_MS + 20, context=yes)])
    assert path.profile("ana").events == 0


def test_what_happened_without_consent_is_not_learnt_from_after_it(sample_release: Release) -> None:
    path = path_of(sample_release)
    no, yes = consent(), consent(analytics=True, personalisation=True)
    path.collect([rated("jazz", at_ms=START_MS + 10, context=yes)])
    path.collect([rated("drama", at_ms=START_MS, received_ms=START_MS + 20, context=no)])
    assert set(path.profile("ana").tags.values) == {"jazz"}


def test_withdrawal_forgets_and_leaves_default_content(sample_release: Release) -> None:
    path = path_of(sample_release, missing=True)
    path.collect([named("Ana"), rated("jazz", at_ms=START_MS + 1)])
    shown = newest(path)
    assert shown is not None
    path.collect([exposed(shown, "s1", START_MS + 2), clicked("s1", at_ms=START_MS + 60_000)])
    path.collect([event(EventKind.TRACK, at_ms=START_MS + DAY_MS, name=UPDATED, context=consent())])
    left, profile = newest(path), path.profile("ana")
    assert left is not None
    assert (left.withheld, left.decision, left.bodies) == ("consent", None, ())
    assert left.version > shown.version
    assert (profile.events, profile.traits, profile.tags.values, profile.exposures_until_ms) == (0, {}, {}, 0)
    assert "models" not in path.oracle.cells["sample|ana"]
    assert "exposures" not in path.oracle.cells["sample|ana"]


def test_after_a_new_consent_a_person_starts_empty(sample_release: Release) -> None:
    path = path_of(sample_release, missing=True)
    yes = consent(analytics=True, personalisation=True)
    path.collect([rated("jazz"), rated("jazz", at_ms=START_MS + 1, context=consent())])
    path.collect([rated("drama", at_ms=START_MS + 2, context=yes)])
    assert set(path.profile("ana").tags.values) == {"drama"}
    assert is_chosen(path)


def test_an_erasure_finds_what_was_withheld_too(sample_release: Release) -> None:
    path = path_of(sample_release, missing=True)
    path.collect([rated("jazz"), rated("jazz", at_ms=START_MS + 1, context=consent()), erased(at_ms=START_MS + 2)])
    path.pass_time(START_MS + DAY_MS)
    assert set(path.entries("ana").values()) == {None}


def test_consent_to_be_learnt_from_is_no_permission_to_be_written_to(sample_release: Release) -> None:
    path = path_of(sample_release)
    path.collect([rated("jazz", context=consent(analytics=True, personalisation=True))])
    assert path.contact("ana").permissions == {}


def told(name: str, at_ms: int, **properties: Any) -> Event:
    return event(EventKind.TRACK, at_ms=START_MS + at_ms, name=name, properties=properties)


@pytest.mark.parametrize(
    ("events", "suppressed"),
    [
        ([told("Unsubscribed", 1)], "unsubscribed"),
        ([told("Email Marked as Spam", 1)], "complaint"),
        ([told("Email Bounced", 1, bounce_type="hard")], "hard_bounce"),
        ([told("Email Bounced", 1, bounce_type="block")], None),
        ([told("Email Bounced", n, bounce_type="soft") for n in range(4)], None),
        ([told("Email Bounced", n, bounce_type="soft") for n in range(5)], "soft_bounces"),
        ([told("Email Bounced", n * 8 * DAY_MS // 1, bounce_type="soft") for n in range(5)], None),
        ([told("Unsubscribed", 1), told("Subscribed", 2)], None),
        ([told("Subscribed", 2), told("Unsubscribed", 1)], None),
        ([told("Unsubscribed", 2), told("Subscribed", 1)], "unsubscribed"),
        ([told("Email Marked as Spam", 1), told("Subscribed", 2)], "complaint"),
        ([told("Unsubscribed", 1, list_id="news")], None),
        ([told("Unsubscribed", 1), told("Email Bounced", 2, bounce_type="hard")], "hard_bounce"),
        ([told("Email Bounced", 1, bounce_type="hard"), told("Unsubscribed", 2)], "hard_bounce"),
    ],
)
def test_rights_act_for_people_without_consent_too(
    sample_release: Release, events: list[Event], suppressed: str | None
) -> None:
    path = path_of(sample_release)
    path.collect(replace(one, received_ms=START_MS + 40 * DAY_MS) for one in events)
    found = path.contact("ana").suppressed.get("email")
    assert (found.reason if found else None) == suppressed
    assert path.profile("ana").events == 0
    assert path.oracle.dead_letters == []


def test_a_permission_has_its_proof_and_the_later_word_holds(sample_release: Release) -> None:
    path = path_of(sample_release)
    given = {
        "channel": "email",
        "at_ms": START_MS,
        "purpose": "news",
        "granted": True,
        "source": "form",
        "text_version": "3",
    }
    path.collect([event(EventKind.CONTACT, properties=given)])
    assert path.contact("ana").permissions == {"email/news": Permission(True, START_MS, "form", "3")}
    path.collect([told("Unsubscribed", 5, list_id="news")])
    assert not path.contact("ana").permissions["email/news"].granted


def test_a_new_address_is_free_of_what_the_old_one_did(sample_release: Release) -> None:
    path = path_of(sample_release)
    path.collect([told("Email Bounced", 1, bounce_type="hard")])
    new = {"channel": "email", "at_ms": START_MS + 2, "address": "ana@new.example"}
    path.collect([event(EventKind.CONTACT, at_ms=START_MS + 2, properties=new)])
    assert path.contact("ana").suppressed == {}


def test_a_contact_event_that_is_none_is_a_dead_letter(sample_release: Release) -> None:
    path = path_of(sample_release)
    path.collect([event(EventKind.CONTACT, properties={"channel": "pigeon", "at_ms": 1})])
    assert [letter.reason for letter in path.oracle.dead_letters] == ["wrong_type"]


def test_why_an_address_may_not_be_written_to_outlives_its_owner(sample_release: Release) -> None:
    path = path_of(sample_release)
    path.collect([event(EventKind.LINK, "address-1", linked="ana")])
    path.collect([event(EventKind.TRACK, "address-1", START_MS + 1, name="Email Marked as Spam", properties={})])
    assert path.contact("ana").suppressed == {"email": Suppression("complaint", START_MS + 1)}
    path.collect([erased("ana", START_MS + 2)])
    assert path.contact("ana").suppressed == {}
    assert path.contact("address-1").suppressed["email"].reason == "complaint"
