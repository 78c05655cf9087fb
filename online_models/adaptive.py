"""River's logistic regression with a rate for each weight: how uncertain it still is."""

from collections.abc import Mapping
from typing import Any

from river import linear_model, optim
from river.utils import VectorDict

from online_models.calibration import probability


class AdaptiveRates(optim.base.Optimizer):
    """Steps by each weight's own variance: a weight that was seen often, or that others explain, moves less.

    The weights are Gaussians that know nothing of each other, updated by one Newton step of the log loss: with the
    features x of an example, the curvature c = p (1 − p) and s = Σ variance · x², a weight moves by
    −variance · gradient / (1 + c s), and its variance falls by (variance · x)² c / (1 + c s). Source: online Laplace
    approximation with a diagonal covariance (Spiegelhalter & Lauritzen 1990).

    variances  of each weight, by feature; changed in place
    """

    def __init__(self, variances: dict[int, float]) -> None:
        super().__init__(1.0)
        self._variances = variances
        self._features: Mapping[int, float] = {}
        self._curvature = 0.0

    def expect(self, features: Mapping[int, float], chance: float) -> None:
        """Take note of the example whose gradient comes next, and of its probability before it is learnt."""
        self._features, self._curvature = features, chance * (1.0 - chance)

    def _step_with_dict(self, w: Any, g: Any) -> Any:
        variances, curvature = self._variances, self._curvature
        spread = sum([variances[name] * value * value for name, value in self._features.items()], 0.0)
        scale = 1.0 / (1.0 + curvature * spread)
        for name, value in self._features.items():
            variance = variances[name]
            gain = variance * value
            w[name] -= variance * scale * g[name]
            variances[name] = variance - gain * gain * curvature * scale
        return w


class AdaptiveLogit(linear_model.LogisticRegression):
    """River's logistic regression on a fixed intercept, with `AdaptiveRates`; a target may lie between 0 and 1.

    With a learning rate of 0 the intercept is what it is set to, so the loss's gradient is
    σ(weights · x + intercept) − target.
    """

    def __init__(self, weights: dict[int, float], variances: dict[int, float], intercept: float) -> None:
        super().__init__(optimizer=AdaptiveRates(variances), intercept_init=intercept, intercept_lr=0.0)
        self._weights = VectorDict(weights)

    def _eval_gradient_one(self, x: dict[int, float], y: float, w: float) -> tuple[Any, float]:
        chance = probability(self._raw_dot_one(x))
        self.optimizer.expect(x, chance)
        slope = (chance - y) * w
        return VectorDict({name: slope * value for name, value in x.items()}), slope
