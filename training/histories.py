"""Histories: what each person did and was shown, in the order of the log, and what was to be foretold at each place.

A target knows how many steps were before it. Whatever is trained on it sees those, and no other: that is all there
is to being right about time.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from online_models.sequence.state import SequenceInput
from schemas.ids import Tag


class Shown(NamedTuple):
    """One slot of an exposure with its end.

    user     whoever it is, as one string
    at_ms    when it was served: what the state knew then is what may be used
    ended    the step that its end makes, at the log time of the end
    label    what it earned, from 0 to 1
    offset   log-odds that the other terms gave it
    """

    user: str
    at_ms: int
    ended: SequenceInput
    label: float
    offset: float


class Did(NamedTuple):
    """One event of a person that may be learnt from.

    at_ms    when it happened; the step has the time of the log
    engaged  the tags that it engages with, and how much
    """

    user: str
    step: SequenceInput
    at_ms: int = 0
    engaged: tuple[tuple[Tag, float], ...] = ()


class Target(NamedTuple):
    """A reward to be foretold: `before` steps of the person's history came earlier."""

    before: int
    at_ms: int
    item: int
    tags: tuple[int, ...]
    label: float
    offset: float


class History(NamedTuple):
    """One person: steps in the order of the log, targets in the order of their places."""

    steps: list[SequenceInput]
    targets: list[Target]


def histories_of(did: Iterable[Did], shown: Iterable[Shown], until_ms: int) -> list[History]:
    """The histories of all persons, of what had happened before a moment; persons in the order of their names.

    An exposure that had not ended before it is not known yet. Of a step and an end at the same time the end is first,
    as in the job; of two of a kind, the one that is given first.
    """
    steps: dict[str, list[tuple[int, int, SequenceInput]]] = {}
    ends: dict[str, list[Shown]] = {}
    for one in shown:
        if one.ended.at_ms < until_ms:
            ends.setdefault(one.user, []).append(one)
            steps.setdefault(one.user, []).append((one.ended.at_ms, 0, one.ended))
    for event in did:
        if event.step.at_ms < until_ms:
            steps.setdefault(event.user, []).append((event.step.at_ms, 1, event.step))
    return [_history(steps[user], ends.get(user, [])) for user in sorted(steps)]


def _history(steps: list[tuple[int, int, SequenceInput]], ends: list[Shown]) -> History:
    # Sorting is stable: what is given first stays first.
    ordered = [step for _, _, step in sorted(steps, key=lambda one: one[:2])]
    times = [step.at_ms for step in ordered]
    targets = [
        Target(bisect_left(times, one.at_ms), one.at_ms, one.ended.item, one.ended.tags, one.label, one.offset)
        for one in ends
    ]
    return History(ordered, sorted(targets, key=lambda target: target.before))
