"""How often an item had been met by a moment: known in steps, as a model that is trained now and then knows it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.sequence.weights import Floats
from training.histories import History
from training.vocabulary import Vocabulary, row_map

MOMENTS_COUNTED = 16
"""Between two of them counts stand still, so that training meets the staleness that use will meet."""


class Counts(NamedTuple):
    """Counts of items at moments.

    at_ms  shape (m,): the moments, ascending; the first is before everything
    often  shape (m, rows): log(1 + how often) of each row's item before that moment; row 0 is 0
    """

    at_ms: NDArray[np.int64]
    often: Floats

    def before(self, times_ms: NDArray[np.int64]) -> NDArray[np.intp]:
        """The number of the last moment that is not after each time."""
        found: NDArray[np.intp] = np.searchsorted(self.at_ms, times_ms, side="right") - 1
        return found


def counts_of(histories: Sequence[History], vocabulary: Vocabulary) -> Counts:
    """Count at moments with equally many steps between them."""
    rows = row_map(vocabulary.items)
    met = sorted((step.at_ms, rows.get(step.item, 0)) for history in histories for step in history.steps)
    times = np.array([at_ms for at_ms, _ in met], np.int64)
    places = np.unique(np.linspace(0, len(met), MOMENTS_COUNTED, endpoint=False).astype(np.int64))
    often = np.zeros((len(places), vocabulary.sizes()[0]), np.float32)
    items = np.array([row for _, row in met], np.int64)
    for number, place in enumerate(places):
        # Of what has one time nothing counts before it: all of it happened at once.
        begin = int(np.searchsorted(times, times[place], side="left")) if len(times) else 0
        often[number] = np.log1p(np.bincount(items[:begin], minlength=often.shape[1]))
    often[:, 0] = 0.0
    moments = times[places] if len(times) else np.zeros(0, np.int64)
    moments[:1] = np.iinfo(np.int64).min
    return Counts(moments, often)
