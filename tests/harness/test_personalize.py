"""What the job does to one user, through the real adapter."""

import pytest

from flink_jobs.cells import EXPOSURES, MODELS, PROFILE
from online_models.cells import OPEN_EXPOSURES_MAX, UNDELIVERED_MAX, OpenExposures, Profile
from online_models.slot_model import UserModels
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.errors import Reason
from schemas.events import EventKind, encode_event
from schemas.examples import Example, RewardKind
from schemas.ids import TemplateName
from schemas.library import Release
from schemas.models import ModelSnapshot, SlotPrior
from schemas.topics import EXAMPLES
from schemas.versions import TOMBSTONE_AFTER_MS
from schemas.worlds import WorldRef
from tests.support.events import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    WORKSPACE,
    clicked,
    erased,
    event,
    exposed,
    named,
    rated,
)
from tests.support.fixed_worlds import FixedProgram
from tests.support.operator_harness import OperatorHarness

KEY = "sample|ana"


@pytest.fixture
def harness(sample_release: Release) -> OperatorHarness:
    return OperatorHarness(FixedProgram((encode(sample_release),)))


def entries(harness: OperatorHarness) -> dict[str, Communication | None]:
    """The newest writing of each template, as the topic would be compacted to."""
    newest = {output.key.decode(): output.value for output in harness.outputs}
    return {key.split("|")[1]: decode(Communication, value) if value else None for key, value in newest.items()}


def newsletter(harness: OperatorHarness) -> Communication:
    entry = entries(harness)["newsletter"]
    assert entry is not None
    return entry


def probability_of(entry: Communication, tag: str, release: Release) -> float:
    """How likely a variant with a tag is, in the slot where that is most."""
    assert entry.decision is not None
    template = next(t for t in release.templates if t.name == entry.decision.template)
    tagged = {(slot.name, v.id) for slot in template.slots for v in slot.variants if tag in v.tags}
    return max(
        sum(p for v, p in zip(slot.variants, slot.probabilities, strict=True) if (slot.slot, v) in tagged)
        for slot in entry.decision.slots
    )


def test_the_first_event_makes_every_template_ready(harness: OperatorHarness, sample_release: Release) -> None:
    harness.send(rated("comedy"))
    assert entries(harness).keys() == {template.name for template in sample_release.templates}
    for entry in entries(harness).values():
        assert entry is not None
        assert entry.decision is not None
        assert entry.decision.cause == "new"
        assert sum(one.probability for one in entry.decision.candidates) == pytest.approx(1.0, abs=1e-9)
        assert len(entry.bodies) == len(entry.decision.candidates)


def test_a_taste_shifts_the_distribution_to_what_meets_it(harness: OperatorHarness, sample_release: Release) -> None:
    tags = {tag for t in sample_release.templates for s in t.slots for v in s.variants for tag in v.tags}
    genre = min(tags)
    harness.send(event(EventKind.PAGE))
    before = probability_of(newsletter(harness), genre, sample_release)
    for minute in range(5):
        harness.send(rated(genre, at_ms=START_MS + minute * MINUTE_MS))
    after = newsletter(harness)
    assert after.decision is not None
    assert after.decision.cause == "shift"
    assert probability_of(after, genre, sample_release) > before


def test_a_repeat_changes_no_byte(harness: OperatorHarness) -> None:
    first = rated("comedy")
    harness.send(first)
    state, writes = harness.snapshot(), len(harness.outputs)
    harness.send(first, log_ms=START_MS + DAY_MS)
    assert harness.snapshot() == state
    assert len(harness.outputs) == writes


def test_most_events_render_nothing(harness: OperatorHarness) -> None:
    for minute in range(100):
        harness.send(rated("comedy", at_ms=START_MS + minute * MINUTE_MS))
    assert len(harness.outputs) < 20


def test_a_new_name_is_shown_at_once(harness: OperatorHarness) -> None:
    harness.send(rated("comedy"))
    old = newsletter(harness)
    harness.send(named("Zoë", at_ms=START_MS + 1))
    new = newsletter(harness)
    assert new.decision is not None
    assert new.decision.cause == "shown"
    assert new.version > old.version
    assert new.bodies != old.bodies


