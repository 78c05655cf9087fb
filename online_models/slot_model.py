"""One River model for each user and slot: the user's own offsets on top of the population's logit.

A user's weights start at zero, where the prior alone speaks, and grow with what he does; shrinkage pulls them
back. What is stored are numbers and names, and a model read back from them goes on exactly as the one it was.
"""

import struct
from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec
from river import linear_model, optim
from river.utils import VectorDict

from schemas.codec import Cell, Upgrade
from schemas.errors import StateCorrupt
from schemas.ids import SlotName, TemplateName
from schemas.library import LearningSettings

FEATURES_MAX = 64
"""Weights that one model keeps; past it the smallest leave."""
SLOTS_MAX = 32
"""Models that one user keeps; past it those leave that have not learnt for longest."""
WEIGHT_MAX = 20.0
"""Log-odds that no honest weight reaches: past it the model has run away and starts again from the prior."""


class SlotWeights(msgspec.Struct, array_like=True, frozen=True):
    """What is stored of one model.

    names     of the features with a weight, in the order of the alphabet
    weights   float32, little-endian, one for each name: log-odds for one unit of the feature
    examples  learnt since the beginning or the last reset
    resets    how often the model ran away and was emptied
    """

    names: tuple[str, ...] = ()
    weights: bytes = b""
    examples: int = 0
    resets: int = 0

    def by_name(self) -> dict[str, float]:
        """Return the weights by feature.

        Raises:
            StateCorrupt: not one weight for each name.
        """
        if len(self.weights) != 4 * len(self.names):
            raise StateCorrupt(f"expected {len(self.names)} weights of 4 bytes, got {len(self.weights)} bytes")
        return dict(zip(self.names, struct.unpack(f"<{len(self.names)}f", self.weights), strict=True))


EMPTY = SlotWeights()


class _Offsets(linear_model.LogisticRegression):
    """River's logistic regression with stored weights, and an intercept that is set for each example.

    With a learning rate of 0 the intercept is what it is set to, so the loss's gradient is
    σ(weights · x + intercept) − y. River masks the weights by the example's features while it learns: L2
    shrinks only those.
    """

    def __init__(self, weights: dict[str, float], settings: LearningSettings) -> None:
        super().__init__(optimizer=optim.SGD(settings.rate), l2=settings.shrinkage, intercept_lr=0.0)
        self._weights = VectorDict(weights)


class SlotModel:
    """One user's model of one slot: what his own behaviour adds to the population's logit.

    >>> model = SlotModel.of(EMPTY, LearningSettings(rate=0.5, shrinkage=0.0))
    >>> model.offset({"affinity": 1.0})
    0.0
    >>> model.learn({"affinity": 1.0}, clicked=True, prior_logit=0.0)
    >>> model.offset({"affinity": 1.0}), model.experience
    (0.25, 1)
    """

    __slots__ = ("_examples", "_resets", "_settings", "_weights")

    def __init__(self, weights: dict[str, float], examples: int, resets: int, settings: LearningSettings) -> None:
        self._weights = weights
        self._examples = examples
        self._resets = resets
        self._settings = settings

    @classmethod
    def of(cls, stored: SlotWeights, settings: LearningSettings) -> Self:
        """Build the model from what was stored of it.

        Raises:
            StateCorrupt: not one weight for each name.
        """
        return cls(stored.by_name(), stored.examples, stored.resets, settings)

    def weights(self) -> SlotWeights:
        """Return what is to be stored: equal models give equal values."""
        values = struct.pack(f"<{len(self._weights)}f", *self._weights.values())
        return SlotWeights(tuple(self._weights), values, self._examples, self._resets)

    @property
    def experience(self) -> int:
        """Examples learnt since the beginning or the last reset."""
        return self._examples

    @property
    def resets(self) -> int:
        """How often the model ran away and was emptied."""
        return self._resets

    def offset(self, x: Mapping[str, float]) -> float:
        """Return weights · x in log-odds, to be added to the prior's logit; 0 for features never learnt."""
        weights = self._weights
        return sum([weights[name] * value for name, value in x.items() if name in weights], 0.0)

    def learn(self, x: Mapping[str, float], clicked: bool, prior_logit: float) -> None:
        """Learn from one example: one step against the gradient of the log loss, then shrinkage.

        x            features as they were when the message was shown
        prior_logit  the population's logit for it, to which the user's offset is added

        Weights are rounded to float32 each time, so that stored and living models are the same. One that is
        not finite or beyond `WEIGHT_MAX` empties the model: the prior speaks again.
        """
        weights = self._weights
        model = _Offsets(weights, self._settings)
        model.intercept = prior_logit
        model.learn_one(dict(x), clicked)
        self._examples += 1
        if not all(-WEIGHT_MAX <= weight <= WEIGHT_MAX for weight in weights.values()):
            self._weights, self._examples, self._resets = {}, 0, self._resets + 1
            return
        self._weights = _kept(weights)


class UserModels(Cell):
    """What one user taught by reactions. Keyed state.

    slots  the user's own model of each slot, by `template/slot`; the one that learnt last is last
    taste  packed items that the user liked or passed over (`online_models.collaborative`)
    """

    SCHEMA_VERSION: ClassVar[int] = 2
    # Version 1 had fewer fields; those that are missing have their defaults.
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {1: lambda body: msgspec.msgpack.decode(body, type=UserModels)}

    slots: dict[str, SlotWeights] = {}
    taste: bytes = b""

    def model_of(self, template: TemplateName, slot: SlotName, settings: LearningSettings) -> SlotModel:
        """Build the model of a slot; an untaught one where there is none.

        Raises:
            StateCorrupt: what is stored of it is not what `put` stores.
        """
        return SlotModel.of(self.slots.get(f"{template}/{slot}", EMPTY), settings)

    def put(self, template: TemplateName, slot: SlotName, model: SlotModel) -> None:
        """Keep a model after it has learnt; beyond `SLOTS_MAX` the one that learnt longest ago leaves."""
        key = f"{template}/{slot}"
        self.slots.pop(key, None)
        self.slots[key] = model.weights()
        while len(self.slots) > SLOTS_MAX:
            del self.slots[next(iter(self.slots))]


def _kept(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the `FEATURES_MAX` largest weights as float32, in the order of the alphabet."""
    names = sorted(weights)
    if len(names) > FEATURES_MAX:
        names = sorted(sorted(names, key=lambda name: -abs(weights[name]))[:FEATURES_MAX])
    form = struct.Struct(f"<{len(names)}f")
    return dict(zip(names, form.unpack(form.pack(*[weights[name] for name in names])), strict=True))
