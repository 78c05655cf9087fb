"""Policies: the rule that turns scores into probabilities. The draw itself is made where a candidate is served."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.errors import ConfigError
from schemas.library import PolicySettings

FLOOR_MASS_MAX = 0.2
"""All floors of a slot together: no more of the draw than this is given away for the sake of learning."""
_HUGE = sys.float_info.max


class Policy(Protocol):
    """Turns one slot's scores into the probabilities of its variants."""

    def probabilities(self, scores: Sequence[float], uncertainties: Sequence[float]) -> tuple[float, ...]:
        """Return n probabilities that sum to 1 ± 1e-9, each at least `floor_of(floor, n)`.

        scores         n log-odds; any float: an infinite one counts as the largest of its sign,
                       NaN as the lowest finite score given
        uncertainties  n standard deviations of the scores; a policy may ignore them

        No variants give no probabilities.

        Raises:
            ValueError: not as many uncertainties as scores.
        """
        ...


def floor_of(floor: float, variants: int) -> float:
    """Return the least probability that each of so many variants has: `floor`, less where many share it.

    >>> floor_of(0.01, 5), floor_of(0.01, 40)
    (0.01, 0.005)
    """
    return min(floor, FLOOR_MASS_MAX / variants)


@dataclass(frozen=True, slots=True)
class Softmax:
    """Probabilities proportional to exp(score / temperature), mixed with a floor.

    temperature  in log-odds, 0 or more; 0 gives all to the best score, to the first of equals
    floor        least probability of each variant, 0 to `FLOOR_MASS_MAX`

    With floor f over n variants the probabilities are f + (1 − n f) softmax(scores / temperature).

    >>> Softmax(temperature=1.0, floor=0.0).probabilities((0.0, math.log(3)), (0.0, 0.0))
    (0.25, 0.75)
    >>> Softmax(temperature=0.0, floor=0.05).probabilities((0.1, 0.3, 0.3), (0.0, 0.0, 0.0))
    (0.05, 0.9, 0.05)
    """

    temperature: float
    floor: float

    def probabilities(self, scores: Sequence[float], uncertainties: Sequence[float]) -> tuple[float, ...]:
        """Return the probabilities; the uncertainties are not used."""
        if len(uncertainties) != len(scores):
            raise ValueError(f"expected {len(scores)} uncertainties, got {len(uncertainties)}")
        if not scores:
            return ()
        finite = _finite(scores)
        best = max(finite)
        if self.temperature == 0:
            first = finite.index(best)
            parts = [float(i == first) for i in range(len(finite))]
        else:
            parts = [math.exp((score - best) / self.temperature) for score in finite]
        floor = floor_of(self.floor, len(finite))
        share = (1 - len(finite) * floor) / sum(parts)
        return tuple([floor + share * part for part in parts])


def _finite(scores: Sequence[float]) -> Sequence[float]:
    """Return scores that can be compared and subtracted: clamped, and NaN as the lowest finite one."""
    if all(map(math.isfinite, scores)):
        return scores
    lowest = min(filter(math.isfinite, scores), default=0.0)
    return [lowest if math.isnan(score) else min(max(score, -_HUGE), _HUGE) for score in scores]


POLICIES: Mapping[str, Callable[[PolicySettings], Policy]] = {
    "softmax": lambda settings: Softmax(temperature=settings.temperature, floor=settings.floor),
}
"""Every kind of policy by its name in `foresend.yaml`; a new one adds a row here and in the contract suite."""


def policy_of(settings: PolicySettings) -> Policy:
    """Build the policy that the settings name.

    Raises:
        ConfigError: an unknown kind, or numbers out of their range; all problems are listed.
    """
    problems = policy_problems(settings)
    if problems:
        raise ConfigError(problems)
    return POLICIES[settings.kind](settings)


def policy_problems(settings: PolicySettings) -> list[str]:
    """List in words what is wrong with the settings of a policy; empty where nothing is."""
    problems = []
    if settings.kind not in POLICIES:
        known = ", ".join(sorted(POLICIES))
        problems.append(f"policy kind: expected one of {known}, got {settings.kind!r}")
    if not 0 <= settings.temperature < math.inf:
        problems.append(f"policy temperature: expected 0 or more, got {settings.temperature}")
    if not 0 <= settings.floor <= FLOOR_MASS_MAX:
        problems.append(f"policy floor: expected 0 to {FLOOR_MASS_MAX}, got {settings.floor}")
    if settings.candidates < 1:
        problems.append(f"policy candidates: expected 1 or more, got {settings.candidates}")
    return problems
