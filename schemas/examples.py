"""What was shown, how somebody was at the decision, and what it earned: the value of one record of `examples`."""

from enum import StrEnum

from schemas.codec import Versioned
from schemas.ids import SendId, SlotName, TemplateName, UserId, VariantId, WorkspaceId


class RewardKind(StrEnum):
    """What ended an exposure."""

    CLICK = "click"
    NONE = "none"
    """Its window ended, or it was one too many to be kept open."""
    BOUNCE = "bounce"
    """It never arrived: it teaches nothing."""


class Example(Versioned, frozen=True):
    """One exposure with its end.

    at_ms       when it was served
    ended_ms    log time of its end
    slots, variants, affinities  slot by slot what was shown, and how near its tags were at the decision
    vector      the person's features at the decision: `online_models.vector` states the numbers and their order;
                empty where the decision is older than vectors
    propensity  with which it was drawn
    reward      what it earned: 1 for a click, else 0
    """

    workspace: WorkspaceId
    user: UserId
    send_id: SendId
    template: TemplateName
    at_ms: int
    ended_ms: int
    slots: tuple[SlotName, ...]
    variants: tuple[VariantId, ...]
    affinities: tuple[float, ...]
    vector: bytes
    propensity: float
    kind: RewardKind
    reward: float
