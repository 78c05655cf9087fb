"""What the job tells beside messages: each person in `profiles`, each exposure's end in `examples`."""

from typing import Any

import pytest

from flink_jobs.cells import PROFILE
from online_models.cells import OPEN_EXPOSURES_MAX, Profile
from online_models.told import features_in_words
from online_models.vector import numbers_of
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.events import Event, EventKind
from schemas.examples import Example, RewardKind
from schemas.library import HumanSettings, Release
from schemas.profiles import FEATURES_ASKED, PROFILE_AFTER_MS, ToldProfile
from schemas.topics import EXAMPLES, PROFILES
from schemas.versions import TOMBSTONE_AFTER_MS
from tests.support.events import DAY_MS, HOUR_MS, START_MS, clicked, erased, event, exposed, named, rated
from tests.support.fixed_worlds import FixedProgram
from tests.support.logs import behaviour
from tests.support.operator_harness import OperatorHarness

TOLD_BY_MS = START_MS + PROFILE_AFTER_MS
SAID = {"categoryPreferences": {"analytics": True, "personalisation": True}}


@pytest.fixture
def harness(sample_release: Release) -> OperatorHarness:
    return OperatorHarness(FixedProgram((encode(sample_release),)))


def told(harness: OperatorHarness, user: str = "ana") -> list[ToldProfile | None]:
    """Everything told of a person, the oldest first; None is a tombstone."""
    records = [record for record in harness.told[PROFILES.name] if record.key == f"sample|{user}".encode()]
    return [None if record.value is None else decode(ToldProfile, record.value) for record in records]


def newest(harness: OperatorHarness, user: str = "ana") -> ToldProfile:
    found = told(harness, user)[-1]
    assert found is not None
    return found


def examples(harness: OperatorHarness) -> list[Example]:
    return [decode(Example, record.value or b"") for record in harness.told[EXAMPLES.name]]


def ordered(at_ms: int, revenue: float, name: str = "Order Completed", **said: Any) -> Event:
    return event(EventKind.TRACK, at_ms=at_ms, name=name, properties={"revenue": revenue, **said})


