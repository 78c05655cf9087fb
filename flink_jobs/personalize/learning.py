"""From exposures and rewards to the user's models: what was shown, what it earned, and when it is too late."""

from msgspec.structs import replace

from connectors.metrics.job import EXPOSURES, RESETS
from flink_jobs.counting import Count
from flink_jobs.personalize.effects import Effects
from flink_jobs.personalize.examples import record
from flink_jobs.personalize.following import follow_reward
from flink_jobs.personalize.state import UserState
from flink_jobs.worlds import World
from online_models.cells import OPEN_EXPOSURES_MAX, UNDELIVERED_MAX, OpenExposure, OpenExposures
from online_models.clicks import Click
from online_models.content import AFFINITY, own_features_of
from online_models.items import ItemNumbers
from online_models.prior.features import features_of
from online_models.scoring import prior_logit
from schemas.decisions import assessed_rows
from schemas.events import Event
from schemas.examples import RewardKind
from schemas.ids import ID_LENGTH_MAX, SendId, SlotName, VariantId
from schemas.versions import Position


def open_exposure(state: UserState, event: Event, position: Position, world: World, effects: Effects) -> bool:
    """Remember what was shown until its reward comes or its window ends. It begins when the message was sent.

    A fallback teaches nothing, and one send is one exposure, however often it is told. When too many are open
    the oldest without a waiting click is closed without a reward; returns whether something was learnt from that.
    """
    cell, shown = state.exposures.get(), event.exposure
    if shown is None or shown.candidate < 0 or any(item.send_id == shown.send_id for item in cell.items):
        return False
    new = OpenExposure(
        send_id=shown.send_id,
        template=shown.template,
        until_ms=position.log_ms + world.settings.learning.attribution_ms,
        slots=shown.slots,
        variants=shown.variants,
        features=shown.features,
        at_ms=event.at_ms,
        propensity=shown.propensity,
        vector=shown.vector,
        assessed=shown.assessed,
    )
    effects.counts.append(Count(EXPOSURES, (event.workspace, shown.template)))
    if shown.send_id in cell.undelivered:
        close(state, new, RewardKind.BOUNCE, position.log_ms, world, effects)
        return False
    items = (*cell.items, new)
    if len(items) <= OPEN_EXPOSURES_MAX:
        keep_open(state, items, cell.clicks)
        return False
    waiting = {click.send_id for click in cell.clicks if click.waits}
    overflow = next((item for item in items if item.send_id not in waiting), items[0])
    keep_open(state, tuple(item for item in items if item is not overflow), cell.clicks)
    close(state, overflow, RewardKind.NONE, position.log_ms, world, effects)
    return True


def void(state: UserState, send_id: SendId, at_ms: int, world: World, effects: Effects) -> None:
    """End an exposure of a message that nobody got: it teaches nothing.

    A server near by may bounce it before its exposure is told: such a send is remembered, a bounded number of them.
    """
    exposure = take_open(state, send_id)
    if exposure is not None:
        close(state, exposure, RewardKind.BOUNCE, at_ms, world, effects)
        return
    cell = state.exposures.get()
    if 0 < len(send_id) <= ID_LENGTH_MAX and send_id not in cell.undelivered:
        state.exposures.put(replace(cell, undelivered=(*cell.undelivered, send_id)[-UNDELIVERED_MAX:]))


def delivered(state: UserState, send_id: SendId, at_ms: int) -> None:
    """Remember when an open send was delivered: how soon it was clicked is told from then."""
    cell = state.exposures.get()
    if any(item.send_id == send_id for item in cell.items):
        items = (replace(item, delivered_ms=at_ms) if item.send_id == send_id else item for item in cell.items)
        keep_open(state, tuple(items), cell.clicks)


def reward(state: UserState, send_id: SendId, at_ms: int, world: World, effects: Effects) -> bool:
    """End an exposure that a person clicked. Returns whether there was one to learn from."""
    exposure = take_open(state, send_id)
    if exposure is not None:
        close(state, exposure, RewardKind.CLICK, at_ms, world, effects)
    return exposure is not None


def told(
    state: UserState,
    send_id: SendId,
    is_reward: bool,
    grade: float | None,
    at_ms: int,
    world: World,
    effects: Effects,
) -> bool:
    """End an exposure with what the brand itself tells of it. Returns whether there was one to learn from."""
    exposure = take_open(state, send_id)
    if exposure is not None:
        close(state, exposure, RewardKind.CLICK if is_reward else RewardKind.NONE, at_ms, world, effects, grade)
    return exposure is not None


