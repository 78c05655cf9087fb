"""Random decisions over a library, each held to what candidates and draws promise; how long one choice takes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import process_time

from flink_jobs.worlds import World, make_world
from foresend.bench.figures import Run
from foresend.bench.people import SEED, START_MS
from foresend.bench.sizes import size
from foresend.bench.telling import Tell
from online_models.candidates import Chosen, marginals, select
from online_models.policies.policy import floor_of
from online_models.policies.shares import projected
from online_models.rules import Rules, allowed_by_rules
from schemas.draws import draw, uniform_of
from schemas.errors import PersonalizationError
from schemas.ids import SendId, SlotName, VariantId
from schemas.library import ContentRules, Template
from schemas.topics import DAY_MS
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load_marketing

Place = tuple[SlotName, VariantId]
BINS = 100
"""Of the test of draws: where a draw falls within all that is before it and its own probability is even."""
LARGE = (5, 20)
"""Slots, and variants of each, of the choice that `large_select_us` is of; K is 24."""
LARGE_K = 24
LARGE_TIMES = 500
AGAIN_EVERY = 10
SUM_TOLERANCE = 1e-9
TELL_EVERY = 100_000


class PromiseBroken(PersonalizationError):
    """A decision is not what candidates and draws promise."""


@dataclass(frozen=True)
class CandidatesSizes:
    """What is decided."""

    workspace: Path = size(SAMPLE, "the workspace whose templates are decided for")
    decisions: int = size(1_000_000, "random decisions: a template, a moment, scores, and one draw each")
    seed: int = size(SEED, "of the random decisions")


@dataclass
class Found:
    """What is wrong, by kind; and what the tests of the draws are made of.

    bins             draws by where they fell: even, if they are by the stated probabilities
    drawn, expected  how often the first, second … candidate was, and should be
    """

    forbidden_pairs: int = 0
    below_floor: int = 0
    wrong_sums: int = 0
    too_many: int = 0
    empty: int = 0
    retries_differ: int = 0
    bins: list[int] = field(default_factory=lambda: [0] * BINS)
    drawn: dict[int, int] = field(default_factory=dict)
    expected: dict[int, float] = field(default_factory=dict)

    @property
    def wrong(self) -> dict[str, int]:
        """How many decisions break each promise."""
        return {
            "forbidden_pairs": self.forbidden_pairs,
            "below_floor": self.below_floor,
            "wrong_sums": self.wrong_sums,
            "too_many": self.too_many,
            "empty": self.empty,
            "retries_differ": self.retries_differ,
        }

    def chi_square(self) -> float:
        """Of where draws fell, with `BINS` − 1 degrees of freedom, as a normal deviate (Wilson and Hilferty, 1931)."""
        return deviate(self.bins, [sum(self.bins) / BINS] * BINS)

    def order_chi_square(self) -> float:
        """The same of how often the first, second … candidate was drawn."""
        places = [place for place, expected in self.expected.items() if expected >= BINS]
        return deviate([self.drawn.get(place, 0) for place in places], [self.expected[place] for place in places])


def measure(sizes: CandidatesSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line: how many decisions broke a promise, the tests of the draws, and times.

    Raises:
        PromiseBroken: any decision did, or draws are not by the stated probabilities.
    """
    world = make_world(compile_release(load_marketing(sizes.workspace)), None)
    found, spent_us = decided(world, sizes.decisions, sizes.seed, tell)
    deviates = {"draws_deviate": found.chi_square(), "order_deviate": found.order_chi_square()}
    bad = [f"{name} {count}" for name, count in found.wrong.items() if count]
    # One in three million of fair draws is as far off.
    bad += [f"{name} {value:.1f}" for name, value in deviates.items() if value > 5]
    if bad:
        raise PromiseBroken(f"expected every decision to keep what is promised, got {', '.join(bad)}")
    yield [
        Run(
            {"decisions": sizes.decisions, "candidates": world.settings.policy.candidates, **found.wrong},
            {"select_us": spent_us, "large_select_us": large_select_us(sizes.seed), **deviates},
        )
    ]