class TestProfiles:
    def test_features_are_told_in_time_after_the_first_of_them_moved(self, harness: OperatorHarness) -> None:
        for number in range(5):
            harness.send(rated("comedy", at_ms=START_MS + number * 10_000))
        harness.advance_event_time(TOLD_BY_MS - 1)
        assert told(harness) == []
        harness.advance_event_time(TOLD_BY_MS)
        (one,) = told(harness)
        assert one is not None
        assert one.at_ms == TOLD_BY_MS
        assert one.features["events"].value == 5.0
        assert one.features["events"].at_ms == START_MS + 40_000
        assert one.features["tags"].value == {"comedy": 1.0}

    def test_the_next_event_tells_what_was_due_before_it(self, harness: OperatorHarness) -> None:
        harness.send(rated("comedy"))
        harness.send(rated("comedy", at_ms=START_MS + 1))
        harness.send(rated("drama", at_ms=TOLD_BY_MS + HOUR_MS))
        assert [one and (one.at_ms, one.features["events"].value) for one in told(harness)] == [(TOLD_BY_MS, 2.0)]

    def test_who_is_asked_for_is_told_as_things_stand(self, harness: OperatorHarness) -> None:
        harness.send(rated("comedy"))
        asked = {"reason": FEATURES_ASKED}
        harness.send(event(EventKind.REFRESH, at_ms=START_MS + 1, properties=asked))
        assert newest(harness).features["events"].value == 1.0
        harness.advance_event_time(START_MS + 30 * DAY_MS)
        assert len(told(harness)) == 1

    def test_traits_and_zone_are_told_at_once(self, harness: OperatorHarness) -> None:
        harness.send(named("Zoë", context={"timezone": "Europe/Berlin"}))
        assert newest(harness).traits == {"first_name": "Zoë"}
        assert newest(harness).timezone == "Europe/Berlin"

    def test_consent_is_told_at_once_when_it_changes_and_not_when_it_is_repeated(
        self, harness: OperatorHarness
    ) -> None:
        for number in range(3):
            harness.send(rated("comedy", at_ms=START_MS + number, context={"consent": SAID}))
        said = {"analytics": True, "personalisation": True, "tracking": False}
        assert [one and one.consent for one in told(harness)] == [said]
        assert newest(harness).consented_ms == dict.fromkeys(said, START_MS)
        assert newest(harness).consents_after("personalisation", START_MS - 1)
        assert not newest(harness).consents_after("personalisation", START_MS)
        assert not newest(harness).consents_after("tracking", 0)

    def test_consent_to_tracking_alone_is_told_at_once(self, harness: OperatorHarness) -> None:
        harness.send(rated("comedy", context={"consent": SAID}))
        agreed = {"categoryPreferences": {**SAID["categoryPreferences"], "tracking": True}}
        harness.send(rated("comedy", at_ms=START_MS + 1, context={"consent": agreed}))
        assert newest(harness).consents_after("tracking", START_MS)

    def test_who_withdraws_has_no_features_told_any_more(self, harness: OperatorHarness) -> None:
        harness.send(rated("comedy"))
        harness.advance_event_time(TOLD_BY_MS)
        assert newest(harness).features["events"].value == 1.0
        denied = {"consent": {"categoryPreferences": {"analytics": False, "personalisation": False}}}
        harness.send(rated("comedy", at_ms=TOLD_BY_MS + 1, context=denied))
        assert "events" not in newest(harness).features
        assert newest(harness).consent == {"analytics": False, "personalisation": False, "tracking": False}

    def test_a_way_to_be_reached_is_told_at_once(self, harness: OperatorHarness) -> None:
        said = {"channel": "email", "at_ms": START_MS, "address": "ana@mail.example", "granted": True}
        harness.send(event(EventKind.CONTACT, properties=said))
        contact = newest(harness).contact
        assert contact.addresses == {"email": "ana@mail.example"}
        assert contact.permissions["email/marketing"].granted

    def test_an_erased_person_leaves_a_grave_at_once_and_a_tombstone_later(self, harness: OperatorHarness) -> None:
        harness.send(named("Zoë"))
        before = newest(harness).version
        harness.send(erased(at_ms=START_MS + 1))
        assert newest(harness).grave
        assert newest(harness) == ToldProfile(newest(harness).version, grave=True)
        assert newest(harness).version > before
        harness.advance_event_time(START_MS + 1 + TOMBSTONE_AFTER_MS)
        assert told(harness)[-1] is None
        count = len(told(harness))
        harness.advance_event_time(START_MS + 30 * DAY_MS)
        assert len(told(harness)) == count

    def test_of_somebody_never_told_a_grave_is_written_too(self, harness: OperatorHarness) -> None:
        harness.send(erased("bo", at_ms=START_MS + 1))
        assert newest(harness, "bo").grave
        harness.advance_event_time(START_MS + 30 * DAY_MS)
        assert told(harness, "bo")[-1] is None

    def test_who_comes_back_is_told_over_the_grave(self, harness: OperatorHarness) -> None:
        harness.send(named("Zoë"))
        harness.send(erased(at_ms=START_MS + 1))
        grave = newest(harness).version
        harness.send(rated("comedy", at_ms=START_MS + 2))
        harness.advance_event_time(TOLD_BY_MS + 2)
        assert newest(harness).version > grave
        assert newest(harness).features["events"].value == 1.0
        assert newest(harness).traits == {}

    def test_when_all_is_still_the_topic_says_what_the_state_says(
        self, harness: OperatorHarness, sample_release: Release
    ) -> None:
        log = behaviour(seed=3, users=8, count=300)
        for one in log:
            harness.send(one)
        harness.advance_event_time(log[-1].received_ms + PROFILE_AFTER_MS)
        last = {record.key.decode(): record.value for record in harness.told[PROFILES.name]}
        living = 0
        for key, cells in harness.snapshot()[0].items():
            profile = decode(Profile, cells[PROFILE.name])
            value = last.get(key)
            if profile.is_grave or value is None:
                continue
            living += 1
            one_told = decode(ToldProfile, value)
            settings = sample_release.settings
            assert one_told.features == features_in_words(profile, settings, one_told.at_ms)
            assert (one_told.traits, one_told.locale) == (profile.traits, profile.locale)
            assert profile.tell_at_ms == 0
        assert living >= 6


