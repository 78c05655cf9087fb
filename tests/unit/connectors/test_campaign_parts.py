"""Audience, shares, due times and pace of campaigns: what is decided of one person, without any store."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from connectors.delivery.audience import Audience
from connectors.delivery.due_times import due_ms, next_local_ms
from connectors.delivery.pace import DAY_MS, DOMAINS_MAX, HOUR_MS, CampaignPace, Parts, Ramp, Throttle
from connectors.delivery.shares import Share, is_in_share, send_id_of
from schemas.campaigns import Campaign, Pace
from schemas.errors import ConfigError
from schemas.ids import Locale, TemplateName, UserId, WorkspaceId
from schemas.library import DeclaredFeature, MessageClass, WorkspaceSettings
from schemas.profiles import FeatureValue, ToldProfile
from schemas.versions import Version

SHOP = WorkspaceId("shop")
SETTINGS = WorkspaceSettings(
    Locale("en"),
    "Europe/London",
    declared=(
        DeclaredFeature("spent", "sum", default=7.0),
        DeclaredFeature("genres", "share"),
        DeclaredFeature("plan_seen", "last"),
    ),
)
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def person(zone: str = "Europe/Berlin", *, grave: bool = False, **features: float | dict[str, float]) -> ToldProfile:
    told = {name: FeatureValue(value, 1) for name, value in features.items()}
    return ToldProfile(
        Version(b"1"), timezone=zone, locale="de-AT", traits={"plan": "gold"}, features=told, grave=grave
    )


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def campaign(**fields: object) -> Campaign:
    return Campaign("sale", SHOP, TemplateName("newsletter"), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("", True),
        ("traits.plan == 'gold' and starts_with(locale, 'de')", True),
        ("zone == 'Europe/Berlin' and device == 'mobile'", True),
        ("tags.jazz > 0.2", True),
        ("tags.drama > 0", False),
        ("features.events == 0 and features.orders == 0", True),
        ("features.spent == 7", True),
        ("features.sessions > 3", True),
        ("features.genres['noir'] > 0.5", True),
        ("features.genres['comedy'] == 0", True),
        ("features.plan_seen == 'gold'", True),
        ("traits.city == 'Porto'", False),
        ("not traits.city == 'Porto'", False),
        ("not known(traits.city)", True),
    ],
)
def test_an_audience_asks_for_what_is_told_of_a_person(rule: str, holds: bool) -> None:
    told = person(
        devices={"desktop": 0.4, "mobile": 0.6},
        tags={"jazz": 0.5},
        sessions=4.0,
        genres={"noir": 0.9},
        plan_seen={"gold": 1.0},
    )

    assert Audience(rule, SETTINGS).holds(told) is holds


def test_nobody_who_was_erased_is_of_an_audience() -> None:
    assert not Audience("", SETTINGS).holds(person(grave=True))


def test_a_rule_that_cannot_be_read_is_told_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r"no feature 'visits' \(character 1\)"):
        Audience("features.visits > 1", SETTINGS)


def test_at_once_is_now() -> None:
    assert due_ms(campaign(), person(), SETTINGS, MessageClass.MARKETING, 5) == 5


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-11-23T08:00", "Europe/Berlin", at("2026-11-23T09:30")),
        ("2026-11-23T09:30", "Europe/Berlin", at("2026-11-23T09:30")),
        ("2026-11-23T09:31", "Europe/Berlin", at("2026-11-24T09:30")),
        ("2026-11-23T08:00", "America/New_York", at("2026-11-23T09:30", NEW_YORK)),
        ("2026-11-23T08:00", "nowhere", at("2026-11-23T09:30", ZoneInfo("Europe/London"))),
        ("2026-11-23T08:00", "Pacific/Kiritimati", at("2026-11-24T09:30", ZoneInfo("Pacific/Kiritimati"))),
    ],
)
def test_a_local_time_is_the_next_at_the_persons_own_place(now: str, zone: str, expected: int) -> None:
    found = due_ms(campaign(local_time=570), person(zone), SETTINGS, MessageClass.MARKETING, at(now))

    assert found == expected


def test_a_local_time_that_the_clocks_leave_out_is_read_by_the_offset_before() -> None:
    # 29 March 2026, 02:00 -> 03:00 in Berlin: half past two is half past three.
    found = next_local_ms(150, BERLIN, at("2026-03-28T12:00"))

    assert datetime.fromtimestamp(found / 1000, BERLIN).isoformat() == "2026-03-29T03:30:00+02:00"


def test_a_local_time_that_comes_twice_is_the_first() -> None:
    # 25 October 2026, 03:00 -> 02:00 in Berlin.
    found = next_local_ms(150, BERLIN, at("2026-10-24T12:00"))

    assert datetime.fromtimestamp(found / 1000, UTC).isoformat() == "2026-10-25T00:30:00+00:00"
    # And once it has passed it does not come again that night.
    assert next_local_ms(150, BERLIN, found + 1) == at("2026-10-26T02:30")


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ({"mon 19": 0.6, "mon 09": 0.4}, "2026-11-23T19:00"),  # 23 November 2026 is a Monday
        ({"tue 07": 0.2, "tue 08": 0.7, "mon 19": 0.1}, "2026-11-24T08:00"),
        ({"fri 13": 0.6, "sat 18": 0.4}, "2026-11-23T13:00"),  # none of them lies ahead: the hour of the day counts
        ({"mon 08": 1.0}, "2026-11-23T08:10"),  # the hour that has begun
        ({"tue 03": 0.9, "mon 12": 0.1}, "2026-11-23T12:00"),  # nobody is written to in quiet hours
        ({"wed 23": 1.0}, "2026-11-23T10:00"),  # only quiet ones: as where none is known
        ({}, "2026-11-23T10:00"),
    ],
)
def test_the_best_hour_is_one_of_the_day_that_follows(hours: dict[str, float], expected: str) -> None:
    told = person(hours=hours) if hours else person()
    best = campaign(best_hour=True, local_time=600)

    assert due_ms(best, told, SETTINGS, MessageClass.MARKETING, at("2026-11-23T08:10")) == at(expected)


def test_what_is_critical_may_have_its_best_hour_at_night() -> None:
    told = person(hours={"tue 03": 1.0})

    found = due_ms(campaign(best_hour=True), told, SETTINGS, MessageClass.CRITICAL, at("2026-11-23T08:10"))

    assert found == at("2026-11-24T03:00")


def test_the_best_hour_is_of_the_persons_own_day() -> None:
    told = person("America/New_York", hours={"mon 19": 1.0})

    found = due_ms(campaign(best_hour=True), told, SETTINGS, MessageClass.MARKETING, at("2026-11-23T08:10"))

    assert found == at("2026-11-23T19:00", NEW_YORK)


def test_a_send_has_one_id_that_tells_nothing_of_the_person() -> None:
    ids = {send_id_of(SHOP, name, run, UserId(user)) for name in ("a", "b") for run in (1, 2) for user in ("u", "v")}

    assert len(ids) == 8
    assert send_id_of(SHOP, "a", 1, UserId("anna@example.org")) == send_id_of(SHOP, "a", 1, UserId("anna@example.org"))
    assert not any("anna" in one for one in (send_id_of(SHOP, "a", 1, UserId("anna")),))


def test_the_first_go_and_the_others_wait_their_turns() -> None:
    throttle = Throttle(60.0)

    waits = [throttle.wait_ms(0) for _ in range(4)]

    assert waits == [0, 120_000, 180_000, 240_000]


@pytest.mark.parametrize("per_hour", [1, 59, 120, 600, 3_000])
def test_an_hour_of_asking_each_second_lets_as_many_through_as_the_throttle_says(per_hour: int) -> None:
    throttle = Throttle(per_hour)

    gone = sum(throttle.wait_ms(now_ms) == 0 for now_ms in range(0, HOUR_MS, 1_000) for _ in range(60))

    assert 0.97 * per_hour <= gone <= per_hour


def test_who_comes_back_at_his_turn_goes() -> None:
    throttle = Throttle(3600.0)
    now_ms, waiting = 0, sorted(throttle.wait_ms(0) for _ in range(500))
    assert waiting.count(0) == 60

    again = 0
    for wait_ms in waiting[60:]:
        now_ms = wait_ms
        again += throttle.wait_ms(now_ms) != 0

    assert again == 0
    assert now_ms <= 520_000


def test_a_domain_warms_up_day_by_day() -> None:
    ramp = Ramp((2, 3), began_ms=1_000)

    first = [ramp.wait_ms("a.example", 1_000) for _ in range(3)]
    other = ramp.wait_ms("b.example", 1_000)
    second = [ramp.wait_ms("a.example", 1_000 + DAY_MS) for _ in range(4)]
    after = [ramp.wait_ms("a.example", 1_000 + 2 * DAY_MS) for _ in range(100)]

    assert (first, other) == ([0, 0, DAY_MS], 0)
    assert second == [0, 0, 0, DAY_MS]
    assert set(after) == {0}


def test_more_domains_than_are_counted_share_one_count() -> None:
    ramp = Ramp((1,), began_ms=0)
    for number in range(DOMAINS_MAX):
        assert ramp.wait_ms(f"d{number}.example", 0) == 0

    assert [ramp.wait_ms("one.example", 0), ramp.wait_ms("two.example", 0)] == [0, DAY_MS]
    assert len(ramp.sent) == DOMAINS_MAX + 1


def test_who_waits_for_the_throttle_does_not_use_up_the_domains_day() -> None:
    pace = CampaignPace(Throttle(60.0), Ramp((2,), 0))

    waits = [pace.wait_ms("a.example", 0), pace.wait_ms("a.example", 0), pace.wait_ms("a.example", HOUR_MS)]

    assert waits == [0, 120_000, 0]
    assert pace.wait_ms("a.example", 2 * HOUR_MS) == DAY_MS - 2 * HOUR_MS


def test_nodes_share_a_pace_by_the_partitions_they_own() -> None:
    whole = Pace(1_200, (100, 1000))
    one, other = Parts((0, 1, 2), 12), Parts(tuple(range(3, 12)), 12)

    ramps = [CampaignPace.of(whole, part, 0).ramp for part in (one, other)]

    assert (one.share, other.share) == (0.25, 0.75)
    assert [sum(steps) for steps in zip(*(ramp._steps for ramp in ramps if ramp), strict=True)] == [100, 1000]


def test_shares_are_nested_and_bounded() -> None:
    users = [UserId(f"u{number}") for number in range(2_000)]
    small, large = (
        {user for user in users if is_in_share(Share.HOLDOUT, size, SHOP, "sale", user)} for size in (0.1, 0.3)
    )

    assert small < large
    assert not any(is_in_share(Share.HOLDOUT, 0.0, SHOP, "sale", user) for user in users)
    assert all(is_in_share(Share.HOLDOUT, 1.0, SHOP, "sale", user) for user in users)
