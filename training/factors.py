"""Training of the collaborative part: who chose what becomes neighbours and factors of items."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.collaborative.part import CollaborativePart, Floats, array_of
from online_models.terms import hash_of_name
from schemas.examples import Example, RewardKind
from schemas.ids import UserId
from schemas.models import Array, ModelPart, PartKind, Standing, checksum_of

NEIGHBOURS = 32
ITEMS_MAX = 28_000
"""Items that a part knows, those chosen most often: with 280 bytes each it fits into a record of its topic. All others
are ranked as new ones are, by what they are about and when they came."""
LAGS_MAX = 50
"""Choices of one person that lie further apart say nothing of each other."""
LAG_FADE = 0.95
GAP_S = 86_400.0
"""Time between two choices after which they say less of each other: e-folding."""
HALF_LIFE_SHARE = 1.0
"""Pairs count half after as many choices as there are items, but at least `HALF_LIFE_MIN`."""
HALF_LIFE_MIN = 1_000.0
FACTORS = 16
ALPHA = 10.0
RIDGE = 5.0
SWEEPS = 6
WARM_SWEEPS = 3
PAIRS_AT_ONCE = 4_000_000
ROWS_AT_ONCE = 65_536


class Choices(NamedTuple):
    """What persons chose, and what was shown to them in vain, in the order of the log.

    users  int64, shape (n,): any numbers that tell persons apart
    items  uint32, shape (n,): hashes of ids
    at_s   float64, shape (n,)
    liked  float32, shape (n,): above 0 what was chosen, 0 what was shown and not
    """

    users: NDArray[np.int64]
    items: NDArray[np.uint32]
    at_s: NDArray[np.float64]
    liked: Floats

    def first(self, count: int) -> "Choices":
        """The earliest of them."""
        return Choices(self.users[:count], self.items[:count], self.at_s[:count], self.liked[:count])


def train_collaborative(examples: Sequence[Example], champion: ModelPart | None, seed: int) -> ModelPart:
    """A collaborative part learnt from examples in the order of the log, warm from the champion.

    Examples of bounces teach nothing. The same examples, champion and seed give the same bytes.
    """
    before = None if champion is None else CollaborativePart.of(champion)
    arrays, settings = train_factors(choices_of(examples), seed, before)
    return ModelPart(
        workspace=examples[0].workspace,
        kind=PartKind.COLLABORATIVE,
        standing=Standing.CHAMPION,
        number=1 if champion is None else champion.number + 1,
        until_ms=max(example.ended_ms for example in examples),
        arrays=arrays,
        settings=settings,
        checksum=checksum_of(arrays, settings),
    )


def choices_of(examples: Iterable[Example]) -> Choices:
    """What examples say of choices: a variant that earned something was chosen, any other shown in vain."""
    numbers: dict[UserId, int] = {}
    rows = [
        (numbers.setdefault(example.user, len(numbers)), hash_of_name(variant), example.at_ms / 1000, example.reward)
        for example in examples
        if example.kind is not RewardKind.BOUNCE
        for variant in example.variants
    ]
    users, items, at_s, liked = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Choices(
        np.array(users, np.int64),
        np.array(items, np.uint32),
        np.array(at_s, np.float64),
        np.array(liked, np.float32),
    )


def train_factors(
    choices: Choices, seed: int, before: CollaborativePart | None = None
) -> tuple[tuple[Array, ...], dict[str, float]]:
    """The arrays of a collaborative part in the order of their names, and its settings.

    before  a part whose factors are gone on from

    The same choices, seed and part give the same bytes.
    """
    choices = most_chosen(choices, ITEMS_MAX)
    items, rows = np.unique(choices.items, return_inverse=True)
    neighbours, near = neighbours_of(choices, rows.astype(np.int64), len(items))
    factors = factors_of(choices, rows.astype(np.int64), items.astype(np.uint32), seed, before)
    arrays = (
        array_of("factors", factors, "<f4"),
        array_of("items", items, "<u4"),
        array_of("neighbours", neighbours, "<u4"),
        array_of("weights", near, "<f2"),
    )
    base = float(np.minimum(choices.liked, 1.0).mean()) if len(items) else 0.5
    return arrays, {"alpha": ALPHA, "base": base, "ridge": RIDGE}


def most_chosen(choices: Choices, count: int) -> Choices:
    """The choices of the items that were chosen most often; of equals those with the lower hash."""
    items, rows = np.unique(choices.items, return_inverse=True)
    if len(items) <= count:
        return choices
    times = np.bincount(rows, choices.liked > 0, len(items))
    is_kept = np.zeros(len(items), bool)
    is_kept[np.argsort(-times, kind="stable")[:count]] = True
    return Choices(*[column[is_kept[rows]] for column in choices])


def neighbours_of(choices: Choices, rows: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], Floats]:
    """For each item the rows of those chosen by the same persons nearby, and weights from 0 to 1.

    The weight of a pair is the sum over persons of what fades with lag, gap and age, over √((nᵢ + 1)(nⱼ + 1)): a
    cosine, with one choice of each item by somebody else.
    """
    chosen = np.flatnonzero(choices.liked > 0)
    order = chosen[np.argsort(choices.users[chosen], kind="stable")]
    half_life = max(HALF_LIFE_MIN, HALF_LIFE_SHARE * count)
    age = 0.5 ** ((len(choices.users) - 1 - order) / half_life)
    sums = _Pairs(count)
    for lag in range(1, min(LAGS_MAX, len(order) - 1) + 1):
        first, second = order[:-lag], order[lag:]
        same = (choices.users[first] == choices.users[second]) & (rows[first] != rows[second])
        gap = np.abs(choices.at_s[second] - choices.at_s[first])
        weight = LAG_FADE ** (lag - 1) * np.exp(-gap / GAP_S) * age[lag:]
        sums.add(rows[first][same], rows[second][same], weight[same])
    often = np.bincount(rows[order], age, count)
    return _nearest(*sums.read(), often, count)


class _Pairs:
    """Sums over pairs of items: beside the sums, no more is held at once than they take, or `PAIRS_AT_ONCE`."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._keys: list[NDArray[np.int64]] = []
        self._weights: list[NDArray[np.float64]] = []
        self._fresh = 0

    def add(self, first: NDArray[np.int64], second: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        self._keys += [first * self._count + second, second * self._count + first]
        self._weights += [weights, weights]
        self._fresh += 2 * len(first)
        if self._fresh > max(PAIRS_AT_ONCE, len(self._keys[0])):
            self._sum()
            self._fresh = 0

    def _sum(self) -> None:
        keys, places = np.unique(np.concatenate(self._keys), return_inverse=True)
        self._weights = [np.bincount(places, np.concatenate(self._weights), len(keys)).astype(np.float64)]
        self._keys = [keys]

    def read(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Both items and the weight of each pair, in the order of the pairs."""
        if not self._keys:
            none = np.zeros(0, np.int64)
            return none, none, np.zeros(0)
        self._sum()
        return self._keys[0] // self._count, self._keys[0] % self._count, self._weights[0]


def _nearest(
    first: NDArray[np.int64], second: NDArray[np.int64], weights: NDArray[np.float64], often: NDArray[Any], count: int
) -> tuple[NDArray[np.int64], Floats]:
    """The `NEIGHBOURS` heaviest pairs of each item; where there are fewer, row 0 with weight 0."""
    norms = 1.0 / np.sqrt(often + 1.0)
    scaled = np.minimum(weights * norms[first] * norms[second], 1.0)
    order = np.lexsort((second, -scaled, first))
    first, second, scaled = first[order], second[order], scaled[order]
    begins = np.searchsorted(first, np.arange(count))
    rank = np.arange(len(first)) - begins[first]
    kept = rank < NEIGHBOURS
    neighbours = np.zeros((count, NEIGHBOURS), np.int64)
    near = np.zeros((count, NEIGHBOURS), np.float32)
    neighbours[first[kept], rank[kept]] = second[kept]
    near[first[kept], rank[kept]] = scaled[kept]
    return neighbours, near


def factors_of(
    choices: Choices, rows: NDArray[np.int64], items: NDArray[np.uint32], seed: int, before: CollaborativePart | None
) -> Floats:
    """Factors of the items, by alternating weighted least squares (see `CollaborativePart.user_factors`).

    What was shown in vain counts as not chosen with the weight of a choice; all that was never shown with weight 1.
    """
    people, persons = np.unique(choices.users, return_inverse=True)
    pairs, places = np.unique(persons.astype(np.int64) * len(items) + rows, return_inverse=True)
    liked = np.zeros(len(pairs))
    np.maximum.at(liked, places, np.minimum(choices.liked, 1.0))
    persons, rows = pairs // max(len(items), 1), pairs % max(len(items), 1)
    of_items = np.random.default_rng(seed).normal(0.0, 0.1, (len(items), FACTORS))
    if before is not None and before.factors.shape[1] == FACTORS:
        known = before.rows_of(items)
        of_items[known >= 0] = before.factors[known[known >= 0]]
    by_item = np.argsort(rows, kind="stable")
    for _ in range(SWEEPS if before is None else WARM_SWEEPS):
        of_people = _solved(persons, rows, liked, of_items, len(people))
        of_items = _solved(rows[by_item], persons[by_item], liked[by_item], of_people, len(items))
    return of_items.astype(np.float32)


def _solved(
    whose: NDArray[np.int64], other: NDArray[np.int64], liked: NDArray[np.float64], fixed: NDArray[Any], count: int
) -> NDArray[np.float64]:
    """Least squares for each of `count`, whose pairs stand together, with the other side fixed."""
    width = fixed.shape[1]
    gram = fixed.T @ fixed + RIDGE * np.eye(width)
    found = np.zeros((count, width))
    starts = np.searchsorted(whose, np.arange(count + 1))
    at = 0
    while at < count:
        # As many rows of the answer as their pairs fit into what is held at once; at least one.
        end = max(at + 1, int(np.searchsorted(starts, starts[at] + ROWS_AT_ONCE, "right")) - 1)
        pairs = slice(starts[at], starts[end])
        vectors, weight = fixed[other[pairs]], ALPHA * np.ones(starts[end] - starts[at])
        local = whose[pairs] - at
        squares = (vectors[:, :, None] * vectors[:, None, :]).reshape(len(vectors), -1) * weight[:, None]
        wanted = vectors * ((weight + 1.0) * liked[pairs])[:, None]
        lefts = gram + _by_row(squares, local, end - at).reshape(-1, width, width)
        found[at:end] = np.linalg.solve(lefts, _by_row(wanted, local, end - at)[:, :, None])[:, :, 0]
        at = end
    return found


def _by_row(values: NDArray[np.float64], rows: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Sums of the values of each row; rows ascend."""
    sums = np.zeros((count, values.shape[1]))
    present, starts = np.unique(rows, return_index=True)
    if len(present):
        sums[present] = np.add.reduceat(values, starts, axis=0)
    return sums
