"""What the thresholds of the shift save and cost: renders, and clicks of simulated people.

The demo's people live through the same days under each setting. What they would do of themselves is the same; what
they are sent differs. Clicks are counted by their chances, which the simulator knows, so that little is left to luck.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from msgspec.structs import replace

from foresend.bench.figures import Run
from foresend.bench.sizes import size
from foresend.bench.telling import Tell
from foresend.simulation.closed_loop import ClosedLoop
from schemas.library import Release, ShiftSettings
from schemas.topics import COMMUNICATIONS
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load_marketing

SEEDS_FROM = 1
SCALES = (0.0, 0.125, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
"""All thresholds together, as multiples of the default ones; at 0 whatever moves is rendered."""
PREFERENCES = (0.0, 0.1, 0.5)
"""Tried beside the default one, with the other thresholds at their defaults."""


@dataclass(frozen=True)
class ShiftSizes:
    """How many people live, and how long. A day of theirs lasts four seconds."""

    people: int = size(400, "simulated people")
    seconds: int = size(240, "seconds that their life lasts, in their own time")
    runs: int = size(3, "medians are told of so many runs, each with people of its own")


@dataclass(frozen=True)
class _Lived:
    """What a life under one setting came to: renders, and mean chances of a click."""

    sends: int
    renders: int
    personal: float
    best_fixed: float


def measure(sizes: ShiftSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line for each setting, beside the one under which everything that moves is rendered."""
    release = compile_release(load_marketing(SAMPLE))
    seeds = range(SEEDS_FROM, SEEDS_FROM + sizes.runs)
    every = [_lived(release, ShiftSettings(0.0, 0.0, 0.0), sizes, seed) for seed in seeds]
    for shift in settings():
        tell(f"divergence {shift.divergence:g}, lead {shift.lead:g}, preference {shift.preference:g} ...")
        yield [
            _run(shift, sizes, _lived(release, shift, sizes, seed), all_rendered)
            for seed, all_rendered in zip(seeds, every, strict=True)
        ]


def settings() -> Iterator[ShiftSettings]:
    """The settings that are tried: all thresholds scaled together, then that of the preference alone."""
    usual = ShiftSettings()
    scaled = (
        ShiftSettings(*[round(min(1.0, scale * one), 6) for one in (usual.divergence, usual.lead, usual.preference)])
        for scale in SCALES
    )
    return chain(scaled, (replace(usual, preference=preference) for preference in PREFERENCES))


def _lived(release: Release, shift: ShiftSettings, sizes: ShiftSizes, seed: int) -> _Lived:
    moved = replace(release, settings=replace(release.settings, shift=shift))
    loop = ClosedLoop(moved, people=sizes.people, seed=seed)
    figures = loop.run(sizes.seconds)
    personal, _, best_fixed, _ = loop.simulation.scoreboard.mean_chances()
    return _Lived(figures.sends, loop.oracle.writes[COMMUNICATIONS.name], personal, best_fixed)


def _run(shift: ShiftSettings, sizes: ShiftSizes, lived: _Lived, every: _Lived) -> Run:
    """The figures of a life beside the one in which everything was rendered.

    gain_kept  of what personal messages gain over the best one for everybody when all is rendered, the part kept
    """
    gain = every.personal - every.best_fixed
    return Run(
        {
            "divergence": shift.divergence,
            "lead": shift.lead,
            "preference": shift.preference,
            "people": sizes.people,
        },
        {
            "sends": lived.sends,
            "renders": lived.renders,
            "renders_saved": 1 - lived.renders / every.renders if every.renders else 0.0,
            "clicks_lost": 1 - lived.personal / every.personal if every.personal else 0.0,
            "gain_kept": (lived.personal - lived.best_fixed) / gain if gain > 0 else 0.0,
        },
    )