def test_a_click_teaches_the_users_own_model(harness: OperatorHarness) -> None:
    harness.send(rated("comedy"))
    shown = newsletter(harness)
    harness.send(exposed(shown, "s1", START_MS + 1))
    assert harness.cell(MODELS.name, KEY) is None
    harness.send(clicked("s1", at_ms=START_MS + HOUR_MS))
    harness.advance_event_time(START_MS + HOUR_MS + MINUTE_MS)
    models = decode(UserModels, harness.cell(MODELS.name, KEY) or b"")
    assert {name.split("/")[0] for name in models.slots} == {"newsletter"}
    assert harness.cell(EXPOSURES.name, KEY) is None


def test_a_click_after_the_window_earns_nothing(harness: OperatorHarness, sample_release: Release) -> None:
    window_ms = sample_release.settings.learning.attribution_ms
    harness.send(rated("comedy"))
    harness.send(exposed(newsletter(harness), "s1", START_MS))
    harness.advance_event_time(START_MS + window_ms + 1)
    unrewarded = harness.cell(MODELS.name, KEY)
    harness.send(clicked("s1", at_ms=START_MS + window_ms + 2))
    harness.advance_event_time(START_MS + window_ms + 2 + MINUTE_MS)
    assert harness.cell(EXPOSURES.name, KEY) is None
    assert unrewarded is not None
    assert harness.cell(MODELS.name, KEY) == unrewarded


UNDELIVERED = ["Email Bounced", "Email Suppressed", "Email Failed"]


def kinds(harness: OperatorHarness) -> list[RewardKind]:
    """What exposures came to."""
    return [decode(Example, one.value or b"").kind for one in harness.told[EXAMPLES.name]]


@pytest.mark.parametrize("is_told_first", [False, True])
@pytest.mark.parametrize("name", UNDELIVERED)
def test_a_message_that_nobody_got_voids_its_exposure(harness: OperatorHarness, name: str, is_told_first: bool) -> None:
    """Given a relay near by, when it bounces a message before its exposure is told, then that is no reward either."""
    harness.send(rated("comedy"))
    shown = exposed(newsletter(harness), "s1", START_MS + 1)
    void = event(EventKind.TRACK, at_ms=START_MS + 2, name=name, properties={"send_id": "s1"})
    for one in (void, shown) if is_told_first else (shown, void):
        harness.send(one)
    harness.advance_event_time(START_MS + 30 * DAY_MS)
    assert kinds(harness) == [RewardKind.BOUNCE]
    assert harness.cell(MODELS.name, KEY) is None


@pytest.mark.parametrize("name", ["Email Sent", "Email Deferred", "Email Delivered", "Email Attempted"])
def test_what_is_told_on_the_way_voids_nothing(harness: OperatorHarness, name: str) -> None:
    harness.send(rated("comedy"))
    harness.send(exposed(newsletter(harness), "s1", START_MS + 1))
    harness.send(event(EventKind.TRACK, at_ms=START_MS + 2, name=name, properties={"send_id": "s1"}))
    harness.advance_event_time(START_MS + 30 * DAY_MS)
    assert kinds(harness) == [RewardKind.NONE]


def test_bounces_of_sends_that_nobody_knows_are_remembered_in_a_bounded_number(harness: OperatorHarness) -> None:
    harness.send(rated("comedy"))
    for number in range(UNDELIVERED_MAX + 2):
        properties = {"send_id": f"s{number}", "bounce_type": "block"}
        harness.send(event(EventKind.TRACK, at_ms=START_MS + 2 + number, name="Email Bounced", properties=properties))
    too_long = {"send_id": "s" * 100_000}
    harness.send(event(EventKind.TRACK, at_ms=START_MS + 99, name="Email Bounced", properties=too_long))
    kept = decode(OpenExposures, harness.cell(EXPOSURES.name, KEY) or b"").undelivered
    assert kept == tuple(f"s{number}" for number in range(2, UNDELIVERED_MAX + 2))


