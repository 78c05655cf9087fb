"""What was shown, how somebody was at the decision, and what it earned: the value of one record of `examples`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

import msgspec

from schemas.codec import Upgrade, Versioned
from schemas.ids import SendId, SlotName, Tag, TemplateName, UserId, VariantId, WorkspaceId
from schemas.worlds import WorldRef


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
    slots, variants, affinities  slot by slot what was shown, and how near its tags were at the decision; of a slate
                each of its items, as the slot's as often
    vector      the person's features at the decision: `online_models.vector` states the numbers and their order;
                empty where the decision is older than vectors
    propensity  with which it was drawn
    reward      what it earned: 1 for a click, else 0
    tags        slot by slot those of the variant shown
    assessed    float32, shape (slots, len(ASSESSED)): how the decision saw what was shown; empty: not told
    grade       how well it did, from 0 to 1, where more was told than what it earned
    world       in which it ended: its settings say how the vector is read
    """

    SCHEMA_VERSION: ClassVar[int] = 2
    # Version 1 had fewer fields; those that are missing have their defaults.
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {1: lambda body: msgspec.msgpack.decode(body, type=Example)}

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
    tags: tuple[tuple[Tag, ...], ...] = ()
    assessed: bytes = b""
    grade: float | None = None
    world: WorldRef = WorldRef()
