"""The end of an exposure as an example to learn from."""

from types import MappingProxyType

from flink_jobs.personalize.effects import Effects, Output
from flink_jobs.personalize.state import UserState
from flink_jobs.worlds import World
from online_models.cells import OpenExposure
from schemas.examples import Example, RewardKind
from schemas.keys import join_key
from schemas.topics import EXAMPLES

REWARDS = MappingProxyType({RewardKind.CLICK: 1.0, RewardKind.NONE: 0.0, RewardKind.BOUNCE: 0.0})


def record(
    state: UserState,
    exposure: OpenExposure,
    kind: RewardKind,
    grade: float | None,
    at_ms: int,
    world: World,
    effects: Effects,
) -> None:
    """Write what an exposure came to; `at_ms` is the log time at which it ended."""
    workspace, user = state.owner
    shown = zip(exposure.slots, exposure.variants, strict=True)
    variants = [world.library.variant(exposure.template, slot, variant) for slot, variant in shown]
    example = Example(
        workspace=workspace,
        user=user,
        send_id=exposure.send_id,
        template=exposure.template,
        at_ms=exposure.at_ms,
        ended_ms=at_ms,
        slots=exposure.slots,
        variants=exposure.variants,
        affinities=exposure.features,
        vector=exposure.vector,
        propensity=exposure.propensity,
        kind=kind,
        reward=REWARDS[kind],
        tags=tuple([variant.tags if variant else () for variant in variants]),
        assessed=exposure.assessed,
        grade=grade,
        world=state.profile.world,
    )
    effects.outputs.append(Output(join_key(workspace, user, exposure.send_id), example, EXAMPLES.name))
