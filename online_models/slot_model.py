"""One River model for each user and slot: the user's own offsets on top of the population's logit.

A user's weights start at zero, where the prior alone speaks, and grow with what he does; each has a variance, which
says how fast it still learns, and which slowly comes back: tastes change. What is stored are numbers, and a model read
back from them goes on exactly as the one it was.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Self
from zlib import crc32

import msgspec

from online_models.adaptive import AdaptiveLogit
from schemas.codec import Cell, Upgrade
from schemas.errors import StateCorrupt
from schemas.ids import SlotName, TemplateName
from schemas.library import LearningSettings

FEATURES_MAX = 48
"""Weights that one model keeps; past it those leave that were learnt least."""
SLOTS_MAX = 32
"""Models that one user keeps; past it those leave that have not learnt for longest."""
WEIGHT_MAX = 20.0
"""Log-odds that no honest weight reaches: past it the model has run away and starts again from the prior."""
OWN = crc32(b"own")
"""The feature of every example: how this person answers, whatever is shown."""
RECENT = crc32(b"recent")
"""The feature of every example that is soon forgotten: how this person answers in these days, or in this sitting."""
OWN_DOUBT = 0.02
"""Part of the way back to its first variance that `OWN` goes with each example; measured on MovieLens, as the next."""
RECENT_KEPT = 0.8
"""Part of `RECENT` that is left after each example."""
RECENT_SHARE = 0.4
"""Its variance, as a part of the other weights'."""


class SlotWeights(msgspec.Struct, array_like=True, frozen=True):
    """What is stored of one model.

    names     of features, in older versions; empty now
    weights   float32, one for each name, in older versions; empty now
    examples  learnt since the beginning or the last reset
    resets    how often the model ran away and was emptied
    packed    little-endian: the hashes (uint32) of n features, ascending, their n weights (float32, log-odds for one
              unit of the feature), and the n variances of these (float16)
    """

    names: tuple[str, ...] = ()
    weights: bytes = b""
    examples: int = 0
    resets: int = 0
    packed: bytes = b""


EMPTY = SlotWeights()
_BYTES = 10
"""Of one packed feature."""


class SlotModel:
    """One user's model of one slot: what his own behaviour adds to the population's logit.

    Features are known by their hashes. `LearningSettings.rate` is the variance that a weight begins with, and
    `shrinkage` the part of the way back to it that a weight's variance goes with each example of its feature.

    >>> model = SlotModel.of(EMPTY, LearningSettings(rate=0.5, shrinkage=0.0))
    >>> model.offset({7: 1.0}.items())
    0.0
    >>> model.learn({7: 1.0}, target=1.0, base=0.0)
    >>> round(model.offset({7: 1.0}.items()), 3), round(model.offset(()), 3), model.experience
    (0.446, 0.254, 1)
    """

    __slots__ = ("_examples", "_learnt", "_resets", "_settings", "_variances", "_weights")

    def __init__(
        self,
        weights: dict[int, float],
        variances: dict[int, float],
        examples: int,
        resets: int,
        settings: LearningSettings,
    ) -> None:
        self._weights = weights
        self._variances = variances
        self._examples = examples
        self._resets = resets
        self._settings = settings
        self._learnt = b""

    @classmethod
    def of(cls, stored: SlotWeights, settings: LearningSettings) -> Self:
        """Build the model from what was stored of it.

        Raises:
            StateCorrupt: not one weight for each name, or bytes of no whole number of features.
        """
        weights, variances = _unpacked(stored.packed) if stored.packed else (_named(stored), {})
        return cls(weights, variances, stored.examples, stored.resets, settings)

    def stored(self) -> SlotWeights:
        """Return what is to be stored: equal models give equal values."""
        packed = self._learnt or _packed(self._weights, self._variances, self._settings.rate)
        return SlotWeights(examples=self._examples, resets=self._resets, packed=packed)

    @property
    def experience(self) -> int:
        """Examples learnt since the beginning or the last reset."""
        return self._examples

    @property
    def resets(self) -> int:
        """How often the model ran away and was emptied."""
        return self._resets

    def weight(self, feature: int) -> float:
        """The weight of a feature; 0 where it was never learnt."""
        return self._weights.get(feature, 0.0)

    def offset(self, x: Iterable[tuple[int, float]]) -> float:
        """Return the log-odds to be added to the prior's logit: what holds for all variants, and weights · x."""
        weights = self._weights
        shared = weights.get(OWN, 0.0) + weights.get(RECENT, 0.0)
        return sum([weights[name] * value for name, value in x if name in weights], shared)

    def variance(self, x: Iterable[tuple[int, float]]) -> float:
        """Return the variance of weights · x: without what holds for all variants, for it makes none the better."""
        variances, fresh = self._variances, self._settings.rate
        return sum([variances.get(name, fresh) * value * value for name, value in x], 0.0)

    @property
    def fresh(self) -> float:
        """The variance of a weight that was never learnt."""
        return self._settings.rate

    def known(self) -> Iterator[tuple[int, float, float]]:
        """Each feature that was learnt, its weight, and its variance."""
        variances, fresh = self._variances, self._settings.rate
        for feature, weight in self._weights.items():
            yield feature, weight, variances.get(feature, fresh)

    def learn(self, x: Mapping[int, float], target: float, base: float) -> None:
        """Learn from one example: some 35 µs.

        x       features as they were when the message was shown; neither `OWN` nor `RECENT`
        target  from 0 to 1: what the example came to
        base    the log-odds that others gave it, to which the user's offset is added

        Numbers are rounded to what is stored each time, so that stored and living models are the same. A weight that
        is not finite or beyond `WEIGHT_MAX` empties the model: the prior speaks again.
        """
        seen = {OWN: 1.0, RECENT: 1.0, **x}
        weights, variances = self._weights, self._variances
        self._doubt(seen)
        model = AdaptiveLogit(weights, variances, base)
        model.learn_one(seen, target)
        weights[RECENT] *= RECENT_KEPT
        fresh = RECENT_SHARE * self._settings.rate
        variances[RECENT] = fresh + RECENT_KEPT**2 * (variances[RECENT] - fresh)
        self._examples += 1
        if not _is_sound(weights, variances):
            self._weights, self._variances, self._examples, self._learnt = {}, {}, 0, b""
            self._resets += 1
            return
        self._learnt = _packed(weights, variances, self._settings.rate)
        self._weights, self._variances = _unpacked(self._learnt)

    def _doubt(self, seen: Iterable[int]) -> None:
        """Let the variances of an example's weights come back, before it is learnt; `RECENT` has a rule of its own."""
        variances, fresh, shrinkage = self._variances, self._settings.rate, min(self._settings.shrinkage, 1.0)
        for name in seen:
            first = RECENT_SHARE * fresh if name == RECENT else fresh
            known = variances.get(name, first)
            part = 0.0 if name == RECENT else OWN_DOUBT if name == OWN else shrinkage
            variances[name] = known + part * (first - known)


