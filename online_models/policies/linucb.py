"""LinUCB: the variant that may be best, by as much optimism as is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass

from online_models.policies.policy import (
    above_floor,
    best_of,
    check_lengths,
    finite_deviations,
    finite_scores,
)


@dataclass(frozen=True, slots=True)
class LinUcb:
    """All to the highest score + optimism · uncertainty, shared between equals, mixed with a floor.

    optimism  standard deviations, 0 or more: `alpha` of the source
    floor     least probability of each variant, 0 to `FLOOR_MASS_MAX`

    Source: Li, Chu, Langford, Schapire, "A contextual-bandit approach to personalized news article recommendation",
    2010, algorithm 1; here the score is in log-odds, and its deviation is the model's.

    >>> LinUcb(optimism=1.0, floor=0.05).probabilities((0.0, 0.3, 0.2), (0.5, 0.1, 0.1))
    (0.9, 0.05, 0.05)
    """

    optimism: float
    floor: float

    def probabilities(self, scores: Sequence[float], uncertainties: Sequence[float]) -> tuple[float, ...]:
        """Return the probabilities."""
        check_lengths(scores, uncertainties)
        if not scores:
            return ()
        finite, deviations = finite_scores(scores), finite_deviations(uncertainties)
        # Behind the best, so that only differences count; what passes the range of floats still compares.
        best = max(finite)
        hopes = [score - best + self.optimism * one for score, one in zip(finite, deviations, strict=True)]
        return above_floor(best_of(finite_scores(hopes)), self.floor)
