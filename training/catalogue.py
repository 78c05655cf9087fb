"""Training of what a catalogue is ranked by: counts of its items, and the weights of the signals."""

from collections import defaultdict

import numpy as np

from online_models.collaborative import CollaborativePart, Ranker, take, taste_of
from online_models.collaborative.part import array_of
from online_models.terms import SlotTable
from schemas.models import Array
from training.factors import Choices, train_factors

FIRST_SHARE = 0.6
"""Of the choices that first factors are trained on; weights are learnt on what came after, as it will be in use."""
RANKED_MAX = 50_000
"""Newest choices that weights are learnt on."""
SHOWN_MAX = 20
"""Items shown in vain to a person since the last choice that count as shown beside the next one."""


def train_catalogue(
    choices: Choices, table: SlotTable, seed: int, before: CollaborativePart | None = None
) -> tuple[tuple[Array, ...], dict[str, float]]:
    """The arrays of a collaborative part that also ranks this table, in the order of their names, and its settings.

    The same choices, table, seed and part give the same bytes.
    """
    arrays, settings = train_factors(choices, seed, before)
    items = np.frombuffer(next(array.data for array in arrays if array.name == "items"), "<u4")
    ranker = ranker_of(choices, table, seed)
    rows = np.array([table.row_of.get(item, -1) for item in items.tolist()], np.int64)
    counted = np.where(rows >= 0, ranker.catalog.counted()[:, rows], 0.0) if len(rows) else np.zeros((3, 0))
    arrays = (*arrays, array_of("counted", counted, "<f4"), array_of("curves", ranker.weights.curves, "<f4"))
    return tuple(sorted(arrays, key=lambda one: one.name)), {**settings, "examples": float(ranker.catalog.examples)}


def ranker_of(choices: Choices, table: SlotTable, seed: int) -> Ranker:
    """A ranker that has met these choices in the order of the log, and learnt weights from the newest of them."""
    ranker, tastes = Ranker(table), defaultdict[int, bytes](bytes)
    count = len(choices.users)
    learns_from = max(int(FIRST_SHARE * count), count - RANKED_MAX)
    shown: defaultdict[int, list[int]] = defaultdict(list)
    for place in range(count):
        if place == learns_from and place:
            ranker.use(CollaborativePart.read(*train_factors(choices.first(place), seed)))
        user, item, liked = int(choices.users[place]), int(choices.items[place]), float(choices.liked[place])
        row = table.row_of.get(item)
        if liked > 0.0 and row is not None:
            if place >= learns_from:
                ranker.take(taste_of(tastes[user]), item, liked, shown.pop(user, ()))
            else:
                ranker.catalog.take(row, liked)
        elif row is not None:
            shown[user] = [*shown[user], row][-SHOWN_MAX:]
        tastes[user] = take(tastes[user], item, int(choices.at_s[place] * 1000), liked)
    return ranker
