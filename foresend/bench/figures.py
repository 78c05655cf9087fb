"""Figures of a bench: what was given, what was measured, and what is told of several runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import median

Figure = int | float | str | bool | None
DIGITS = 4
"""Digits of a measured figure that are told: no run of a bench repeats more of them."""


@dataclass(frozen=True)
class Run:
    """What one run found.

    given     sizes, and what follows from them alone: the same in every run
    measured  times, rates and ratios, which differ from run to run
    """

    given: Mapping[str, Figure] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)


def merged(runs: Sequence[Run]) -> dict[str, Figure]:
    """One line for several runs: the median of what was measured, its least and its most beside it.

    >>> merged([Run({"users": 10}, {"p50_ms": 2.0}), Run({"users": 10}, {"p50_ms": 4.0})])
    {'users': 10, 'p50_ms': 3.0, 'p50_ms_min': 2.0, 'p50_ms_max': 4.0}
    """
    line: dict[str, Figure] = dict(runs[0].given)
    for name in runs[0].measured:
        found = [run.measured[name] for run in runs]
        line |= {
            name: rounded(median(found)),
            f"{name}_min": rounded(min(found)),
            f"{name}_max": rounded(max(found)),
        }
    return line


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least of the values that at least this share of them does not exceed (nearest rank).

    ordered  at least one value, in rising order

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5), percentile([1.0, 2.0, 3.0, 4.0], 0.99)
    (2.0, 4.0)
    """
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def rounded(figure: float) -> float:
    """The figure with as many digits as are worth telling; a count stays one.

    >>> rounded(12345.678), rounded(0.0123456), rounded(3)
    (12346, 0.01235, 3)
    """
    if isinstance(figure, int) or abs(figure) >= 10**DIGITS:
        return round(figure)
    return float(f"{figure:.{DIGITS}g}")
