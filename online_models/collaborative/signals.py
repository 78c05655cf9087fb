"""Signals that a catalogue is ranked by: what the population, an item's content and similar people say of an item."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.collaborative.catalog import Catalog
from online_models.collaborative.part import KNOTS, Floats, Rows

TAGS_SHRINK = 10.0
TAGS_SHRINK_LATELY = 3.0
LATELY = 0.8
"""From item to item back, how much less it counts for tags lately."""
NUMBER_SHRINK = 3.0
FADE = 0.95
"""From item to item back, how much less it counts elsewhere."""
LIKED_SHRINK = 5.0


class Signal(NamedTuple):
    """A signal, the term of the score that it belongs to, and the range that its curve spans."""

    name: str
    term: str
    low: float
    high: float


SIGNALS = (
    Signal("chosen_lately", "prior", -4.6, 4.1),
    Signal("chosen", "prior", -2.3, 6.0),
    Signal("liked", "prior", -0.5, 0.5),
    Signal("behind_newest", "prior", -3.0, 4.0),
    Signal("number_of_own", "content", -3.0, 3.0),
    Signal("number_from_last", "content", 0.0, 3.9),
    Signal("tags", "content", -4.0, 4.0),
    Signal("tags_lately", "content", -4.0, 4.0),
    Signal("tags_of_last", "content", 0.0, 1.0),
    Signal("chosen_as_own", "content", -6.0, 4.0),
    Signal("neighbours", "collaborative", -6.9, -1.0),
    Signal("factors", "collaborative", -0.1, 1.1),
)
_LOW = np.array([signal.low for signal in SIGNALS], np.float32)
_SCALE = np.array([(KNOTS - 1) / (signal.high - signal.low) for signal in SIGNALS], np.float32)


class View(NamedTuple):
    """What a person's items come to, ready to be held against any item of a catalogue.

    number    shape (BINS,): log share of each bin among the person's items, against everybody's
    tags      shape (t, 3): log shares of tags against everybody's, the same lately, and the tags of the last item
    last      number of the last item; NaN: none
    chosen    mean logarithm of how often the person's items were chosen
    similar   rows of neighbours of the person's items, ascending, and their summed weights; None: no part
    factors   shape (d,): the person's; None: no part
    """

    number: NDArray[np.float64]
    tags: Floats
    last: float
    chosen: float
    similar: tuple[Rows, Floats] | None
    factors: Floats | None


def view_of(catalog: Catalog, rows: Rows, similar: tuple[Rows, Floats] | None, factors: Floats | None) -> View:
    """What a person's items, the newest first, come to.

    rows  of the catalogue
    """
    fade = FADE ** np.arange(len(rows))
    everybody = catalog.density()
    own = fade @ catalog.kernel[catalog.bins[rows]]
    number = np.log((own + NUMBER_SHRINK * everybody) / (fade.sum() + NUMBER_SHRINK) / everybody)
    shares = catalog.tag_shares()
    tags = catalog.tags[rows]
    lately = LATELY ** np.arange(len(rows))
    columns = (
        _log_share(tags.sum(axis=0), float(len(rows)), shares, TAGS_SHRINK),
        _log_share(lately @ tags, float(lately.sum()), shares, TAGS_SHRINK_LATELY),
        tags[0] if len(rows) else np.zeros(len(shares)),
    )
    chosen = np.log(catalog.total[rows] + 0.1)
    return View(
        number,
        np.stack(columns, axis=1).astype(np.float32),
        float(catalog.number[rows[0]]) if len(rows) else np.nan,
        float(fade @ chosen / fade.sum()) if len(rows) else 0.0,
        similar,
        factors,
    )


def places_of(catalog: Catalog, view: View, rows: Rows, factors: Floats | None) -> Floats:
    """Where each signal of these items stands among its curve's knots. Shape (n, len(SIGNALS)).

    factors  shape (n, d), of these items
    """
    found = np.empty((len(rows), len(SIGNALS)), np.float32)
    total, number = catalog.total[rows], catalog.number[rows]
    chosen = np.log(total + 0.1)
    base = catalog.liked.sum() / max(catalog.examples, 1)
    behind = catalog.newest - number
    tags = catalog.tags[rows] @ view.tags
    found[:, 0] = np.log(catalog.recent(rows) + 0.01)
    found[:, 1] = chosen
    found[:, 2] = (catalog.liked[rows] + LIKED_SHRINK * base) / (total + LIKED_SHRINK) - base
    found[:, 3] = np.sign(behind) * np.log1p(np.abs(behind) * 50.0)
    found[:, 4] = view.number[catalog.bins[rows]]
    found[:, 5] = np.log1p(np.abs(number - view.last) * 50.0) if view.last == view.last else 0.0
    found[:, 6:9] = tags
    # Of the last item's tags and this one's together, how many both have.
    last = view.tags[:, 2].sum()
    found[:, 8] /= np.maximum(catalog.sizes[rows] + last - tags[:, 2], 1.0)
    found[:, 9] = chosen - view.chosen
    found[:, 10] = np.log(_weights_of(view.similar, rows) + 0.001)
    found[:, 11] = 0.0 if view.factors is None or factors is None else factors @ view.factors
    return np.clip((found - _LOW) * _SCALE, 0.0, KNOTS - 1.0)


def _weights_of(similar: tuple[Rows, Floats] | None, rows: Rows) -> Floats:
    if similar is None or not len(similar[0]):
        return np.zeros(len(rows), np.float32)
    known, weights = similar
    places = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    return np.where(known[places] == rows, weights[places], np.float32(0.0))


def _log_share(own: NDArray[Any], count: float, shares: NDArray[np.float64], shrink: float) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.log((own + shrink * shares) / (count + shrink) / shares)
    return logs