def test_open_exposures_are_bounded_and_the_oldest_closes_unrewarded(harness: OperatorHarness) -> None:
    harness.send(rated("comedy"))
    shown = newsletter(harness)
    for number in range(OPEN_EXPOSURES_MAX + 1):
        harness.send(exposed(shown, f"s{number}", START_MS + number))
    still_open = decode(OpenExposures, harness.cell(EXPOSURES.name, KEY) or b"")
    assert still_open.items[0].send_id == "s1"
    assert len(still_open.items) == OPEN_EXPOSURES_MAX
    assert harness.cell(MODELS.name, KEY) is not None


def test_a_send_told_twice_is_one_exposure(harness: OperatorHarness) -> None:
    harness.send(rated("comedy"))
    shown = newsletter(harness)
    harness.send(exposed(shown, "s1", START_MS + 1))
    harness.send(exposed(shown, "s1", START_MS + 2))
    assert len(decode(OpenExposures, harness.cell(EXPOSURES.name, KEY) or b"").items) == 1


def test_a_timer_and_the_next_event_do_the_same(sample_release: Release) -> None:
    """Given two users with the same log, one of whom is woken by the timer and one by his next event."""
    program = FixedProgram((encode(sample_release),))
    script = [rated("comedy"), None, rated("drama", at_ms=START_MS + 40 * DAY_MS)]
    woken, slept = OperatorHarness(program), OperatorHarness(program)
    for harness in (woken, slept):
        for one in script:
            if one is None:
                first = rated("comedy", id="x", record_id="x")
                harness.send(exposed(newsletter(harness), "s1", START_MS + 1, id="y", record_id="y"))
                harness.send(first)
                if harness is woken:
                    harness.advance_event_time(START_MS + 39 * DAY_MS)
            else:
                harness.send(one)
    assert woken.snapshot() == slept.snapshot()
    assert woken.outputs == slept.outputs


def test_erasure_leaves_a_grave_then_a_tombstone(harness: OperatorHarness) -> None:
    harness.send(named("Canary"))
    harness.send(erased(at_ms=START_MS + 1))
    graves = entries(harness)
    assert graves
    assert all(entry and entry.grave and not entry.bodies for entry in graves.values())
    state = harness.cell(PROFILE.name, KEY) or b""
    assert b"Canary" not in state
    assert decode(Profile, state).is_grave
    harness.advance_event_time(START_MS + 1 + TOMBSTONE_AFTER_MS)
    assert set(entries(harness).values()) == {None}


def test_a_repeat_resurrects_nobody(harness: OperatorHarness) -> None:
    first = rated("comedy")
    harness.send(first)
    harness.send(erased(at_ms=START_MS + DAY_MS))
    writes = len(harness.outputs)
    again_later = START_MS + 2 * DAY_MS
    harness.send(first, log_ms=again_later)
    harness.send(rated("comedy", at_ms=START_MS + 5, received_ms=again_later), log_ms=again_later)
    harness.send(event(EventKind.REFRESH, at_ms=again_later))
    harness.send(clicked("s1", at_ms=again_later))
    assert all(output.value is None for output in harness.outputs[writes:])
    assert decode(Profile, harness.cell(PROFILE.name, KEY) or b"").is_grave


def test_one_who_comes_back_starts_empty(harness: OperatorHarness) -> None:
    harness.send(named("Canary"))
    harness.send(rated("comedy", at_ms=START_MS + 1))
    harness.send(erased(at_ms=START_MS + 2))
    harness.send(rated("drama", at_ms=START_MS + 3))
    profile = decode(Profile, harness.cell(PROFILE.name, KEY) or b"")
    assert not profile.is_grave
    assert set(profile.tags.values) == {"drama"}
    assert profile.traits == {}
    assert not newsletter(harness).grave


