"""From exposures and rewards to the user's models: what was shown, what it earned, and when it is too late."""

from flink_jobs.personalize.state import UserState
from flink_jobs.worlds import World
from online_models.cells import OPEN_EXPOSURES_MAX, OpenExposure, OpenExposures
from online_models.scoring import prior_logit, variant_features
from schemas.events import Event
from schemas.versions import Position

CLICK = "Email Link Clicked"
BOUNCE = "Email Bounced"


def is_reward(event: Event) -> bool:
    """Whether an event tells what became of an exposure."""
    return event.name in (CLICK, BOUNCE) and isinstance(event.properties.get("send_id"), str)


def open_exposure(state: UserState, event: Event, position: Position, world: World) -> bool:
    """Remember what was shown until its reward comes or its window ends.

    A fallback teaches nothing, and one send is one exposure, however often it is told. When too many are open
    the oldest is closed without a reward; returns whether something was learnt from that.
    """
    shown, still_open = event.exposure, state.exposures.get().items
    if shown is None or shown.candidate < 0 or any(item.send_id == shown.send_id for item in still_open):
        return False
    new = OpenExposure(
        send_id=shown.send_id,
        template=shown.template,
        until_ms=position.log_ms + world.settings.learning.attribution_ms,
        slots=shown.slots,
        variants=shown.variants,
        features=shown.features,
    )
    items = (*still_open, new)
    overflow, items = items[:-OPEN_EXPOSURES_MAX], items[-OPEN_EXPOSURES_MAX:]
    for exposure in overflow:
        learn_from(state, exposure, world, clicked=False)
    _keep(state, items)
    return bool(overflow)


def take_reward(state: UserState, event: Event, world: World) -> set[str]:
    """Join a click or bounce to its exposure by the send id; a bounce voids it. Returns whether it was learnt from."""
    items = state.exposures.get().items
    earned = next((item for item in items if item.send_id == event.properties["send_id"]), None)
    if earned is None:
        return set()
    _keep(state, tuple(item for item in items if item is not earned))
    if event.name == BOUNCE:
        return set()
    learn_from(state, earned, world, clicked=True)
    return {"learnt"}


def overdue_exposure(state: UserState, due_ms: int) -> OpenExposure | None:
    """Take out an exposure whose window ends at `due_ms`; None where what is due is something else."""
    if state.profile.exposures_until_ms != due_ms:
        return None
    items = state.exposures.get().items
    overdue = min(items, key=lambda item: item.until_ms)
    _keep(state, tuple(item for item in items if item is not overdue))
    return overdue


def learn_from(state: UserState, exposure: OpenExposure, world: World, *, clicked: bool) -> None:
    """Update the user's model of each slot by what was shown in it. A variant that is gone teaches nothing."""
    models = state.models.get()
    for slot, variant_id, near in zip(exposure.slots, exposure.variants, exposure.features, strict=True):
        variant = world.library.variant(exposure.template, slot, variant_id)
        if variant is None:
            continue
        x = variant_features(variant, near)
        model = models.model_of(exposure.template, slot, world.settings.learning)
        model.learn(x, clicked, prior_logit(world.models.prior_of(exposure.template, slot), x))
        models.put(exposure.template, slot, model)
    state.models.put(models)


def _keep(state: UserState, items: tuple[OpenExposure, ...]) -> None:
    state.exposures.put(OpenExposures(items))
    state.profile.exposures_until_ms = min((item.until_ms for item in items), default=0)
