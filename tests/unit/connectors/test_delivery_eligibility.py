"""Eligibility: which class each reason stops, in which order; caps and quiet hours by the person's own clock."""

from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import msgspec
import pytest

from connectors.delivery.caps import Counted, given_back, packed, reached, reserved, unpacked
from connectors.delivery.eligibility import STOPS, Action, Facts, judge
from connectors.delivery.quiet import day_of, opens_ms, zone_for
from connectors.delivery.rights import RightsRow
from schemas.library import DeliverySettings, MessageClass
from schemas.profiles import Contact, Permission, Suppression, ToldProfile
from schemas.sending import SkipReason
from schemas.zones import zone_of
from tests.support.delivering import NOON_MS, profile
from tests.support.messages import version

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SEND = b"0123456789abcdef"
ANNA = profile()
EARLIER = (Counted(NOON_MS - HOUR_MS, b"x" * 16),)
MARKETING, TRANSACTIONAL, CRITICAL = MessageClass
ALL, ONLY = frozenset(MessageClass), frozenset({MARKETING})

CASES: dict[str, tuple[dict[str, Any], SkipReason, str, frozenset[MessageClass]]] = {
    # what is the case, as changes of facts of somebody to whom everything may be sent: reason, detail, classes stopped
    "grave": ({"told": ToldProfile(version(1), grave=True)}, SkipReason.ERASED, "", ALL),
    "grave alone": ({"told": None, "is_erased": True}, SkipReason.ERASED, "", ALL),
    "asked to be erased": ({"rights": RightsRow(erased_ms=5)}, SkipReason.ERASED, "", ALL),
    "unknown": ({"told": None}, SkipReason.NO_ADDRESS, "unknown", ALL),
    "no address": ({"told": profile(contact=Contact())}, SkipReason.NO_ADDRESS, "", ALL),
    "hard bounce": ({"suppress": "hard_bounce"}, SkipReason.SUPPRESSED, "hard_bounce", ALL),
    "hard bounce of whoever had it": ({"suppressed": "hard_bounce"}, SkipReason.SUPPRESSED, "hard_bounce", ALL),
    "complaint": ({"suppress": "complaint"}, SkipReason.SUPPRESSED, "complaint", ONLY),
    "soft bounces": ({"suppress": "soft_bounces"}, SkipReason.SUPPRESSED, "soft_bounces", ONLY),
    "imported list": ({"suppress": "import"}, SkipReason.SUPPRESSED, "import", ONLY),
    "unsubscribed": ({"suppress": "unsubscribed"}, SkipReason.SUPPRESSED, "unsubscribed", ONLY),
    "erased before": ({"suppressed": "erased"}, SkipReason.SUPPRESSED, "erased", ONLY),
    "just unsubscribed": (
        {"rights": RightsRow(unsubscribed_ms={"/": 5})},
        SkipReason.SUPPRESSED,
        "unsubscribed",
        ONLY,
    ),
    "from this list": (
        {"rights": RightsRow(unsubscribed_ms={"email/marketing": 1})},
        SkipReason.SUPPRESSED,
        "unsubscribed",
        ONLY,
    ),
    "no permission": ({"told": profile(permission=None)}, SkipReason.NO_PERMISSION, "", ONLY),
    "permission taken back": (
        {"told": profile(permission=Permission(False, 3))},
        SkipReason.NO_PERMISSION,
        "unsubscribed",
        ONLY,
    ),
    "permission of another list": ({"purpose": "events"}, SkipReason.NO_PERMISSION, "", ONLY),
    "holdout": ({"is_held_out": True}, SkipReason.HOLDOUT, "", ONLY),
    "cap": ({"counted": EARLIER}, SkipReason.CAP, "1 a day", ONLY),
    "quiet hours": (
        {"now_ms": NOON_MS + 10 * HOUR_MS},
        SkipReason.QUIET_HOURS,
        "",
        frozenset({MARKETING, TRANSACTIONAL}),
    ),
}


