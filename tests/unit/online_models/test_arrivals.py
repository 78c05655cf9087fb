"""Clicks come sooner than their absence: which of them are learnt from while a workspace begins."""

import math
import struct

import pytest

from online_models.arrivals import STEPS, WINDOWS, Arrivals
from online_models.population import Population, PopulationCell
from online_models.prior.features import BIAS, RECENT
from online_models.prior.learnt import unpack
from schemas.codec import Cell, decode, encode
from schemas.decisions import ASSESSED
from schemas.examples import Example, RewardKind
from schemas.ids import Locale, SendId, SlotName, Tag, TemplateName, UserId, VariantId, WorkspaceId
from schemas.library import LearningSettings, WorkspaceSettings
from schemas.models import CLICK_LOGIT

WINDOW = 8_000
RATE = 5
"""One exposure in so many is clicked."""


class Kept(Cell):
    arrivals: Arrivals


def let_in(served: list[int], arrivals: Arrivals, none_ms: int = WINDOW) -> list[tuple[int, bool]]:
    """What is learnt from, of exposures served at these times: when it ended, and whether it was clicked."""
    ends = sorted((at + (10 if number % RATE == 0 else none_ms), at, number) for number, at in enumerate(served))
    return [
        (ended, number % RATE == 0)
        for ended, at, number in ends
        if arrivals.let_in(at, ended, WINDOW, clicked=number % RATE == 0)
    ]


def share(found: list[tuple[int, bool]], begin: int, end: int) -> float:
    clicks = [clicked for ended, clicked in found if begin <= ended < end]
    return sum(clicks) / len(clicks)


def test_before_any_window_ended_clicks_teach_nothing() -> None:
    found = let_in(list(range(0, 4 * WINDOW, 10)), Arrivals())
    assert min(ended for ended, _ in found) >= WINDOW


def test_a_steady_stream_is_let_in_whole_once_a_window_has_passed() -> None:
    found = let_in(list(range(0, 4 * WINDOW, 10)), Arrivals())
    # Two steps are needed to see that it is steady.
    begin = WINDOW + 3 * WINDOW // STEPS
    assert abs(share(found, begin, 2 * WINDOW) - 1 / RATE) < 0.01


def test_while_a_workspace_grows_no_more_clicks_are_let_in_than_belong_to_what_ended_without() -> None:
    served = [int((4 * WINDOW) * (number / 8_000) ** 0.5) for number in range(8_000)]
    found = let_in(served, Arrivals())
    raw = [(ended, clicked) for ended, clicked in let_in(served, Arrivals(first_ms=-10 * WINDOW))]
    span = (WINDOW + WINDOW // 2, 2 * WINDOW)
    assert share(raw, *span) > 1.5 / RATE
    assert abs(share(found, *span) - 1 / RATE) < 0.05


def test_where_absence_is_told_as_soon_as_a_click_all_is_let_in() -> None:
    served = list(range(0, 2 * WINDOW, 10))
    found = let_in(served, Arrivals(), none_ms=10)
    assert len(found) >= len(served) - 1


def test_what_is_told_at_once_is_let_in_at_once() -> None:
    arrivals = Arrivals()
    assert all(arrivals.let_in(at, at, WINDOW, clicked=True) for at in range(100))


def test_after_the_first_windows_all_is_let_in_and_nothing_is_counted() -> None:
    arrivals = Arrivals()
    arrivals.let_in(0, 10, WINDOW, clicked=True)
    assert arrivals.counts
    late = WINDOWS * WINDOW
    assert all(arrivals.let_in(late, late + number, WINDOW, clicked=True) for number in range(100))
    assert not arrivals.counts


def test_counts_are_bounded_by_the_windows() -> None:
    arrivals = Arrivals()
    let_in(list(range(0, 10 * WINDOW, 7)), arrivals)
    assert len(arrivals.counts) <= WINDOWS * STEPS + 1


def test_stored_it_goes_on_as_the_living_one() -> None:
    served = [*range(0, 3 * WINDOW, 3)]
    living = Arrivals()
    ends = sorted((at + (10 if number % RATE == 0 else WINDOW), at, number) for number, at in enumerate(served))
    stored = Arrivals()
    for ended, at, number in ends:
        clicked = number % RATE == 0
        stored = decode(Kept, encode(Kept(stored))).arrivals
        assert stored.let_in(at, ended, WINDOW, clicked=clicked) == living.let_in(at, ended, WINDOW, clicked=clicked)
    assert encode(Kept(stored)) == encode(Kept(living))


def example(number: int, at_ms: int, ended_ms: int, *, clicked: bool) -> Example:
    return Example(
        workspace=WorkspaceId("shop"),
        user=UserId(f"u{number}"),
        send_id=SendId(f"s{number}"),
        template=TemplateName("news"),
        at_ms=at_ms,
        ended_ms=ended_ms,
        slots=(SlotName("hero"),),
        variants=(VariantId("jazz"),),
        affinities=(0.0,),
        vector=b"",
        propensity=0.5,
        kind=RewardKind.CLICK if clicked else RewardKind.NONE,
        reward=float(clicked),
        tags=((Tag("jazz"),),),
        assessed=struct.pack(f"<{len(ASSESSED)}f", -3.0, 0.0, 0.0, 0.0, -3.0, 1.0, 0.0, 0.0),
    )


def test_the_population_does_not_believe_that_everybody_clicks_because_clicks_came_first() -> None:
    settings = WorkspaceSettings(Locale("en"), "UTC", learning=LearningSettings(attribution_ms=WINDOW))
    population = Population.of(PopulationCell())
    served = range(0, 3 * WINDOW, 10)
    ends = sorted((at + (10 if number % RATE == 0 else WINDOW), at, number) for number, at in enumerate(served))
    for ended, at, number in ends:
        if ended <= WINDOW * 3 // 2:
            population.learn(example(number, at, ended, clicked=number % RATE == 0), settings)
    learnt = unpack(population.snapshot(WorkspaceId("shop")).slots["news/hero"].learnt)
    chance = 1 / (1 + math.exp(-(CLICK_LOGIT + learnt.main(BIAS) + learnt.main(RECENT))))
    # Of all examples until then 0.43 are clicks.
    assert chance == pytest.approx(1 / RATE, abs=0.07)


def test_what_was_stored_before_arrivals_were_told_has_long_begun() -> None:
    population = Population.of(PopulationCell(number=300))
    settings = WorkspaceSettings(Locale("en"), "UTC", learning=LearningSettings(attribution_ms=WINDOW))
    now = 1_760_000_000_000
    population.learn(example(0, now, now + 10, clicked=True), settings)
    assert population.snapshot(WorkspaceId("shop")).slots["news/hero"].examples == 1
