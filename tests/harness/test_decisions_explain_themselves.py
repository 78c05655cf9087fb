"""Every decision of a long log, with the population's learner in the circle and models switched as they come: from what
is stored of it alone follow the scores that it was made by, and its probabilities to the last digit that was stored."""

from typing import Any

import pytest
from msgspec.structs import replace

from flink_jobs.personalize import compose
from flink_jobs.records import OutputRecord
from foresend.simulation.closed_loop import ClosedLoop
from online_models.policies.choosing import policy_of
from online_models.population import assessed_of
from online_models.trained import Trained
from schemas.codec import decode
from schemas.decisions import TERMS, Communication, Decision
from schemas.examples import Example
from schemas.library import LearningSettings, PolicySettings, Release
from schemas.models import PartKind
from schemas.topics import COMMUNICATIONS, EXAMPLES
from tests.support.switching import collaborative, sequence

SCORE = 1e-6
SIMPLEX = 1e-9
POLICIES = ("softmax", "epsilon-greedy", "linucb", "thompson")
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
    policy = policy_of(settings)
    for slot, scores in zip(decision.slots, live.scores, strict=True):
        contributions = slot.contributions()
        sums = [sum(column) for column in zip(*contributions.values(), strict=True)]
        assert sums == pytest.approx(scores.scores, abs=SCORE)
        assert policy.probabilities(slot.scores(), slot.spread()) == slot.probabilities
        assert sum(slot.probabilities) == pytest.approx(1.0, abs=SIMPLEX)
        assert min(slot.probabilities) >= 0.0
    shares = [candidate.probability for candidate in decision.candidates]
    assert sum(shares) == pytest.approx(1.0, abs=SIMPLEX)
    assert min(shares) > 0.0


class Written:
    """Every decision and example as it is stored, told of with what it was made by."""

    def __init__(self, settings: PolicySettings, live: Live) -> None:
        self._settings, self._live = settings, live
        self.seen = dict.fromkeys(range(len(TERMS) + 1), 0)
        self.says = dict.fromkeys(TERMS, 0)
        self.assessed = 0

    def take(self, record: OutputRecord) -> None:
        """Look at a record of a topic."""
        if record.topic == EXAMPLES.name and record.value:
            for slot in assessed_of(decode(Example, record.value)):
                assert slot is not None
                assert abs(slot.score) < 30.0
                self.assessed += 1
        if record.topic != COMMUNICATIONS.name or not record.value:
            return
        decision = decode(Communication, record.value).decision
        if decision is not None:
            check(decision, self._live.pop(decision.id), self._settings)
            self.seen[len(decision.slots[0].contributions()) - 1] += 1
            for term in TERMS:
                self.says[term] += any(any(slot.contributions().get(term, ())) for slot in decision.slots)


def follow(release: Release, settings: PolicySettings, live: Live, *, people: int, seconds: float) -> None:
    learning: LearningSettings = replace(release.settings.learning, snapshot_every=16)
    policed = replace(release, settings=replace(release.settings, policy=settings, learning=learning))
    written = Written(settings, live)
    loop = ClosedLoop(policed, people=people, seed=3, follow=written.take)
    one = {PartKind.SEQUENCE: sequence(policed, 1)}
    loop.run(seconds / 3)
    loop.worlds.take(trained=Trained(one))
    loop.run(seconds / 2)
    loop.worlds.take(trained=Trained({**one, PartKind.COLLABORATIVE: collaborative(policed, 1)}))
    loop.run(seconds)
    assert not loop.oracle.dead_letters
    assert written.seen[2] > people / 2
    assert written.seen[4] > people / 2
    assert all(written.says.values()), written.says
    assert written.assessed >= loop.examples > people
    assert loop.worlds.ref.models == 2 + loop.examples // 16


@pytest.mark.parametrize("kind", POLICIES)
def test_every_decision_follows_from_what_is_stored_of_it(kind: str, sample_release: Release, live: Live) -> None:
    settings = replace(sample_release.settings.policy, kind=kind)
    follow(sample_release, settings, live, people=60, seconds=90.0 if kind != "softmax" else 180.0)


@pytest.mark.stack
@pytest.mark.timeout(1_200)
def test_every_decision_of_two_thousand_people_does(sample_release: Release, live: Live) -> None:
    follow(sample_release, sample_release.settings.policy, live, people=2_000, seconds=240.0)