def end_of_window(state: UserState, due_ms: int, world: World, effects: Effects) -> None:
    """End the exposure whose window ends at `due_ms`, without a reward."""
    overdue = min(state.exposures.get().items, key=lambda item: item.until_ms)
    take_open(state, overdue.send_id)
    close(state, overdue, RewardKind.NONE, due_ms, world, effects)


def take_open(state: UserState, send_id: SendId) -> OpenExposure | None:
    """Take out the open exposure of a send."""
    cell = state.exposures.get()
    found = next((item for item in cell.items if item.send_id == send_id), None)
    if found is not None:
        keep_open(state, tuple(item for item in cell.items if item is not found), cell.clicks)
    return found


def close(
    state: UserState,
    exposure: OpenExposure,
    kind: RewardKind,
    at_ms: int,
    world: World,
    effects: Effects,
    grade: float | None = None,
) -> None:
    """Tell what an exposure came to, and learn from it."""
    record(state, exposure, kind, grade, at_ms, world, effects)
    if kind is not RewardKind.BOUNCE:
        reward = float(kind is RewardKind.CLICK)
        resets = learn_from(state, exposure, world, reward if grade is None else grade)
        effects.counts.append(Count(RESETS, (state.owner[0], "person"), resets))
        follow_reward(state, exposure, world, at_ms, reward, grade)


def learn_from(state: UserState, exposure: OpenExposure, world: World, target: float) -> int:
    """Update the user's model of each slot by what was shown in it. A variant that is gone teaches nothing.

    target  from 0 to 1: what the exposure came to

    Returns how many models ran away by it, and began anew.
    """
    resets = 0
    models, learning = state.models.get(), world.settings.learning
    bases = _bases(exposure, world)
    columns = zip(exposure.slots, exposure.variants, exposure.features, bases, strict=True)
    for slot, variant_id, near, base in columns:
        x = _features(exposure, slot, variant_id, world)
        if x is None:
            continue
        if near:
            x[AFFINITY] = near
        model = models.model_of(exposure.template, slot, learning)
        before = model.resets
        model.learn(x, target, base)
        resets += model.resets - before
        models.put(exposure.template, slot, model)
    state.models.put(models)
    return resets


def _features(exposure: OpenExposure, slot: SlotName, variant: VariantId, world: World) -> dict[int, float] | None:
    """What was shown, as the person's own model knows it: of a slate the mean of its items. None: it is gone."""
    shown = world.shown(exposure.template, slot, variant)
    if not shown:
        return None
    if not world.library.is_catalog(exposure.template, slot):
        return dict(own_features_of(*shown[0], False))
    # Numbers of now, not of the decision: what all people meet changes slowly.
    items = ItemNumbers(world.models.prior_of(exposure.template, slot))
    x: dict[int, float] = {}
    for thing in shown:
        for feature, value in (*own_features_of(*thing, True), *items.of(*thing, exposure.at_ms)):
            x[feature] = x.get(feature, 0.0) + value / len(shown)
    return x


def _bases(exposure: OpenExposure, world: World) -> list[float]:
    """What the population's prior gave to each variant at the decision: the person's own model learns what is left.

    An exposure that is older than what is assessed has the prior of today, as far as it goes by name.
    """
    rows = assessed_rows(exposure.assessed, len(exposure.slots))
    if rows:
        return [row[0] for row in rows]
    bases = []
    for slot, variant_id, near in zip(exposure.slots, exposure.variants, exposure.features, strict=True):
        shown = world.shown(exposure.template, slot, variant_id)
        x = features_of(variant_id, shown[0].tags if len(shown) == 1 else (), near)
        bases.append(prior_logit(world.models.prior_of(exposure.template, slot), x))
    return bases


def keep_open(state: UserState, items: tuple[OpenExposure, ...], clicks: tuple[Click, ...]) -> None:
    """Store what waits, and when the first of it is due. A window does not end before a click in it has waited."""
    if clicks:
        waiting = [click for click in clicks if click.waits]
        latest = {click.send_id: click.due_ms for click in sorted(waiting, key=lambda click: click.due_ms)}
        items = tuple(
            replace(item, until_ms=latest[item.send_id]) if latest.get(item.send_id, 0) > item.until_ms else item
            for item in items
        )
    state.exposures.put(OpenExposures(items, clicks, state.exposures.get().undelivered))
    dates = [item.until_ms for item in items] + [click.due_ms for click in clicks]
    state.profile.exposures_until_ms = min(dates, default=0)