def decided(world: World, decisions: int, seed: int, tell: Tell) -> tuple[Found, float]:
    """What so many random decisions break, and the mean time of a choice in microseconds."""
    chance, found, spent_s = Random(seed), Found(), 0.0
    moments = _moments(world)
    policy, settings = world.policy, world.settings.policy
    for number in range(decisions):
        template = chance.choice(world.templates)
        menu = world.menu(template.name, chance.choice(moments))
        spread = chance.choice((0.0, 0.2, 1.0, 5.0))
        scores = [[chance.gauss(0, spread) for _ in variants] for variants in menu.variants]
        stated = [policy.probabilities(one, [chance.random()] * len(one)) for one in scores]
        distributions = list(map(projected, stated, menu.shares))
        started = process_time()
        chosen = select(distributions, menu.rules, settings.candidates, settings.floor, number)
        spent_s += process_time() - started
        if number % AGAIN_EVERY == 0:
            again = select(distributions, menu.rules, settings.candidates, settings.floor, number)
            found.retries_differ += again != chosen
        _check(found, template, menu.variants, menu.rules, chosen, settings.candidates, settings.floor)
        if chosen:
            _draw(found, [one.probability for one in chosen], SendId(f"{seed}-{number}"))
        if number % TELL_EVERY == TELL_EVERY - 1:
            tell(f"{number + 1} decisions")
    return found, spent_s / decisions * 1e6


def _check(
    found: Found,
    template: Template,
    variants: Sequence[Sequence[VariantId]],
    rules: Rules,
    chosen: Sequence[Chosen],
    count: int,
    floor: float,
) -> None:
    """Hold one decision to its promises; rules by the names that the library has, not by the index of them."""
    names = [slot.name for slot in template.slots]
    found.empty += not chosen
    found.too_many += len(chosen) > count
    found.wrong_sums += abs(math.fsum(one.probability for one in chosen) - 1) > SUM_TOLERANCE
    shown = [{(name, of[v]) for name, of, v in zip(names, variants, one.choice, strict=True)} for one in chosen]
    found.forbidden_pairs += any(breaks(template.rules, one) for one in shown)
    least = floor_of(floor, max(map(len, variants)))
    live, sums = allowed_by_rules(rules), marginals(chosen, list(map(len, variants)))
    least = min(least, 1 / max(1, len(chosen)))
    found.below_floor += any(
        p < least - SUM_TOLERANCE if ok else p > 0
        for of_live, of_sums in zip(live, sums, strict=True)
        for ok, p in zip(of_live, of_sums, strict=True)
    )


def breaks(rules: ContentRules, shown: set[Place]) -> bool:
    """Whether what a message shows breaks a content rule."""
    if any(pair.first in shown and pair.second in shown for pair in rules.forbidden):
        return True
    return any(pair.first in shown and pair.second not in shown for pair in rules.required)


def _draw(found: Found, probabilities: Sequence[float], send_id: SendId) -> None:
    """Draw once, and once more for the same send; count where it fell."""
    index = draw(probabilities, send_id)
    found.retries_differ += draw(probabilities, send_id) != index
    # Where within its own share a draw fell is not told by the draw: a second, independent number says it.
    within = uniform_of(SendId(f"{send_id} within"))
    place = math.fsum(probabilities[:index]) + within * probabilities[index]
    found.bins[min(BINS - 1, int(place * BINS))] += 1
    found.drawn[index] = found.drawn.get(index, 0) + 1
    for place_of, probability in enumerate(probabilities):
        found.expected[place_of] = found.expected.get(place_of, 0.0) + probability


def deviate(counts: Sequence[int], expected: Sequence[float]) -> float:
    """Chi-square of counts against what was expected, as about a standard normal number; large: they do not match."""
    freedom = len(counts) - 1
    if freedom < 1:
        return 0.0
    total = math.fsum((count - one) ** 2 / one for count, one in zip(counts, expected, strict=True))
    part = 2 / (9 * freedom)
    return float(((total / freedom) ** (1 / 3) - (1 - part)) / math.sqrt(part))


def large_select_us(seed: int, times: int = LARGE_TIMES) -> float:
    """Mean time to choose among `LARGE` slots and variants, without rules between them."""
    chance = Random(seed)
    slots = [
        (SlotName(f"s{slot}"), [VariantId(f"v{variant}") for variant in range(LARGE[1])]) for slot in range(LARGE[0])
    ]
    rules = Rules.of(ContentRules(), slots)
    wanted = []
    for _ in range(times):
        weights = [[math.exp(chance.gauss(0, 1)) for _ in variants] for _, variants in slots]
        wanted.append([[weight / sum(of) for weight in of] for of in weights])
    started = process_time()
    for number, distributions in enumerate(wanted):
        select(distributions, rules, LARGE_K, 0.01, number)
    return (process_time() - started) / times * 1e6


def _moments(world: World) -> list[int]:
    """Moments before, between and after all dates of the library."""
    variants = [v for template in world.templates for slot in template.slots for v in slot.variants]
    dates = {date for v in variants for date in (v.valid_from_ms, v.valid_until_ms) if date}
    return [START_MS, *(moment for date in sorted(dates) for moment in (date - 1, date, date + DAY_MS))]
