"""What a policy would have earned with a challenger's scores, and with the champion's: off-policy, on logged exposures.

Only what was shown was rewarded; the logged propensity says how likely that was. Each row counts by the probability
that a policy would have shown the same, over that propensity, divided by the sum of these (self-normalised). So what
the logged candidates do not reach drops out of both policies alike. Both are valued on the same rows, and the interval
of their difference counts persons: what one person did is no independent evidence.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.estimators.estimate import Z_95, Estimate, FloatArray
from online_models.estimators.off_policy import self_normalised

ROWS_MIN = 100
PERSONS_MIN = 20
ESS_MIN = 50.0
"""Exposures that a policy's weights must be worth: with fewer the interval is not to be believed."""


class Logged(NamedTuple):
    """Exposures in columns of shape (n,).

    persons      numbers that tell persons apart
    challenger, champion  the probability with which each policy would have shown what was shown
    """

    persons: NDArray[np.int64]
    rewards: FloatArray
    propensities: FloatArray
    challenger: FloatArray
    champion: FloatArray


class PolicyValue(NamedTuple):
    """What is told of two policies; NaN where nothing is.

    earned      mean reward of what was logged
    difference  of challenger and champion, with lo and hi of its 95 % interval
    ess         effective sample size, the smaller of both
    reached     mean weight of the challenger's rows: 1 where the logged candidates reach all that it would show
    silent      why nothing is told; empty: something is
    """

    rows: int
    earned: float
    challenger: float
    champion: float
    difference: float
    lo: float
    hi: float
    ess: float
    reached: float
    silent: str

    @property
    def is_worse(self) -> bool:
        """Whether the challenger would surely have earned less."""
        return not self.silent and self.hi < 0.0


def nothing_told(why: str, rows: int = 0) -> PolicyValue:
    """Where nothing could be computed."""
    nan = float("nan")
    return PolicyValue(rows, nan, nan, nan, nan, nan, nan, 0.0, nan, why)


def policy_value(logged: Logged) -> PolicyValue:
    """Value both policies on these rows.

    Raises:
        ValueError: a propensity is not in (0, 1], or a probability not from 0 to 1.
    """
    rows = len(logged.rewards)
    if rows < ROWS_MIN:
        return nothing_told(f"expected at least {ROWS_MIN} exposures with all that a score needs, got {rows}", rows)
    persons = len(np.unique(logged.persons))
    if persons < PERSONS_MIN:
        return nothing_told(f"expected exposures of at least {PERSONS_MIN} persons, got {persons}", rows)
    mine = self_normalised(logged.rewards, logged.propensities, logged.challenger)
    theirs = self_normalised(logged.rewards, logged.propensities, logged.champion)
    apart = mine.minus(theirs)
    reach = Z_95 * _error(apart, logged.persons)
    silent = ""
    if apart.ess < ESS_MIN:
        silent = f"expected weights worth at least {ESS_MIN:.0f} exposures, got {apart.ess:.1f}"
    return PolicyValue(
        rows,
        float(logged.rewards.mean()),
        mine.mean,
        theirs.mean,
        apart.mean,
        apart.mean - reach,
        apart.mean + reach,
        apart.ess,
        float(np.mean(logged.challenger / logged.propensities)),
        silent,
    )


def _error(estimate: Estimate, persons: NDArray[np.int64]) -> float:
    """Standard error where rows of one person may depend on each other in any way.

    Source: Liang and Zeger, "Longitudinal data analysis using generalized linear models", 1986: the sum of squares of
    what each person's rows move the estimate by together.
    """
    _, places = np.unique(persons, return_inverse=True)
    moved = np.bincount(places, estimate.influence)
    count = len(moved)
    return float(np.sqrt(moved @ moved * count / (count - 1)) / len(persons))