def test_versions_only_rise(harness: OperatorHarness) -> None:
    genres = ["comedy", "drama", "horror", "western", "jazz"]
    for number, genre in enumerate(genres * 5):
        harness.send(rated(genre, at_ms=START_MS + number * DAY_MS))
    harness.send(erased(at_ms=START_MS + 26 * DAY_MS))
    versions = [decode(Communication, out.value).version for out in harness.outputs if out.value]
    assert versions == sorted(versions)
    assert len(set(versions)) == len(versions)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", Reason.NOT_JSON),
        (b"\xff\xfe", Reason.BAD_UTF8),
        (b'{"kind": "dance"}', Reason.UNKNOWN_KIND),
        (b"[" * 10_000 + b"]" * 10_000, Reason.WRONG_TYPE),
        (b'{"properties": {"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}", Reason.TOO_DEEP),
        (b'{"properties": {"a": NaN}}', Reason.NOT_FINITE),
        (b"x" * 1_000_001, Reason.TOO_LARGE),
    ],
)
def test_poison_lands_whole_in_dead_letters(harness: OperatorHarness, value: bytes, reason: Reason) -> None:
    harness.send_bytes(b"sample|ana|r", value, START_MS)
    (letter,) = harness.dead_letters
    assert letter.reason is reason
    assert letter.payload == value
    assert harness.snapshot() == ({}, [])


def test_an_event_under_somebody_elses_key_is_refused(harness: OperatorHarness) -> None:
    harness.send_bytes(b"sample|bob|r1", encode_event(rated("comedy")), START_MS)
    assert [letter.reason for letter in harness.dead_letters] == [Reason.KEY_MISMATCH]
    assert harness.outputs == []


def test_an_impossible_time_is_refused(harness: OperatorHarness) -> None:
    harness.send(rated("comedy", at_ms=START_MS + 2 * DAY_MS, received_ms=START_MS))
    harness.send(rated("comedy", at_ms=START_MS - 91 * DAY_MS, received_ms=START_MS))
    assert [letter.reason for letter in harness.dead_letters] == [Reason.TIME_OUT_OF_RANGE] * 2


def test_an_unknown_workspace_is_refused(harness: OperatorHarness) -> None:
    harness.send(rated("comedy", world=WorldRef(0, 0)))
    assert [letter.reason for letter in harness.dead_letters] == [Reason.UNKNOWN_WORKSPACE]


def test_a_world_that_is_not_there_is_refused(harness: OperatorHarness) -> None:
    harness.send(rated("comedy", world=WorldRef(2, 0)))
    harness.send(rated("comedy", world=WorldRef(1, 7)))
    assert [letter.reason for letter in harness.dead_letters] == [Reason.UNKNOWN_WORLD] * 2


def test_a_published_model_changes_what_is_likely(sample_release: Release) -> None:
    template = sample_release.templates[0]
    slot = template.slots[0]
    favourite = slot.variants[-1].id
    prior = SlotPrior(weights={f"variant:{favourite}": 3.0})
    snapshot = ModelSnapshot(workspace=WORKSPACE, number=1, slots={f"{template.name}/{slot.name}": prior})
    harness = OperatorHarness(FixedProgram((encode(sample_release),), (encode(snapshot),)))
    harness.send(rated("comedy", user="old"))
    harness.send(rated("comedy", user="new", world=WorldRef(1, 1)))
    decisions = [decode(Communication, out.value or b"").decision for out in harness.outputs]
    old, new = (d for d in decisions if d and d.template == TemplateName(template.name))
    at = old.slots[0].variants.index(favourite)
    assert new.slots[0].probabilities[at] > old.slots[0].probabilities[at] + 0.2


def test_a_restored_operator_goes_on_as_if_nothing_had_been(sample_release: Release) -> None:
    program = FixedProgram((encode(sample_release),))
    script = [rated(genre, at_ms=START_MS + n * DAY_MS) for n, genre in enumerate(["comedy", "drama", "horror"] * 4)]
    through, first = OperatorHarness(program), OperatorHarness(program)
    for one in script[:6]:
        first.send(one)
    second = OperatorHarness(program, restored=first.snapshot())
    second._offset = first._offset
    for one in script[6:]:
        second.send(one)
    for one in script:
        through.send(one)
    assert second.snapshot() == through.snapshot()
    assert first.outputs + second.outputs == through.outputs
