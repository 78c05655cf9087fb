"""Epsilon-greedy: the best, but for a fixed share that goes to all alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from online_models.policies.policy import above_floor, best_of, check_lengths, finite_scores


@dataclass(frozen=True, slots=True)
class EpsilonGreedy:
    """The best score with probability 1 − epsilon, any variant with epsilon, mixed with a floor.

    epsilon  0 to 1; equals share what the best gets
    floor    least probability of each variant, 0 to `FLOOR_MASS_MAX`

    >>> EpsilonGreedy(epsilon=0.2, floor=0.0).probabilities((0.1, 0.3), (0.0, 0.0))
    (0.1, 0.9)
    """

    epsilon: float
    floor: float

    def probabilities(self, scores: Sequence[float], uncertainties: Sequence[float]) -> tuple[float, ...]:
        """Return the probabilities; the uncertainties are not used."""
        check_lengths(scores, uncertainties)
        if not scores:
            return ()
        any_one = self.epsilon / len(scores)
        parts = [any_one + (1 - self.epsilon) * part for part in best_of(finite_scores(scores))]
        return above_floor(parts, self.floor)
