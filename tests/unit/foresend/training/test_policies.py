"""Off-policy, scores are made again: as the job made them, decision by decision."""

import math
from pathlib import Path

import pytest
from msgspec.structs import replace

from connectors.kafka.log_reader import LogRecord
from flink_jobs.worlds import Shelf, no_models
from foresend.training.kinds import Collaborative
from foresend.training.policies import Background, shown_by, value_of
from foresend.training.reading import Log, log_of
from schemas.codec import decode, encode
from schemas.events import Event
from schemas.examples import Example, RewardKind
from schemas.ids import SendId, VariantId
from schemas.library import ContentRules, Release
from schemas.models import ModelPart, ModelSnapshot, PartKind, Standing, checksum_of
from schemas.topics import EXAMPLES
from schemas.worlds import WorldRef
from templates.library import Library
from tests.support.circles import ITEMS, shown_to_circles
from tests.support.events import WORKSPACE
from tests.support.fixed_worlds import FixedProgram, Published
from tests.support.switching import SwitchedLog, collaborative, decisions_of, sequence, snapshot
from training.sequence import part_of

END_MS = 1 << 46


class _OneWorld(SwitchedLog):
    """Behaviour, sends and clicks of a few people, all under the last world."""

    def _append(self, event: Event, world: WorldRef) -> None:
        super()._append(event, replace(world, models=3))


class Happened:
    """A log that went through the job, what it is to training, and the world that all of it had."""

    def __init__(self, release: Release) -> None:
        self.parts: dict[PartKind, ModelPart] = {
            PartKind.SEQUENCE: sequence(release, 1),
            PartKind.COLLABORATIVE: collaborative(release, 1),
        }
        packed = snapshot(release, 1)
        published = [Published.part(part) for part in self.parts.values()]
        switched = _OneWorld(FixedProgram((encode(release),), (packed, *published)), seed=3)
        self.decisions = decisions_of_newsletter(switched)
        events = [LogRecord(one.key, one.value, one.position) for one in switched.records]
        position = events[-1].position
        told = [one for one in switched.harness.told[EXAMPLES.name] if one.value]
        rows = [LogRecord(one.key, one.value or b"", position) for one in told]
        self.log = log_of(events, rows, WORKSPACE, release.settings)
        shelf = Shelf(Library(release))
        self.background = Background(shelf, decode(ModelSnapshot, packed), self.parts)


def decisions_of_newsletter(switched: SwitchedLog) -> list[tuple[Example, float]]:
    """Each decision as if its first candidate had been served at once, and the chance that its scores gave to that."""
    found = []
    for decision in decisions_of(switched.harness):
        if not decision.candidates:
            continue
        variants = decision.variants_of(0)
        chance = math.prod(
            slot.probabilities[slot.variants.index(one)] for slot, one in zip(decision.slots, variants, strict=True)
        )
        served = Example(
            workspace=WORKSPACE, user=decision.user, send_id=SendId(f"d{decision.id}"), template=decision.template,
            at_ms=decision.at_ms + 1, ended_ms=decision.at_ms + 1, slots=tuple(slot.slot for slot in decision.slots),
            variants=variants, affinities=(0.0,) * len(variants), vector=decision.vector,
            propensity=decision.candidates[0].probability, kind=RewardKind.NONE, reward=0.0,
        )  # fmt: skip
        found.append((served, chance))
    return found


@pytest.fixture(scope="module")
def happened(sample_release: Release) -> Happened:
    return Happened(sample_release)


def test_scores_are_made_again_as_the_job_made_them(happened: Happened) -> None:
    # given a log with clicks, views and sends that were learnt from
    assert sum(one.reward > 0 for one in happened.log.examples) >= 5
    assert len(happened.decisions) >= 50
    # when every decision is made again from the log alone
    rows = [served for served, _ in happened.decisions]
    world = happened.background.world(PartKind.SEQUENCE, happened.parts[PartKind.SEQUENCE])
    found = shown_by(world, happened.log, rows)
    # then its probabilities are those that the job told
    for served, chance in happened.decisions:
        assert found[served.send_id] == pytest.approx(chance, rel=1e-6), served.send_id


def test_another_part_makes_other_probabilities(happened: Happened) -> None:
    rows = [served for served, _ in happened.decisions]
    background = happened.background
    for kind, part in happened.parts.items():
        with_it = shown_by(background.world(kind, part), happened.log, rows)
        without = shown_by(background.world(kind, None), happened.log, rows)
        assert max(abs(with_it[name] - without[name]) for name in with_it) > 0.001, kind


def test_without_a_release_nothing_is_told(happened: Happened) -> None:
    part = happened.parts[PartKind.SEQUENCE]
    assert "release" in value_of(part, None, None, happened.log, 0).silent


def test_what_cannot_be_scored_again_is_left_out(happened: Happened) -> None:
    part = replace(happened.parts[PartKind.SEQUENCE], standing=Standing.CHALLENGER)
    gone = [replace(one, slots=("other",) * len(one.slots)) for one in happened.log.examples]
    sure = [replace(one, propensity=0.0) for one in happened.log.examples]
    for examples in (gone, sure):
        log = Log(examples, happened.log.did, happened.log.newest_ms, {})
        assert "newest release" in value_of(part, None, happened.background, log, 0).silent


def circles(release: Release) -> tuple[Background, Log, int]:
    """A template whose first slot shows the items of circles, drawn evenly; and from when on it is judged."""
    template = release.templates[0]
    first, rest = template.slots[0], [replace(slot, variants=slot.variants[:1]) for slot in template.slots[1:]]
    items = [replace(first.variants[0], id=VariantId(f"item{number}"), tags=()) for number in range(ITEMS)]
    slots = (replace(first, variants=tuple(items)), *rest)
    shelf = Shelf(Library(replace(release, templates=(replace(template, slots=slots, rules=ContentRules()),))))
    others = tuple(slot.variants[0].id for slot in rest)
    examples = [
        replace(
            one, template=template.name, propensity=1 / ITEMS, slots=tuple(slot.name for slot in slots),
            variants=(*one.variants, *others), affinities=(0.0,) * len(slots),
        )
        for one in shown_to_circles(2_400)
    ]  # fmt: skip
    log = Log(examples, [], examples[-1].ended_ms, {})
    return Background(shelf, no_models(WORKSPACE), {}), log, examples[1_600].ended_ms


def test_what_a_part_would_have_earned_is_told(sample_release: Release) -> None:
    # given a part that knows who chooses alike, and one that has every item's factors from another
    background, log, since_ms = circles(sample_release)
    whole = shown_to_circles(6_000)
    trained = Collaborative(None).train(Log(whole, [], 0, {}), END_MS, None, 3, Path())
    good = part_of(trained, WORKSPACE, Standing.CHALLENGER, 1, 0, kind=PartKind.COLLABORATIVE)
    moved = tuple(
        replace(one, data=one.data[len(one.data) // 4 :] + one.data[: len(one.data) // 4])
        if one.name == "factors"
        else one
        for one in good.arrays
    )
    bad = replace(good, arrays=moved, checksum=checksum_of(moved, good.settings))
    # when both are valued
    found = value_of(good, bad, background, log, since_ms)
    # then weights are such that the logged draw reaches all, choosing earns more than drawing, and good is not worse
    assert found.rows == 799
    assert found.reached == pytest.approx(1.0, abs=0.2)
    assert found.challenger > found.earned + 0.1
    assert found.difference > 0.0
    assert not found.is_worse