class TestOrders:
    def features(self, harness: OperatorHarness, *events: Event) -> dict[str, Any]:
        for one in events:
            harness.send(one)
        harness.advance_event_time(events[-1].received_ms + PROFILE_AFTER_MS)
        return {name: feature.value for name, feature in newest(harness).features.items()}

    def test_orders_are_counted_with_their_value_and_the_newest_one(self, harness: OperatorHarness) -> None:
        found = self.features(harness, ordered(START_MS, 10.0), ordered(START_MS + DAY_MS, 30.0))
        assert (found["orders"], found["repeat_orders"], found["order_value_mean"]) == (2.0, 1.0, 20.0)
        assert found["last_order_ms"] == START_MS + DAY_MS

    @pytest.mark.parametrize("is_first", [False, True], ids=["after the order", "before the order"])
    @pytest.mark.parametrize(
        ("name", "said", "orders", "value"),
        [
            ("Order Cancelled", {}, 1.0, 10.0),
            ("Order Refunded", {}, 1.0, 10.0),
            ("Order Refunded", {"total": 30.0}, 1.0, 10.0),
            ("Order Refunded", {"total": 12.5}, 2.0, 27.5),
        ],
    )
    def test_what_is_cancelled_or_refunded_is_taken_back_by_its_id(
        self, harness: OperatorHarness, name: str, said: dict[str, Any], orders: float, value: float, is_first: bool
    ) -> None:
        taken_back = event(EventKind.TRACK, at_ms=START_MS + 2, name=name, properties={"order_id": "b", **said})
        bought = ordered(START_MS + 1, 30.0, order_id="b")
        pair = (taken_back, bought) if is_first else (bought, taken_back)
        found = self.features(harness, ordered(START_MS, 10.0, order_id="a"), *pair)
        assert (found["orders"], found["order_value"]) == (orders, value)
        assert found["last_order_ms"] == START_MS + (orders > 1.0)

    def test_an_order_told_twice_is_one(self, harness: OperatorHarness) -> None:
        found = self.features(harness, ordered(START_MS, 10.0, order_id="a"), ordered(START_MS + 5, 10.0, order_id="a"))
        assert (found["orders"], found["order_value"]) == (1.0, 10.0)

    def test_without_an_id_a_refund_takes_its_amount_and_a_cancellation_an_order(
        self, harness: OperatorHarness
    ) -> None:
        found = self.features(
            harness,
            ordered(START_MS, 10.0),
            ordered(START_MS + 1, 30.0),
            event(EventKind.TRACK, at_ms=START_MS + 2, name="Order Refunded", properties={"total": 5.0}),
            event(EventKind.TRACK, at_ms=START_MS + 3, name="Order Cancelled", properties={"total": 30.0}),
        )
        assert (found["orders"], found["order_value"]) == (1.0, 5.0)

    def test_what_nobody_knows_of_takes_nothing_away(self, harness: OperatorHarness) -> None:
        found = self.features(
            harness,
            ordered(START_MS, 10.0, order_id="a"),
            event(EventKind.TRACK, at_ms=START_MS + 2, name="Order Cancelled", properties={"order_id": "other"}),
        )
        assert (found["orders"], found["order_value"]) == (1.0, 10.0)


