"""Histories cut into windows of one length: arrays that a batch is made of."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.sequence.state import SequenceInput, gap_of, hour_of_week
from online_models.sequence.weights import MOMENTS, TAGS_OF_INPUT_MAX, Floats, hours
from training.histories import History, Target
from training.vocabulary import Vocabulary, row_map

LENGTH = 32
"""Steps of a window: learning looks back that far; what was before comes as the state it left."""

Rows = NDArray[np.int32]
_HOURS = hours()


class Windows(NamedTuple):
    """All windows, in the order of persons and then of time; arrays are padded with zeros.

    person, place      shape (n,): whose it is, and which of the person's
    at_ms, target_ms   shape (n, LENGTH): when steps happened, and targets were served
    kind, item         shape (n, LENGTH): rows of tables
    tags               shape (n, LENGTH, TAGS_OF_INPUT_MAX)
    share              shape (n, LENGTH): what each tag counts
    moment             shape (n, LENGTH, MOMENTS)
    follows            shape (n, LENGTH): 1 where a step's item is known, and to be foretold
    at                 shape (n, LENGTH): how many steps of the window were before a target
    target_item, target_tags, target_share, label, offset, weight   of targets, shape (n, LENGTH, …)
    """

    person: Rows
    place: Rows
    at_ms: NDArray[np.int64]
    target_ms: NDArray[np.int64]
    kind: Rows
    item: Rows
    tags: Rows
    share: Floats
    moment: Floats
    follows: Floats
    at: Rows
    target_item: Rows
    target_tags: Rows
    target_share: Floats
    label: Floats
    offset: Floats
    weight: Floats

    def rows(self, chosen: NDArray[np.intp]) -> "Windows":
        """Some of them."""
        picked: list[Any] = [array[chosen] for array in self]
        return Windows(*picked)


def windows_of(histories: Sequence[History], vocabulary: Vocabulary) -> Windows:
    """Cut every history. A window with more targets than steps stands there again, with the others."""
    cut = [piece for person, history in enumerate(histories) for piece in _cut(person, history)]
    arrays = _empty(len(cut))
    items, kinds, tags = row_map(vocabulary.items), row_map(vocabulary.kinds), row_map(vocabulary.tags)
    for row, (person, place, before_ms, steps, targets) in enumerate(cut):
        again = row > 0 and cut[row - 1][:2] == (person, place)
        arrays.person[row], arrays.place[row] = person, place
        last_ms = before_ms
        for column, step in enumerate(steps):
            arrays.at_ms[row, column] = step.at_ms
            arrays.kind[row, column] = kinds.get(step.kind, 0)
            arrays.item[row, column] = items.get(step.item, 0)
            # A window that stands there again does not teach again what follows.
            arrays.follows[row, column] = float(step.item in items and not again)
            _put_tags(arrays.tags[row, column], arrays.share, (row, column), step.tags, tags)
            arrays.moment[row, column, 0] = gap_of(last_ms, step.at_ms)
            arrays.moment[row, column, 1:] = _HOURS[hour_of_week(step.at_ms)]
            last_ms = max(last_ms, step.at_ms)
        for column, target in enumerate(targets):
            arrays.target_ms[row, column] = target.at_ms
            arrays.at[row, column] = target.before - place * LENGTH
            arrays.target_item[row, column] = items.get(target.item, 0)
            _put_tags(arrays.target_tags[row, column], arrays.target_share, (row, column), target.tags, tags)
            arrays.label[row, column], arrays.offset[row, column] = target.label, target.offset
            arrays.weight[row, column] = 1.0
    return arrays


_Piece = tuple[int, int, int, list[SequenceInput], list[Target]]


def _cut(person: int, history: History) -> Iterator[_Piece]:
    """The windows of one person: number, place, the time of the step before, steps, targets."""
    steps, targets = history
    by_place: dict[int, list[Target]] = {}
    for target in targets:
        by_place.setdefault(target.before // LENGTH, []).append(target)
    places = max(-(-len(steps) // LENGTH), max(by_place, default=-1) + 1)
    before_ms = 0
    for place in range(places):
        own = steps[place * LENGTH : (place + 1) * LENGTH]
        due = by_place.get(place, [])
        for begin in range(0, max(1, len(due)), LENGTH):
            yield person, place, before_ms, own, due[begin : begin + LENGTH]
        before_ms = max([before_ms, *[step.at_ms for step in own]])


def _put_tags(
    into: NDArray[np.int32], shares: Floats, where: tuple[int, int], tags: Sequence[int], rows: dict[int, int]
) -> None:
    known = tags[:TAGS_OF_INPUT_MAX]
    into[: len(known)] = [rows.get(tag, 0) for tag in known]
    shares[where] = max(1, len(known)) ** -0.5


def _empty(count: int) -> Windows:
    def rows(*shape: int) -> Rows:
        return np.zeros((count, *shape), np.int32)

    def floats(*shape: int) -> Floats:
        return np.zeros((count, *shape), np.float32)

    steps, tags = (LENGTH,), (LENGTH, TAGS_OF_INPUT_MAX)
    return Windows(
        person=rows(),
        place=rows(),
        at_ms=np.zeros((count, LENGTH), np.int64),
        target_ms=np.zeros((count, LENGTH), np.int64),
        kind=rows(*steps),
        item=rows(*steps),
        tags=rows(*tags),
        share=floats(*steps),
        moment=floats(LENGTH, MOMENTS),
        follows=floats(*steps),
        at=rows(*steps),
        target_item=rows(*steps),
        target_tags=rows(*tags),
        target_share=floats(*steps),
        label=floats(*steps),
        offset=floats(*steps),
        weight=floats(*steps),
    )
