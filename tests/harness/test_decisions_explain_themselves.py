"""Every decision of a long log, with the population's learner in the circle and models switched as they come: from what
is stored of it alone follow the scores that it was made by, and its probabilities to the last digit that was stored."""

from typing import Any

import pytest
from msgspec.structs import replace

from flink_jobs.personalize import compose
from online_models.policies.choosing import policy_of
from online_models.population import assessed_of
from online_models.trained import Trained
from schemas.decisions import TERMS, Decision
from schemas.library import PolicySettings, Release
from schemas.models import PartKind
from tests.support.switching import collaborative, sequence
from tests.support.taught_loop import TaughtLoop

SCORE = 1e-6
SIMPLEX = 1e-9
PROBABILITY = {"softmax": 0.0, "epsilon-greedy": 0.0, "linucb": 1e-5, "thompson": 1e-5}
"""How far a recomputed probability may be from the stored one. Scores are stored so that they are the very same ones;
deviations, which not every policy looks at, are rounded to float32."""
Live = dict[str, compose._Preference]


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Live:
    """By decision, what it was made by."""
    found: Live = {}
    decide = compose._decide

    def seen(profile: Any, moment: Any, shown: Any, person: Any, preference: Any, *why: Any) -> Decision:
        decision = decide(profile, moment, shown, person, preference, *why)
        found[decision.id] = preference
        return decision

    monkeypatch.setattr(compose, "_decide", seen)
    return found


def check(decision: Decision, live: compose._Preference, settings: PolicySettings) -> None:
    """Recompute a decision from what is stored of it."""
    policy, tolerance = policy_of(settings), PROBABILITY[settings.kind]
    for slot, scores in zip(decision.slots, live.scores, strict=True):
        contributions = slot.contributions()
        sums = [sum(column) for column in zip(*contributions.values(), strict=True)]
        assert sums == pytest.approx(scores.scores, abs=SCORE)
        again = policy.probabilities(slot.scores(), slot.spread())
        assert again == pytest.approx(slot.probabilities, abs=tolerance, rel=0.0)
        assert sum(slot.probabilities) == pytest.approx(1.0, abs=SIMPLEX)
        assert min(slot.probabilities) >= 0.0
    shares = [candidate.probability for candidate in decision.candidates]
    assert sum(shares) == pytest.approx(1.0, abs=SIMPLEX)
    assert min(shares) > 0.0


def follow(release: Release, settings: PolicySettings, live: Live, *, users: int, events: int) -> None:
    policed = replace(release, settings=replace(release.settings, policy=settings))
    loop = TaughtLoop(policed, seed=3, users=users, events=events)
    one = {PartKind.SEQUENCE: sequence(policed, 1)}
    both = {**one, PartKind.COLLABORATIVE: collaborative(policed, 1)}
    seen = dict.fromkeys(range(len(TERMS) + 1), 0)
    says = dict.fromkeys(TERMS, 0)
    for decision in loop.run({events // 3: Trained(one), events // 2: Trained(both)}):
        check(decision, live.pop(decision.id), settings)
        seen[len(decision.slots[0].contributions()) - 1] += 1
        for term in TERMS:
            says[term] += any(any(slot.contributions().get(term, ())) for slot in decision.slots)
    assert seen[2] > users / 2
    assert seen[4] > users / 2
    assert all(says.values()), says
    assert loop.snapshots >= events // 600
    for example in loop.examples:
        for slot in assessed_of(example):
            assert slot is not None
            assert abs(slot.score) < 30.0


@pytest.mark.parametrize("kind", list(PROBABILITY))
def test_every_decision_follows_from_what_is_stored_of_it(kind: str, sample_release: Release, live: Live) -> None:
    settings = replace(sample_release.settings.policy, kind=kind)
    follow(sample_release, settings, live, users=60, events=1_000 if kind != "softmax" else 3_000)


@pytest.mark.stack
@pytest.mark.timeout(1_200)
def test_every_decision_of_a_hundred_thousand_events_does(sample_release: Release, live: Live) -> None:
    follow(sample_release, sample_release.settings.policy, live, users=2_000, events=100_000)
