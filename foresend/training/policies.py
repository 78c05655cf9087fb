"""What a challenger's policy and the champion's would have shown: judged exposures scored again, by the job's code.

An example holds what was shown and how likely it was, not the scores of what else could have been. So they are made
again: each person's own models, tags met, items met and recurrent state are followed over the log as the job follows
them, and at each judged exposure the slots of the newest release are scored twice, with the challenger and with the
champion. All else is the same in both, and known before the first judged exposure: the release's policy, and the
newest snapshot of the population from before. A policy's probability of a message is the product over its slots.

Templates with a catalogue are left out: which items their candidates were generated from is not known any more.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from flink_jobs.personalize.following import follow_reward
from flink_jobs.personalize.learning import learn_from
from flink_jobs.personalize.state import UserState
from flink_jobs.worlds import Shelf, World
from foresend.training.reading import Log
from online_models.cells import TAGS_MAX, OpenExposure
from online_models.collaborative import take
from online_models.sequence.state import step
from online_models.terms import Person
from online_models.trained import Trained
from online_models.vector import situation_of
from schemas.examples import Example, RewardKind
from schemas.ids import UserId, WorkspaceId
from schemas.keys import user_key
from schemas.models import ModelPart, ModelSnapshot, PartKind
from training.histories import Did
from training.policy_value import Logged, PolicyValue, nothing_told, policy_value

ROWS_MAX = 10_000
"""Newest exposures that are valued: with all that their persons learnt before, one takes some milliseconds."""


class Background(NamedTuple):
    """What scores are made of beside the part that is judged.

    parts  the champions of the other kinds
    """

    shelf: Shelf
    snapshot: ModelSnapshot
    parts: Mapping[PartKind, ModelPart]

    def world(self, kind: PartKind, part: ModelPart | None) -> World:
        """The world with this part in the place of its kind."""
        parts = {one: other for one, other in self.parts.items() if one is not kind}
        return World(self.shelf, self.snapshot, Trained(parts if part is None else {**parts, kind: part}))


def value_of(
    challenger: ModelPart, champion: ModelPart | None, background: Background | None, log: Log, since_ms: int
) -> PolicyValue:
    """Value both policies on what was served from a time on.

    background  None: no release was ever published
    """
    if background is None:
        return nothing_told("no release says what else could have been shown")
    worlds = [background.world(challenger.kind, part) for part in (challenger, champion)]
    rows = [one for one in log.examples if one.at_ms >= since_ms and _is_usable(one, worlds[0])][-ROWS_MAX:]
    if not rows:
        return nothing_told("no exposure was of a template of the newest release that shows no catalogue")
    columns = [shown_by(world, log, rows) for world in worlds]
    numbers: dict[str, int] = {}
    return policy_value(
        Logged(
            np.array([numbers.setdefault(one.user, len(numbers)) for one in rows], np.int64),
            np.array([one.reward for one in rows], np.float64),
            np.array([one.propensity for one in rows], np.float64),
            *[np.array([found[one.send_id] for one in rows], np.float64) for found in columns],
        )
    )


def _is_usable(example: Example, world: World) -> bool:
    if example.kind is RewardKind.BOUNCE or not 0.0 < example.propensity <= 1.0:
        return False
    template = next((one for one in world.templates if one.name == example.template), None)
    if template is None or any(slot.items for slot in template.slots):
        return False
    return tuple(slot.name for slot in template.slots) == example.slots


def shown_by(world: World, log: Log, rows: Sequence[Example]) -> dict[str, float]:
    """For each exposure, by its send, the probability that the world's policy would have shown the same."""
    wanted = {f"{one.workspace}|{one.user}" for one in rows}
    ends: dict[str, list[tuple[int, int, Example | Did]]] = {user: [] for user in wanted}
    for one in log.examples:
        if (user := f"{one.workspace}|{one.user}") in wanted and one.kind is not RewardKind.BOUNCE:
            ends[user].append((one.ended_ms, 1, one))
    for did in log.did:
        if did.user in wanted:
            ends[did.user].append((did.step.at_ms, 2, did))
    for one in rows:
        # What is of the same time was not known yet.
        ends[f"{one.workspace}|{one.user}"].append((one.at_ms, 0, one))
    found: dict[str, float] = {}
    for timeline in ends.values():
        follower = _Follower(world)
        for _, order, what in sorted(timeline, key=lambda one: one[:2]):
            if isinstance(what, Did):
                follower.did(what)
            elif order:
                follower.ended(what)
            else:
                found[what.send_id] = follower.probability(what)
    return found


class _Follower:
    """One person under one world, as the job's state has it as far as scores look at it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = UserState(user_key(WorkspaceId(""), UserId("")), None, lambda _: None)

    def did(self, did: Did) -> None:
        state, settings, trained = self._state, self._world.settings, self._world.trained
        for tag, weight in did.engaged:
            state.profile.tags.add(tag, weight, did.at_ms, settings.features.tag_half_life_ms, TAGS_MAX)
        if trained.sequence is not None:
            state.profile.hidden = step(state.profile.hidden, trained.sequence, did.step)
        if trained.has_collaborative and did.step.item:
            models = state.models.get()
            models.taste = take(models.taste, did.step.item, did.at_ms, 1.0)
            state.models.put(models)

    def ended(self, one: Example) -> None:
        exposure = OpenExposure(
            one.send_id, one.template, one.ended_ms, one.slots, one.variants, one.affinities, one.at_ms,
            one.propensity, one.vector, 0, one.assessed,
        )  # fmt: skip
        learn_from(self._state, exposure, self._world, one.reward if one.grade is None else one.grade)
        follow_reward(self._state, exposure, self._world, one.ended_ms, one.reward, one.grade)

    def probability(self, one: Example) -> float:
        state, world = self._state, self._world
        person = Person(
            state.profile.tags.shares(),
            situation_of(one.vector, world.settings),
            state.models.get(),
            state.profile.hidden,
            one.at_ms,
            one.vector,
        )
        chance = 1.0
        for scorer, variant in zip(world.menu(one.template, one.at_ms).scorers, one.variants, strict=True):
            scored = scorer.score(person)
            if variant not in scored.variants:
                return 0.0
            probabilities = world.policy.probabilities(scored.scores, scored.uncertainties)
            chance *= probabilities[scored.variants.index(variant)]
        return chance
