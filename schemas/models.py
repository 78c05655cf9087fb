"""Model snapshots: what was learnt over all users, published to the topic `models`."""

import math

import msgspec

from schemas.codec import Versioned
from schemas.errors import Reason, SchemaError
from schemas.ids import SlotName, TemplateName, WorkspaceId

SNAPSHOT_BYTES_MAX = 64 * 1024
AFFINITY_WEIGHT = 2.0
"""Log-odds that full engagement with a variant's tags adds, until the population has been learnt from."""
CLICK_LOGIT = -3.0
"""Log-odds of a click, some 5 %, until the population has been learnt from: an ordinary rate of mail. At 0 a model
would expect every second message to be clicked, and nearly all exposures would teach that what was shown is bad."""


class SlotPrior(msgspec.Struct, frozen=True, array_like=True):
    """A slot's population logit: `bias` + Σ weight × feature. A feature it does not name weighs nothing."""

    bias: float = CLICK_LOGIT
    weights: dict[str, float] = msgspec.field(default_factory=lambda: {"affinity": AFFINITY_WEIGHT})


class ModelSnapshot(Versioned, frozen=True):
    """Population weights of one workspace. A slot it does not name has the default prior."""

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