class UserModels(Cell):
    """What one user taught by reactions. Keyed state.

    slots  the user's own model of each slot, by `template/slot`; the one that learnt last is last
    taste  packed items that the user liked or passed over (`online_models.collaborative`)
    """

    SCHEMA_VERSION: ClassVar[int] = 3
    # Older versions had fewer fields, and named their features; those that are missing have their defaults.
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = dict.fromkeys(
        (1, 2), lambda body: msgspec.msgpack.decode(body, type=UserModels)
    )

    slots: dict[str, SlotWeights] = {}
    taste: bytes = b""

    def model_of(self, template: TemplateName, slot: SlotName, settings: LearningSettings) -> SlotModel:
        """Build the model of a slot; an untaught one where there is none.

        Raises:
            StateCorrupt: what is stored of it is not what `put` stores.
        """
        return SlotModel.of(self.slots.get(f"{template}/{slot}", EMPTY), settings)

    def experience_of(self, template: TemplateName, slot: SlotName) -> int:
        """Examples that the model of a slot has learnt."""
        return self.slots.get(f"{template}/{slot}", EMPTY).examples

    def packed_of(self, template: TemplateName, slot: SlotName) -> bytes:
        """The packed weights of a slot's model: what a decision keeps of it."""
        return self.slots.get(f"{template}/{slot}", EMPTY).packed

    def put(self, template: TemplateName, slot: SlotName, model: SlotModel) -> None:
        """Keep a model after it has learnt; beyond `SLOTS_MAX` the one that learnt longest ago leaves."""
        key = f"{template}/{slot}"
        self.slots.pop(key, None)
        self.slots[key] = model.stored()
        while len(self.slots) > SLOTS_MAX:
            del self.slots[next(iter(self.slots))]


def _is_sound(weights: Mapping[int, float], variances: Mapping[int, float]) -> bool:
    told, unsure = weights.values(), variances.values()
    # A sum is a number only where all are: `min` and `max` would step over a NaN.
    return (
        math.isfinite(sum(told))
        and not math.isnan(sum(unsure))
        and min(told) >= -WEIGHT_MAX
        and max(told) <= WEIGHT_MAX
        and min(unsure) >= 0.0
    )


def _packed(weights: Mapping[int, float], variances: Mapping[int, float], fresh: float) -> bytes:
    """The `FEATURES_MAX` weights that were learnt most, by their hashes; of equally learnt ones the first hashes."""
    names = sorted(weights)
    if len(names) > FEATURES_MAX:
        others = [name for name in names if name not in (OWN, RECENT)]
        others.sort(key=lambda name: variances.get(name, fresh))
        names = sorted([OWN, RECENT, *others[: FEATURES_MAX - 2]])
    count = len(names)
    return struct.pack(
        f"<{count}I{count}f{count}e",
        *names,
        *[weights[name] for name in names],
        *[variances.get(name, fresh) for name in names],
    )


def _unpacked(packed: bytes) -> tuple[dict[int, float], dict[int, float]]:
    count, rest = divmod(len(packed), _BYTES)
    if rest:
        raise StateCorrupt(f"expected features of {_BYTES} bytes, got {len(packed)} bytes")
    found = struct.unpack(f"<{count}I{count}f{count}e", packed)
    names = found[:count]
    return (
        dict(zip(names, found[count : 2 * count], strict=True)),
        dict(zip(names, found[2 * count :], strict=True)),
    )


def _named(stored: SlotWeights) -> dict[int, float]:
    """The weights of an older version, by the hashes of their names."""
    if len(stored.weights) != 4 * len(stored.names):
        raise StateCorrupt(f"expected {len(stored.names)} weights of 4 bytes, got {len(stored.weights)} bytes")
    values = struct.unpack(f"<{len(stored.names)}f", stored.weights)
    return dict(zip([crc32(name.encode()) for name in stored.names], values, strict=True))