def facts(message_class: MessageClass = MARKETING, **changes: Any) -> Facts:
    """Of somebody to whom everything may be sent, but for what is changed."""
    suppress = changes.pop("suppress", None)
    found = Facts(
        message_class=message_class,
        purpose="marketing",
        medium="email",
        told=ANNA,
        is_erased=False,
        rights=None,
        suppressed=None,
        is_held_out=False,
        counted=(),
        send=SEND,
        settings=DeliverySettings(),
        zone="UTC",
        now_ms=NOON_MS,
    )._replace(**changes)
    if suppress is not None:
        contact = msgspec.structs.replace(ANNA.contact, suppressed={"email": Suppression(str(suppress), 2)})
        found = found._replace(told=msgspec.structs.replace(ANNA, contact=contact))
    return found


@pytest.mark.parametrize("message_class", MessageClass)
@pytest.mark.parametrize("case", CASES)
def test_each_reason_stops_the_classes_that_it_is_for(case: str, message_class: MessageClass) -> None:
    changes, reason, detail, classes = CASES[case]
    verdict = judge(facts(message_class, **changes))
    if message_class not in classes:
        assert verdict.action is Action.SEND
        return
    assert verdict.action is (Action.HOLD if reason is SkipReason.QUIET_HOURS else Action.SKIP)
    assert (verdict.reason, verdict.detail) == (reason, detail)


def test_every_reason_has_a_case_and_a_rule() -> None:
    asked = {reason for _, reason, _, _ in CASES.values()}
    # The draw finds whether there is anything to say.
    assert asked | {SkipReason.NOTHING_TO_SAY} == set(SkipReason) == set(STOPS)


@pytest.mark.parametrize(("first", "second"), [*combinations(["asked to be erased", "complaint", "holdout", "cap"], 2)])
def test_the_first_reason_of_the_order_is_told(first: str, second: str) -> None:
    verdict = judge(facts(**CASES[second][0], **CASES[first][0]))
    assert verdict.reason is CASES[first][1]


@pytest.mark.parametrize("message_class", MessageClass)
def test_to_whom_everything_may_be_sent_it_is(message_class: MessageClass) -> None:
    verdict = judge(facts(message_class))
    assert verdict.action is Action.SEND
    proof = Permission(True, 1, "form") if message_class is MARKETING else None
    assert verdict.permission == proof


def test_a_later_opt_in_lifts_an_unsubscription() -> None:
    rights = RightsRow(unsubscribed_ms={"email/": 5})
    for at_ms, action in ((4, Action.SKIP), (5, Action.SKIP), (6, Action.SEND)):
        told = profile(permission=Permission(True, at_ms, "form"))
        assert judge(facts(told=told, rights=rights)).action is action
    assert judge(facts(rights=RightsRow(unsubscribed_ms={"push/": 5, "email/events": 5}))).action is Action.SEND


def test_consent_taken_back_is_no_reason_to_skip() -> None:
    assert judge(facts(rights=RightsRow(withdrawn_ms=5))).action is Action.SEND


