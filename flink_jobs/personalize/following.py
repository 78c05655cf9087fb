"""What trained parts follow of a person: the recurrent state, stepped on each event, and the items met."""

from math import exp

from flink_jobs.personalize.state import UserState
from flink_jobs.worlds import Thing, World
from online_models.cells import OpenExposure
from online_models.collaborative import take
from online_models.contents import content_of
from online_models.sequence.inputs import input_of_event, input_of_reward
from online_models.sequence.state import SequenceInput, step, steps
from online_models.terms import hash_of_name
from schemas.decisions import assessed_rows
from schemas.events import Event

LOGIT_MAX = 30.0
"""Past it a probability is 0 or 1 as far as anybody can tell."""


def follow_event(state: UserState, event: Event, world: World, log_ms: int) -> None:
    """Take in what a person did. Without trained parts nothing of it is followed."""
    weights = world.trained.sequence
    if weights is not None:
        told = input_of_event(event, world.settings.tags, log_ms)
        state.profile.hidden = step(state.profile.hidden, weights, told)
    content = content_of(event.properties) if world.trained.has_collaborative else None
    if content is not None:
        _meet(state, content, event.at_ms, liked=1.0)


def follow_reward(
    state: UserState, exposure: OpenExposure, world: World, at_ms: int, reward: float, grade: float | None
) -> None:
    """Take in what became of each variant, or item, that was shown; liked as much as it was graded."""
    weights = world.trained.sequence
    told: list[SequenceInput] = []
    for slot, variant_id, expected in zip(exposure.slots, exposure.variants, _expected(exposure), strict=True):
        for thing in world.shown(exposure.template, slot, variant_id) or (Thing(variant_id, ()),):
            if weights is not None:
                told.append(input_of_reward(*thing, at_ms, clicked=reward > 0.0, grade=grade))
            _meet(state, thing.id, exposure.at_ms, reward if grade is None else grade, expected)
    if weights is not None and told:
        state.profile.hidden = steps(state.profile.hidden, weights, told)


def _expected(exposure: OpenExposure) -> list[float]:
    """The probability of a reward that prior and content gave each slot at the decision; 1/2 where it was not told."""
    rows = assessed_rows(exposure.assessed, len(exposure.slots))
    if not rows:
        return [0.5] * len(exposure.slots)
    logits = [prior + content for prior, content, *_ in rows]
    return [1.0 / (1.0 + exp(-min(max(logit, -LOGIT_MAX), LOGIT_MAX))) for logit in logits]


def _meet(state: UserState, item: str, at_ms: int, liked: float, expected: float = 0.0) -> None:
    models = state.models.get()
    models.taste = take(models.taste, hash_of_name(item), at_ms, liked, expected)
    state.models.put(models)
