"""Opens and clicks of machines are labelled, counted, and change nothing else; people's are learnt from."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from flink_jobs.cells import EXPOSURES, MODELS, PROFILE
from online_models.cells import OpenExposures, Profile
from online_models.clicks import CLICK_BYTES_MAX, CLICKS_MAX
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.events import Event, EventKind
from schemas.examples import Example, RewardKind
from schemas.library import HumanSettings, Release
from schemas.topics import EXAMPLES
from tests.support.agents import CHROME
from tests.support.events import DAY_MS, HOUR_MS, START_MS, event, exposed, rated
from tests.support.fixed_worlds import FixedProgram
from tests.support.operator_harness import OperatorHarness

KEY = "sample|ana"
RULES = HumanSettings()
LATER_MS = START_MS + HOUR_MS


@pytest.fixture
def harness(sample_release: Release) -> OperatorHarness:
    """Somebody who was sent two messages."""
    operator = OperatorHarness(FixedProgram((encode(sample_release),)))
    operator.send(rated("comedy"))
    entry = next(decode(Communication, one.value) for one in operator.outputs if one.value and b"newsletter" in one.key)
    operator.send(exposed(entry, "s1", START_MS + 1))
    operator.send(exposed(entry, "s2", START_MS + 2))
    return operator


def told(name: str, at_ms: int, send_id: str = "s1", agent: str = CHROME, method: str = "GET", **more: Any) -> Event:
    context = {"userAgent": agent, "method": method}
    properties = {"send_id": send_id, **more}
    return event(EventKind.TRACK, at_ms=at_ms, name=name, properties=properties, context=context)


def click(at_ms: int, link: str = "a", **more: Any) -> Event:
    return told("Email Link Clicked", at_ms, link_url=f"https://shop.example/{link}", **more)


def profile(harness: OperatorHarness) -> Profile:
    return decode(Profile, harness.cell(PROFILE.name, KEY) or b"")


def ends(harness: OperatorHarness) -> list[tuple[str, RewardKind]]:
    """How exposures ended so far."""
    examples = [decode(Example, one.value) for one in harness.told[EXAMPLES.name] if one.value]
    return [(example.send_id, example.kind) for example in examples]


MACHINES: list[tuple[Callable[[], Event], str]] = [
    (lambda: click(LATER_MS, machine="generic"), "provider"),
    (lambda: click(LATER_MS, agent="curl/8.5.0"), "library"),
    (lambda: click(LATER_MS, agent="Mozilla/5.0"), "bare"),
    (lambda: click(LATER_MS, method="head"), "head"),
    (lambda: click(START_MS + RULES.too_soon_ms), "speed"),
]


@pytest.mark.parametrize(("made", "reason"), MACHINES)
def test_a_machines_click_is_counted_and_changes_nothing_else(
    harness: OperatorHarness, made: Callable[[], Event], reason: str
) -> None:
    before = profile(harness)
    harness.send(made())
    harness.advance_event_time(LATER_MS + HOUR_MS)
    after = profile(harness)
    assert after.reactions == {f"click:{reason}": 1}
    assert (after.hours, after.devices, after.events) == (before.hours, before.devices, before.events)
    assert after.sends == before.sends
    assert harness.cell(MODELS.name, KEY) is None
    assert ends(harness) == []


def test_a_machine_does_not_end_the_exposure_of_a_person_who_clicks_later(harness: OperatorHarness) -> None:
    harness.send(click(START_MS + 1000))
    harness.send(click(LATER_MS))
    harness.advance_event_time(LATER_MS + RULES.hold_ms)
    assert ends(harness) == [("s1", RewardKind.CLICK)]
    assert profile(harness).reactions == {"click:speed": 1, "click:human": 1}
    assert harness.cell(MODELS.name, KEY) is not None


def test_a_persons_click_counts_after_two_seconds_and_not_before(harness: OperatorHarness) -> None:
    harness.send(click(LATER_MS))
    harness.advance_event_time(LATER_MS + RULES.hold_ms - 1)
    assert ends(harness) == []
    harness.advance_event_time(LATER_MS + RULES.hold_ms)
    assert ends(harness) == [("s1", RewardKind.CLICK)]
    assert RULES.hold_ms <= 2_000


def test_soon_after_the_send_and_from_a_provider_it_waits_longer(harness: OperatorHarness) -> None:
    harness.send(click(START_MS + RULES.early_ms - 1000))
    harness.send(click(LATER_MS, send_id="s2", provider="acme"))
    harness.advance_event_time(LATER_MS + RULES.early_hold_ms - 1)
    assert ends(harness) == [("s1", RewardKind.CLICK)]
    harness.advance_event_time(LATER_MS + RULES.early_hold_ms)
    assert ends(harness)[1:] == [("s2", RewardKind.CLICK)]


def test_a_device_that_tells_no_agent_is_a_persons_unless_something_else_speaks(harness: OperatorHarness) -> None:
    harness.send(event(EventKind.TRACK, at_ms=LATER_MS, name="Email Link Clicked", properties={"send_id": "s1"}))
    harness.advance_event_time(LATER_MS + RULES.hold_ms)
    assert ends(harness) == [("s1", RewardKind.CLICK)]


@pytest.mark.parametrize(
    ("clicks", "reasons"),
    [
        ([(0, "s1", "a"), (RULES.pair_ms - 1, "s1", "b")], {"click:links": 2}),
        ([(0, "s1", "a"), (RULES.pair_ms, "s1", "b")], {"click:human": 2}),
        ([(0, "s1", "a"), (300, "s1", "a")], {"click:human": 2}),
        ([(0, "s1", "a"), (1500, "s1", "b"), (3000, "s1", "c")], {"click:links": 3}),
        ([(0, "s1", "a"), (RULES.hold_ms, "s1", "b"), (4500, "s1", "c")], {"click:human": 2, "click:links": 1}),
        ([(0, "s1", "a"), (1500, "s1", "b"), (3000, "s1", "a"), (4500, "s1", "b")], {"click:human": 4}),
        ([(0, "s1", "a"), (1200, "s1", "b"), (1900, "s1", "c")], {"click:links": 3}),
        ([(0, "s1", "a"), (0, "s2", "a")], {"click:messages": 2}),
        ([(0, "s1", "a"), (RULES.messages_ms, "s2", "a")], {"click:human": 2}),
        ([(0, "s1", "a"), (1, "gone", "a")], {"click:messages": 2}),
    ],
)
def test_the_company_that_clicks_keep(
    harness: OperatorHarness, clicks: list[tuple[int, str, str]], reasons: dict[str, int]
) -> None:
    for after_ms, send_id, link in clicks:
        harness.send(click(LATER_MS + after_ms, link, send_id=send_id))
    harness.advance_event_time(LATER_MS + HOUR_MS)
    assert profile(harness).reactions == reasons


def test_evidence_that_comes_late_labels_what_waits(harness: OperatorHarness) -> None:
    """Given a click that waits, when it is told that the message was delivered just before it."""
    harness.send(click(LATER_MS, provider="acme"))
    harness.send(told("Email Delivered", LATER_MS - 1000), log_ms=LATER_MS + 10_000)
    harness.advance_event_time(LATER_MS + HOUR_MS)
    assert profile(harness).reactions == {"click:speed": 1}
    assert ends(harness) == []


def test_after_all_that_waited_is_counted_nothing_of_it_is_left(harness: OperatorHarness) -> None:
    harness.send(click(LATER_MS))
    harness.advance_event_time(LATER_MS + HOUR_MS)
    assert decode(OpenExposures, harness.cell(EXPOSURES.name, KEY) or b"").clicks == ()


def test_a_window_waits_for_a_click_in_it(harness: OperatorHarness, sample_release: Release) -> None:
    window_ms = sample_release.settings.learning.attribution_ms
    harness.send(click(START_MS + window_ms))
    harness.advance_event_time(START_MS + window_ms + DAY_MS)
    assert ends(harness) == [("s2", RewardKind.NONE), ("s1", RewardKind.CLICK)]


@pytest.mark.parametrize(
    ("agent", "label", "moves"),
    [
        (CHROME, "human", True),
        ("Mozilla/5.0", "bare", False),
        (
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "image_proxy",
            False,
        ),
    ],
)
def test_an_open_is_counted_and_never_a_reward(
    harness: OperatorHarness, agent: str, label: str, *, moves: bool
) -> None:
    before = profile(harness).events
    harness.send(told("Email Opened", LATER_MS, agent=agent))
    harness.advance_event_time(LATER_MS + HOUR_MS)
    assert profile(harness).reactions == {f"open:{label}": 1}
    assert profile(harness).events == before + moves
    assert ends(harness) == []


@pytest.mark.parametrize(("agent", "label"), [("", "human"), ("Googlebot/2.1", "crawler")])
def test_a_tap_on_a_telephone_never_waits(harness: OperatorHarness, agent: str, label: str) -> None:
    harness.send(told("Push Notification Tapped", START_MS + 500, agent=agent))
    assert profile(harness).reactions == {f"click:{label}": 1}
    assert ends(harness) == ([("s1", RewardKind.CLICK)] if label == "human" else [])


def test_clicks_that_wait_are_bounded(harness: OperatorHarness) -> None:
    for number in range(CLICKS_MAX + 5):
        harness.send(click(LATER_MS + number, str(number), provider="acme", padding="x" * CLICK_BYTES_MAX))
    waiting = decode(OpenExposures, harness.cell(EXPOSURES.name, KEY) or b"").clicks
    assert len(waiting) <= CLICKS_MAX
    assert max(len(one.event) for one in waiting) < CLICK_BYTES_MAX
    harness.advance_event_time(LATER_MS + HOUR_MS)
    assert profile(harness).reactions == {"click:links": CLICKS_MAX + 5}


def test_with_every_time_at_nothing_a_click_counts_at_once(sample_release: Release) -> None:
    none = HumanSettings(0, 0, 0, 3, 0, 0, 0, 0)
    release = replace(sample_release, settings=replace(sample_release.settings, humans=none))
    operator = OperatorHarness(FixedProgram((encode(release),)))
    operator.send(rated("comedy"))
    entry = next(decode(Communication, one.value) for one in operator.outputs if one.value)
    operator.send(exposed(entry, "s1", START_MS + 1))
    operator.send(click(START_MS + 2))
    assert ends(operator) == [("s1", RewardKind.CLICK)]
    assert operator.cell(EXPOSURES.name, KEY) is None


@pytest.mark.parametrize("name", ["Email Sent", "Email Delivered", "Email Deferred", "Email Bounced"])
def test_what_services_do_is_nobodys_behaviour(harness: OperatorHarness, name: str) -> None:
    before = profile(harness)
    harness.send(told(name, LATER_MS, agent=""))
    after = profile(harness)
    assert (after.hours, after.events, after.last_seen_ms) == (before.hours, before.events, before.last_seen_ms)


def test_labels_are_made_again_by_other_rules(sample_release: Release) -> None:
    """Given one log, when it is read again under a release with other times, then its clicks have other labels."""
    labels = []
    for humans in (RULES, replace(RULES, pair_ms=0), RULES):
        release = replace(sample_release, settings=replace(sample_release.settings, humans=humans))
        operator = OperatorHarness(FixedProgram((encode(release),)))
        operator.send(click(LATER_MS, "a"))
        operator.send(click(LATER_MS + 500, "b"))
        operator.advance_event_time(LATER_MS + HOUR_MS)
        labels.append(profile(operator).reactions)
    assert labels == [{"click:links": 2}, {"click:human": 2}, {"click:links": 2}]
