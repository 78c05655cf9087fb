"""The end of an exposure as an example to learn from."""

from types import MappingProxyType

from connectors.metrics.job import REWARDS as REWARDS_TOLD
from flink_jobs.counting import Count
from flink_jobs.personalize.effects import Effects, Output
from flink_jobs.personalize.state import UserState
from flink_jobs.worlds import Thing, World
from online_models.cells import OpenExposure
from schemas.decisions import ASSESSED
from schemas.examples import Example, RewardKind
from schemas.keys import join_key
from schemas.topics import EXAMPLES

ASSESSED_BYTES = 4 * len(ASSESSED)
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
    """Write what an exposure came to; `at_ms` is the log time at which it ended. Of a slate each item is told."""
    workspace, user = state.owner
    rows = [
        (place, thing)
        for place, (slot, variant) in enumerate(zip(exposure.slots, exposure.variants, strict=True))
        for thing in world.shown(exposure.template, slot, variant) or (Thing(variant, ()),)
    ]
    places, width = [place for place, _ in rows], ASSESSED_BYTES if exposure.assessed else 0
    example = Example(
        workspace=workspace,
        user=user,
        send_id=exposure.send_id,
        template=exposure.template,
        at_ms=exposure.at_ms,
        ended_ms=at_ms,
        slots=tuple([exposure.slots[place] for place in places]),
        variants=tuple([thing.id for _, thing in rows]),
        affinities=tuple([exposure.features[place] for place in places]),
        vector=exposure.vector,
        propensity=exposure.propensity,
        kind=kind,
        reward=REWARDS[kind],
        tags=tuple([thing.tags for _, thing in rows]),
        assessed=b"".join([exposure.assessed[place * width : (place + 1) * width] for place in places]),
        grade=grade,
        world=state.profile.world,
    )
    effects.outputs.append(Output(join_key(workspace, user, exposure.send_id), example, EXAMPLES.name))
    effects.counts.append(Count(REWARDS_TOLD, (workspace, exposure.template, kind)))