def test_unknown_zones_are_the_workspaces_and_that_failing_utc() -> None:
    assert zone_for("Europe/Berlin", "Asia/Tokyo") == zone_of("Europe/Berlin")
    assert zone_for("Mars/Olympus", "Asia/Tokyo") == zone_of("Asia/Tokyo")
    assert zone_for("", "nowhere") == UTC
    late = facts(now_ms=NOON_MS, told=profile(timezone="nowhere"), zone="Asia/Tokyo")
    assert judge(late).until_ms == NOON_MS + 11 * HOUR_MS


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "quiet", "now", "opens"),
    [
        # both bounds: the first minute is quiet, the one after the last is not
        ("UTC", (1260, 480), "2026-01-10T20:59:59.999Z", "2026-01-10T20:59:59.999Z"),
        ("UTC", (1260, 480), "2026-01-10T21:00:00Z", "2026-01-11T08:00:00Z"),
        ("UTC", (1260, 480), "2026-01-11T07:59:59.999Z", "2026-01-11T08:00:00Z"),
        ("UTC", (1260, 480), "2026-01-11T08:00:00Z", "2026-01-11T08:00:00Z"),
        ("UTC", (780, 840), "2026-01-11T13:30:00Z", "2026-01-11T14:00:00Z"),
        ("UTC", (600, 600), "2026-01-11T10:00:00Z", "2026-01-11T10:00:00Z"),
        # clocks go forward in the night: it is an hour shorter
        ("Europe/Berlin", (1260, 480), "2026-03-28T21:00:00Z", "2026-03-29T06:00:00Z"),
        # and back: an hour longer
        ("Europe/Berlin", (1260, 480), "2026-10-24T20:00:00Z", "2026-10-25T07:00:00Z"),
        # quiet hours that end in the hour that is left out: they end where it begins
        ("Europe/Berlin", (1260, 150), "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"),
        # quiet hours that end in the hour that comes twice: the first time; and once more in the second
        ("Europe/Berlin", (1260, 150), "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"),
        ("Europe/Berlin", (1260, 150), "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"),
        # zones with odd minutes, a change of half an hour, a day that was left out
        ("Asia/Kathmandu", (1260, 480), "2026-01-10T16:00:00Z", "2026-01-11T02:15:00Z"),
        ("Pacific/Chatham", (1260, 480), "2026-04-04T09:00:00Z", "2026-04-04T19:15:00Z"),
        ("Australia/Lord_Howe", (1260, 120), "2026-10-03T14:00:00Z", "2026-10-03T15:30:00Z"),
        ("Pacific/Apia", (1260, 480), "2011-12-30T09:00:00Z", "2011-12-30T18:00:00Z"),
    ],
)
def test_quiet_hours_over_a_change_of_clocks(zone: str, quiet: tuple[int, int], now: str, opens: str) -> None:
    found = zone_of(zone)
    assert found is not None
    assert opens_ms(at(now), found, *quiet) == at(opens)


def test_a_day_is_the_persons_own() -> None:
    tokyo, york = zone_of("Asia/Tokyo"), zone_of("America/New_York")
    assert tokyo is not None
    assert york is not None
    before, after = at("2026-01-10T14:59:59Z"), at("2026-01-10T15:00:00Z")
    assert day_of(after, tokyo) - day_of(before, tokyo) == 1
    assert day_of(after, york) == day_of(before, york)
    sent = (Counted(before, b"a" * 16),)
    assert reached(sent, ((1, 1),), after, tokyo, SEND) is None
    assert reached(sent, ((1, 1),), after, york, SEND) == (1, 1)


def test_a_cap_of_seven_days_looks_at_today_and_six_days_before() -> None:
    sent = tuple(Counted(NOON_MS - days * DAY_MS, bytes((days,)) * 16) for days in (2, 4, 6))
    assert reached(sent, ((1, 1), (7, 3)), NOON_MS, UTC, SEND) == (7, 3)
    assert reached(sent, ((1, 1), (7, 3)), NOON_MS + DAY_MS, UTC, SEND) is None
    assert reached(sent, (), NOON_MS, UTC, SEND) is None


def test_what_a_send_reserved_itself_does_not_count_and_is_given_back_once() -> None:
    counted = reserved(reserved((), Counted(NOON_MS, SEND)), Counted(NOON_MS + 5, SEND))
    assert counted == (Counted(NOON_MS + 5, SEND),)
    assert reached(counted, ((1, 1),), NOON_MS, UTC, SEND) is None
    assert reached(counted, ((1, 1),), NOON_MS, UTC, b"y" * 16) == (1, 1)
    assert given_back(given_back(counted, SEND), SEND) == ()
    assert unpacked(packed(counted)) == counted
    assert unpacked(None) == ()
    assert reserved(counted, Counted(NOON_MS + 40 * DAY_MS, b"z" * 16)) == (Counted(NOON_MS + 40 * DAY_MS, b"z" * 16),)
