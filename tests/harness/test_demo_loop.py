"""The demo's people against the job's own steps, with the population's learner among them: it finds out what they like,
claims nothing of people who do not care, and finds out anew when all tastes turn. Seeded, in simulated time."""

from foresend.simulation.closed_loop import ClosedLoop
from schemas.library import Release
from schemas.topics import COMMUNICATIONS

SECONDS = 180.0
"""What the demo promises to show its lift within."""
RENDERS_PER_SEND = 1.6
"""Rendered is when somebody's own preferences moved; a snapshot that moves all scores a little renders little."""


def test_three_minutes_are_enough_to_be_better_than_the_best_for_everybody(sample_release: Release) -> None:
    loop = ClosedLoop(sample_release, people=400, seed=1)
    figures = loop.run(SECONDS)
    assert figures.lift_vs_best_fixed_lo is not None
    assert figures.lift_vs_best_fixed_lo > 0
    assert figures.lift_vs_uniform_lo is not None
    assert figures.lift_vs_uniform_lo > 0
    assert figures.optimum_share is not None
    assert figures.optimum_share >= 0.5
    assert figures.personalised_share is not None
    assert figures.personalised_share > 0.95
    assert not loop.oracle.dead_letters
    assert loop.worlds.ref.models >= 5, "what everybody taught was scored with"
    assert loop.oracle.writes[COMMUNICATIONS.name] < RENDERS_PER_SEND * figures.sends


def test_of_people_without_tastes_nothing_is_claimed(sample_release: Release) -> None:
    figures = ClosedLoop(sample_release, people=400, seed=1, taste=False).run(SECONDS)
    lo, hi = figures.lift_vs_best_fixed_lo, figures.lift_vs_best_fixed_hi
    assert lo is not None
    assert hi is not None
    assert lo < 0 < hi


def test_after_all_tastes_turned_it_comes_back(sample_release: Release) -> None:
    figures = ClosedLoop(sample_release, people=200, seed=2, turn_at_s=120.0).run(420.0)
    assert figures.rate_before is not None
    assert figures.rate_after_turn is not None
    assert figures.rate_after_turn < 0.75 * figures.rate_before
    assert figures.recovered_s is not None
    assert figures.recovered_s < 300