class TestFatigue:
    def shown(self, harness: OperatorHarness) -> Communication:
        values = [output.value for output in harness.outputs if b"newsletter" in output.key]
        return decode(Communication, values[-1] or b"")

    def fatigue(self, harness: OperatorHarness) -> float | dict[str, float]:
        harness.advance_event_time(TOLD_BY_MS)
        return newest(harness).features["fatigue"].value

    def test_sends_add_up_until_somebody_reacts(self, harness: OperatorHarness) -> None:
        harness.send(rated("comedy"))
        for number in range(3):
            harness.send(exposed(self.shown(harness), f"s{number}", START_MS + number))
        assert self.fatigue(harness) == 3.0

    @pytest.mark.parametrize("reaction", ["click", "order"])
    def test_a_click_or_an_order_ends_it(self, harness: OperatorHarness, reaction: str) -> None:
        harness.send(rated("comedy"))
        for number in range(3):
            harness.send(exposed(self.shown(harness), f"s{number}", START_MS + number * HOUR_MS))
        at_ms = START_MS + HOUR_MS + 300_000
        harness.send(clicked("s1", at_ms=at_ms) if reaction == "click" else ordered(at_ms, 5.0))
        assert self.fatigue(harness) == 1.0

    def test_a_machines_click_ends_nothing(self, harness: OperatorHarness) -> None:
        harness.send(rated("comedy"))
        harness.send(exposed(self.shown(harness), "s1", START_MS))
        harness.send(clicked("s1", at_ms=START_MS + HOUR_MS, context={"method": "HEAD"}))
        assert self.fatigue(harness) == 1.0


class TestExamples:
    def open(self, harness: OperatorHarness, send_id: str = "s1", at_ms: int = START_MS + 1) -> Communication:
        harness.send(rated("comedy"))
        shown = decode(Communication, next(o.value for o in harness.outputs if b"newsletter" in o.key) or b"")
        harness.send(exposed(shown, send_id, at_ms))
        return shown

    def test_a_click_becomes_an_example_with_the_features_at_the_decision(
        self, harness: OperatorHarness, sample_release: Release
    ) -> None:
        shown = self.open(harness)
        assert shown.decision is not None
        harness.send(rated("drama", at_ms=START_MS + 2))
        harness.send(clicked("s1", at_ms=START_MS + HOUR_MS))
        harness.advance_event_time(START_MS + HOUR_MS + HumanSettings().early_hold_ms)
        (example,) = examples(harness)
        assert harness.told[EXAMPLES.name][0].key == b"sample|ana|s1"
        assert (example.kind, example.reward, example.send_id) == (RewardKind.CLICK, 1.0, "s1")
        assert example.variants == shown.decision.variants_of(0)
        assert example.propensity == shown.decision.candidates[0].probability
        assert (example.at_ms, example.ended_ms > START_MS + HOUR_MS) == (START_MS + 1, True)
        assert example.vector == shown.decision.vector
        numbers = numbers_of(example.vector, sample_release.settings)
        assert (numbers["events"], numbers["rating_mean"]) == (1.0, 5.0)

    def test_the_end_of_the_window_is_an_example_without_a_reward(
        self, harness: OperatorHarness, sample_release: Release
    ) -> None:
        self.open(harness)
        harness.advance_event_time(START_MS + 1 + sample_release.settings.learning.attribution_ms)
        assert [(one.kind, one.reward) for one in examples(harness)] == [(RewardKind.NONE, 0.0)]

    def test_what_bounced_is_told_as_such(self, harness: OperatorHarness) -> None:
        self.open(harness)
        harness.send(event(EventKind.TRACK, at_ms=START_MS + 2, name="Email Bounced", properties={"send_id": "s1"}))
        assert [one.kind for one in examples(harness)] == [RewardKind.BOUNCE]

    def test_one_too_many_open_ends_the_oldest(self, harness: OperatorHarness) -> None:
        shown = self.open(harness)
        for number in range(OPEN_EXPOSURES_MAX):
            harness.send(exposed(shown, f"t{number}", START_MS + 2 + number))
        assert [(one.send_id, one.kind) for one in examples(harness)] == [("s1", RewardKind.NONE)]

    def test_every_exposure_ends_once(self, harness: OperatorHarness) -> None:
        shown = self.open(harness)
        harness.send(exposed(shown, "s2", START_MS + 2))
        harness.send(clicked("s1", at_ms=START_MS + HOUR_MS))
        harness.send(clicked("s1", at_ms=START_MS + 2 * HOUR_MS))
        harness.advance_event_time(START_MS + 60 * DAY_MS)
        assert sorted(one.send_id for one in examples(harness)) == ["s1", "s2"]
