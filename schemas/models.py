"""What was learnt over all users, published to the topic `models`: snapshots by the job, trained parts by `train`."""

import math
from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from itertools import pairwise
from typing import ClassVar

import msgspec

from schemas.codec import Upgrade, Versioned
from schemas.errors import Reason, SchemaError
from schemas.ids import SlotName, TemplateName, WorkspaceId

SNAPSHOT_BYTES_MAX = 64 * 1024
AFFINITY_WEIGHT = 2.0
"""Log-odds that full engagement with a variant's tags adds, until the population has been learnt from."""
CLICK_LOGIT = -3.0
"""Log-odds of a click, some 5 %, until the population has been learnt from: an ordinary rate of mail. At 0 a model
would expect every second message to be clicked, and nearly all exposures would teach that what was shown is bad."""


class SlotPrior(msgspec.Struct, frozen=True, array_like=True):
    """What the population says of a slot: `bias` + Σ weight × feature, and what was learnt beside it.

    weights   by the feature's name; one that is not named weighs nothing
    learnt    packed weights of hashed features (`online_models.prior`); empty: nothing was learnt
    stack     packed weights of a score's terms, and its calibration (`online_models.stacking`); empty: none
    examples  that were learnt from
    drifts    how often what was told moved away from what came, and all was doubted
    resets    how often weights ran away, and began anew
    """

    bias: float = CLICK_LOGIT
    weights: dict[str, float] = msgspec.field(default_factory=lambda: {"affinity": AFFINITY_WEIGHT})
    learnt: bytes = b""
    stack: bytes = b""
    examples: int = 0
    drifts: int = 0
    resets: int = 0


class ModelSnapshot(Versioned, frozen=True):
    """Population weights of one workspace. A slot it does not name has the default prior."""

    SCHEMA_VERSION: ClassVar[int] = 2
    # Version 1 had fewer fields in its priors; those that are missing have their defaults.
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {1: lambda body: msgspec.msgpack.decode(body, type=ModelSnapshot)}

    workspace: WorkspaceId
    number: int
    slots: dict[str, SlotPrior]
    """Keyed by `template/slot`."""

    def prior_of(self, template: TemplateName, slot: SlotName) -> SlotPrior:
        """The prior of one slot."""
        return self.slots.get(f"{template}/{slot}", DEFAULT_PRIOR)

    def check(self) -> None:
        """Refuse weights that no score may be made of.

        Raises:
            SchemaError: a weight is not finite.
        """
        for name, slot in self.slots.items():
            if not all(map(math.isfinite, (slot.bias, *slot.weights.values()))):
                raise SchemaError(Reason.NOT_FINITE, f"expected finite weights in {name}, got NaN or infinity")


DEFAULT_PRIOR = SlotPrior()


class PartKind(StrEnum):
    """The parts of a score that are trained in batch."""

    COLLABORATIVE = "collaborative"
    SEQUENCE = "sequence"


class Standing(StrEnum):
    """What a trained part is to the job."""

    CHAMPION = "champion"
    """It is used from its offset on, until the next champion."""
    CHALLENGER = "challenger"
    """It waits to be promoted."""


ARRAY_TYPES = {"<f4": 4, "<f2": 2, "<u4": 4, "<i4": 4, "<u2": 2, "|u1": 1}
"""Number types of arrays, by their names in numpy, and the bytes that one number takes."""
ARRAYS_MAX = 64
DIMENSIONS_MAX = 4


class Array(msgspec.Struct, frozen=True, array_like=True):
    """Numbers with their shape, row by row, little-endian. `type` is one of `ARRAY_TYPES`."""

    name: str
    type: str
    shape: tuple[int, ...]
    data: bytes

    def check(self) -> None:
        """Refuse bytes that are not this shape.

        Raises:
            SchemaError: with what was expected and what came.
        """
        if self.type not in ARRAY_TYPES:
            raise SchemaError(Reason.WRONG_TYPE, f"array {self.name}: expected a type of {[*ARRAY_TYPES]}")
        if len(self.shape) > DIMENSIONS_MAX or any(length < 0 for length in self.shape):
            raise SchemaError(Reason.WRONG_TYPE, f"array {self.name}: expected a shape, got {self.shape}")
        expected = ARRAY_TYPES[self.type] * math.prod(self.shape)
        if len(self.data) != expected:
            raise SchemaError(
                Reason.WRONG_TYPE,
                f"array {self.name}: expected {expected} bytes for shape {self.shape}, got {len(self.data)}",
            )


class ModelPart(Versioned, frozen=True):
    """A trained part of one workspace: arrays, never code.

    number     of the training run, counted by the workspace; tells one part from another in `foresend models`
    until_ms   log time of the newest example or event that it was trained on
    settings   numbers that say how the arrays are to be read, by name
    checksum   `checksum_of` the arrays and settings
    card       a summary of the model card, JSON
    """

    workspace: WorkspaceId
    kind: PartKind
    standing: Standing
    number: int
    until_ms: int
    arrays: tuple[Array, ...]
    settings: dict[str, float]
    checksum: bytes
    card: str = ""

    def check(self) -> None:
        """Refuse arrays that were damaged, are badly shaped, or stand in no order, and settings that are no numbers.

        Raises:
            SchemaError: with what was expected and what came.
        """
        if len(self.arrays) > ARRAYS_MAX:
            raise SchemaError(Reason.TOO_LARGE, f"expected at most {ARRAYS_MAX} arrays, got {len(self.arrays)}")
        for array in self.arrays:
            array.check()
        if not all(map(math.isfinite, self.settings.values())):
            raise SchemaError(Reason.NOT_FINITE, f"expected finite settings, got {self.settings}")
        if any(first.name >= second.name for first, second in pairwise(self.arrays)):
            raise SchemaError(Reason.WRONG_TYPE, "expected arrays in the order of their names, each name once")
        if checksum_of(self.arrays, self.settings) != self.checksum:
            raise SchemaError(Reason.WRONG_TYPE, f"expected arrays with the checksum {self.checksum.hex()}, got others")


def checksum_of(arrays: tuple[Array, ...], settings: Mapping[str, float]) -> bytes:
    """Sixteen bytes that tell these arrays and settings from all others."""
    told = blake2b(digest_size=16)
    for array in arrays:
        told.update(msgspec.msgpack.encode((array.name, array.type, array.shape, len(array.data))))
        told.update(array.data)
    # A whole number comes back from the topic as a float.
    told.update(msgspec.msgpack.encode(sorted((name, float(value)) for name, value in settings.items())))
    return told.digest()
