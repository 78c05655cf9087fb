"""Every decision of a log with models switched in its midst: its features sum to its terms, and these to its scores."""

import math

import pytest
from msgspec.structs import replace

from flink_jobs.records import OutputRecord
from flink_jobs.worlds import Worlds
from foresend.simulation.closed_loop import ClosedLoop
from online_models.explaining import TOLERANCE, explained
from online_models.trained import Trained
from schemas.codec import decode
from schemas.decisions import TERMS, Communication, Decision
from schemas.library import Release
from schemas.models import PartKind
from schemas.topics import COMMUNICATIONS
from tests.support.fixed_worlds import FixedWorlds
from tests.support.switching import SwitchedLog, collaborative, decisions_of, program_of, sequence

SUM = 1e-6


def check(decision: Decision, worlds: Worlds) -> dict[str, int]:
    """How many features each term of a decision was told by, at most."""
    world = worlds(decision.workspace, decision.world)
    scorers = world.menu(decision.template, decision.at_ms).scorers
    seen: dict[str, int] = {}
    for slot, scorer in zip(decision.slots, scorers, strict=True):
        contributions = slot.contributions()
        for row, one in enumerate(explained(decision, slot, scorer, world.settings)):
            assert one.missing <= TOLERANCE
            assert list(one.terms) == list(contributions)
            for term, features in one.terms.items():
                assert math.fsum(features.values()) == pytest.approx(contributions[term][row], rel=SUM, abs=SUM)
                seen[term] = max(seen.get(term, 0), sum(1 for value in features.values() if value))
            whole = math.fsum(value for features in one.terms.values() for value in features.values())
            assert whole == pytest.approx(slot.scores()[row], rel=SUM, abs=SUM)
    return seen


def test_features_sum_to_terms_and_terms_to_scores(sample_release: Release) -> None:
    program = program_of(sample_release)
    log = SwitchedLog(program, seed=11)
    worlds = FixedWorlds(program.releases, program.models)
    seen: dict[str, int] = {}
    decisions = decisions_of(log.harness)
    for decision in decisions:
        for term, count in check(decision, worlds).items():
            seen[term] = max(seen.get(term, 0), count)
    assert len(decisions) > 50
    # Each term is told by several features at least once, or else nothing was shown here.
    assert all(seen[term] > 1 for term in TERMS), seen


def test_what_the_population_learns_is_told_by_features_too(sample_release: Release) -> None:
    settings = sample_release.settings
    learning = replace(settings.learning, facts=("city",), numbers=("events",), snapshot_every=16)
    release = replace(sample_release, settings=replace(settings, learning=learning))
    seen: list[dict[str, int]] = []

    def follow(record: OutputRecord) -> None:
        if record.topic == COMMUNICATIONS.name and record.value:
            decision = decode(Communication, record.value).decision
            if decision is not None:
                seen.append(check(decision, loop.worlds))

    loop = ClosedLoop(release, people=30, seed=5, follow=follow)
    loop.run(40.0)
    parts = {PartKind.SEQUENCE: sequence(release, 1), PartKind.COLLABORATIVE: collaborative(release, 1)}
    loop.worlds.take(trained=Trained(parts))
    loop.run(80.0)
    assert loop.examples > 16
    assert max(one["prior"] for one in seen) > max(one["prior"] for one in seen[:30])
    assert all(any(one.get(term) for one in seen) for term in TERMS)
