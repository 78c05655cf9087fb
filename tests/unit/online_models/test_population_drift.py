"""Drift of a slot: what people's own models explain is none."""

import struct

from online_models.population import Population, PopulationCell
from schemas.decisions import ASSESSED
from schemas.examples import Example, RewardKind
from schemas.ids import Locale, SendId, SlotName, TemplateName, UserId, VariantId, WorkspaceId
from schemas.library import WorkspaceSettings

SETTINGS = WorkspaceSettings(Locale("en"), "UTC")
BURST, PEOPLE = 80, 20
EXPERIENCE = 200.0
SURE = 2.2
"""Log-odds of nine in ten."""


def example(number: int, *, clicked: bool, content: float) -> Example:
    row = (0.0, content, 0.0, 0.0, content, 1.0, EXPERIENCE, 0.0)
    return Example(
        workspace=WorkspaceId("shop"),
        user=UserId(f"u{number // BURST}"),
        send_id=SendId(f"s{number}"),
        template=TemplateName("news"),
        at_ms=number,
        ended_ms=number,
        slots=(SlotName("hero"),),
        variants=(VariantId(f"film-{number}"),),
        affinities=(0.0,),
        vector=b"",
        propensity=0.5,
        kind=RewardKind.CLICK if clicked else RewardKind.NONE,
        reward=float(clicked),
        tags=((),),
        assessed=struct.pack(f"<{len(ASSESSED)}f", *row),
    )


def drifts(examples: list[Example]) -> int:
    population = Population.of(PopulationCell())
    for one in examples:
        population.learn(one, SETTINGS)
    return population.snapshot(WorkspaceId("shop")).slots["news/hero"].drifts


def bursts(content: float) -> list[Example]:
    """People come one after the other, each with many reactions: who likes nine in ten, then who likes one."""
    found = []
    for number in range(BURST * PEOPLE):
        likes = number // BURST % 2 == 0
        clicked = (number % 10 != 0) is likes
        found.append(example(number, clicked=clicked, content=content if likes else -content))
    return found


def test_bursts_of_people_whose_own_models_foresaw_them_are_no_drift() -> None:
    # given people of long experience whose reactions differ, and their own models say so
    foreseen = bursts(SURE)

    # when the population learns of them one after the other
    found = drifts(foreseen)

    # then nothing drifted but, at the most, the first level, which nobody could know
    assert found <= 1


def test_the_same_bursts_that_nobody_foresaw_are_drift() -> None:
    # given the same reactions, with own models that say nothing
    # when the population learns of them
    # then each of them looks like another world
    assert drifts(bursts(0.0)) > 3
