"""Softmax: the better, the likelier, whatever is known of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from online_models.policies.policy import above_floor, best_of, check_lengths, finite_scores


@dataclass(frozen=True, slots=True)
class Softmax:
    """Probabilities proportional to exp(score / temperature), mixed with a floor.

    temperature  in log-odds, 0 or more; 0 gives all to the best score, shared between equals
    floor        least probability of each variant, 0 to `FLOOR_MASS_MAX`

    >>> Softmax(temperature=1.0, floor=0.0).probabilities((0.0, math.log(3)), (0.0, 0.0))
    (0.25, 0.75)
    >>> Softmax(temperature=0.0, floor=0.05).probabilities((0.1, 0.3, 0.2), (0.0, 0.0, 0.0))
    (0.05, 0.9, 0.05)
    """

    temperature: float
    floor: float

    def probabilities(self, scores: Sequence[float], uncertainties: Sequence[float]) -> tuple[float, ...]:
        """Return the probabilities; the uncertainties are not used."""
        check_lengths(scores, uncertainties)
        if not scores:
            return ()
        finite = finite_scores(scores)
        if self.temperature == 0:
            return above_floor(best_of(finite), self.floor)
        best = max(finite)
        return above_floor([math.exp((score - best) / self.temperature) for score in finite], self.floor)
