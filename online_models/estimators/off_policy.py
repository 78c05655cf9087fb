"""Three ways to value a policy on logged exposures: by propensities, normalised, and with a model of outcomes.

In all of them: rewards of shape (n,), any finite number; propensities of shape (n,), logged at the draw, in (0, 1];
target of shape (n,), the probability that the valued policy gives the same choice.
"""

import numpy as np

from online_models.estimators.estimate import Estimate, FloatArray


def inverse_propensity(rewards: FloatArray, propensities: FloatArray, target: FloatArray) -> Estimate:
    """Value the target policy would have had on logged exposures.

    Unbiased where every choice that the target makes had a positive propensity; variance grows with
    1 / min(propensities). Source: Horvitz and Thompson, "A generalization of sampling without replacement", 1952.

    Raises:
        ValueError: no rows, not one number for each of them, or one out of its range.

    >>> from numpy import array
    >>> inverse_propensity(array([1.0, 0.0]), array([0.5, 0.5]), array([1.0, 0.0])).mean
    1.0
    """
    weights = _weights(rewards, propensities, target)
    return _mean_of(weights * rewards, weights)


def self_normalised(rewards: FloatArray, propensities: FloatArray, target: FloatArray) -> Estimate:
    """The same, divided by the mean weight: slightly biased, and never outside the range of the rewards.

    Its influence is that of a ratio (delta method). Rows that the target would never have chosen tell nothing; where
    all are such the value is 0. Source: Swaminathan and Joachims, "The self-normalized estimator", 2015, equation 8.

    Raises:
        ValueError: no rows, not one number for each of them, or one out of its range.

    >>> from numpy import array
    >>> self_normalised(array([1.0, 0.0, 4.0]), array([0.5, 0.25, 0.5]), array([1.0, 1.0, 0.0])).mean
    0.3333333333333333
    """
    weights = _weights(rewards, propensities, target)
    total = float(weights.sum())
    if total == 0.0:
        return Estimate(0.0, np.zeros_like(weights), 0.0)
    mean = float(weights @ rewards) / total
    return Estimate(mean, weights * (rewards - mean) / (total / len(weights)), _effective(weights))


def doubly_robust(
    rewards: FloatArray,
    propensities: FloatArray,
    target: FloatArray,
    expected: FloatArray,
    expected_by_target: FloatArray,
) -> Estimate:
    """What a model expects of the target's choices, corrected by what it was wrong about on the logged ones.

    expected            shape (n,)   what the model expects of the logged choice
    expected_by_target  shape (n,)   what it expects of the target's choices, Σ probability × expectation

    Right where either the propensities or the model are; a good model makes it narrower than propensities alone. The
    model must not have learnt from the row itself. Source: Dudík, Langford, Li, "Doubly robust policy evaluation and
    learning", 2011, equation 2.

    Raises:
        ValueError: no rows, not one number for each of them, or one out of its range.

    >>> from numpy import array
    >>> half = array([0.5, 0.5])
    >>> doubly_robust(array([1.0, 0.0]), half, array([1.0, 0.0]), half, half).mean
    1.0
    """
    weights = _weights(rewards, propensities, target)
    if not len(expected) == len(expected_by_target) == len(rewards):
        raise ValueError(f"expected {len(rewards)} expectations, got {len(expected)} and {len(expected_by_target)}")
    return _mean_of(expected_by_target + weights * (rewards - expected), weights)


def _weights(rewards: FloatArray, propensities: FloatArray, target: FloatArray) -> FloatArray:
    if not len(rewards) == len(propensities) == len(target) > 0:
        raise ValueError(
            f"expected as many rewards, propensities and target probabilities, one or more; "
            f"got {len(rewards)}, {len(propensities)}, {len(target)}"
        )
    # Written so that NaN is out of range too.
    if not (np.all(propensities > 0) and np.all(propensities <= 1)):
        raise ValueError("expected propensities above 0 and up to 1, got others")
    if not (np.all(target >= 0) and np.all(target <= 1 + 1e-9)):
        raise ValueError("expected target probabilities from 0 to 1, got others")
    if not np.all(np.isfinite(rewards)):
        raise ValueError("expected finite rewards, got others")
    return target / propensities


def _mean_of(values: FloatArray, weights: FloatArray) -> Estimate:
    mean = float(values.mean())
    return Estimate(mean, values - mean, _effective(weights))


def _effective(weights: FloatArray) -> float:
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares else 0.0
