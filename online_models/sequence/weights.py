"""Weights of the sequence part: what training exported, checked, and laid out for stepping one person."""

from collections.abc import Mapping, Sequence
from math import pi
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from schemas.errors import Reason, SchemaError
from schemas.models import ModelPart, PartKind

Floats = NDArray[np.float32]
HIDDEN_MAX = 24
"""Numbers of the state: it lies in the hot cell. Training makes `training.sequence.HIDDEN` of them."""
INPUTS_MAX = 64
ITEMS_MAX = 16_383
TAGS_MAX = 4_095
KINDS_MAX = 255
TAGS_OF_INPUT_MAX = 12
"""Tags of one event or variant that count; the rest is not looked at."""
INPUTS_KEPT = 4_096
"""Inputs whose projection is remembered: a workspace has few kinds, tags and contents that are met daily."""
MOMENTS = 5
"""Numbers that say when: how long since the step before, and the hour of the day and of the week on their circles."""
HOURS_OF_WEEK = 168
WEIGHT_MAX = 1e4
"""No honest weight reaches it; of larger ones products of three would overflow."""
LINEAGE_MAX = 0xFFFFFFFF
HEADS = ("reward", "next")
"""What states are asked for: the log-odds of a reward beyond those of the other terms, and what comes next."""


class Sizes(NamedTuple):
    """hidden (H), inputs (E), and rows of the tables of items, kinds and tags."""

    hidden: int
    inputs: int
    items: int
    kinds: int
    tags: int


def shapes_of(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """The shape of each array, in the order of the alphabet.

    A column of a head's table is one of the state's numbers, or the last: what is added whatever the state is.
    To an item's own row comes `often_…`, as many times as `item_often` tells: log(1 + how often it was met).
    """
    hidden, inputs, items, kinds, tags = sizes
    heads = {f"{name}_{head}": (rows, hidden + 1) for head in HEADS for name, rows in (("item", items), ("tag", tags))}
    named = {
        **heads,
        **{f"base_{head}": (hidden + 1,) for head in HEADS},
        **{f"often_{head}": (hidden + 1,) for head in HEADS},
        "bias": (2, 3 * hidden),
        "item_hashes": (items,),
        "item_input": (items, inputs),
        "item_often": (items,),
        "kernel": (inputs, 3 * hidden),
        "kind_add": (kinds, inputs),
        "kind_gain": (kinds, inputs),
        "kind_hashes": (kinds,),
        "moment": (MOMENTS, inputs),
        "often_input": (inputs,),
        "recurrent": (hidden, 3 * hidden),
        "tag_hashes": (tags,),
        "tag_input": (tags, inputs),
    }
    return dict(sorted(named.items()))


class SequenceWeights:
    """A GRU's weights and embeddings, and projections of inputs that were met.

    lineage    names the training that began with nothing: states of one lineage go on under its later weights
    deviation  of what the term says, in log-odds

    The cell is Keras's `GRU(reset_after=True)`; source: Cho et al. 2014, arXiv:1406.1078, in the variant of
    Chung et al. 2014 that multiplies by the reset gate after the recurrent product.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]], lineage: int, deviation: float = 0.0) -> None:
        self.lineage = lineage
        self.deviation = deviation
        self.hidden = len(arrays["recurrent"])
        self.recurrent = _floats(arrays["recurrent"])
        self.recurrent_bias = _floats(arrays["bias"])[1]
        self._kernel = _floats(arrays["kernel"])
        self._input_bias = _floats(arrays["bias"])[0]
        self._rows = {
            name: dict(zip(arrays[f"{name}_hashes"].tolist(), range(len(arrays[f"{name}_hashes"])), strict=True))
            for name in ("item", "kind", "tag")
        }
        self._tables = {
            name: _floats(values)
            for name, values in arrays.items()
            if name.startswith(("kind_", "tag_", "base_")) and not name.endswith("hashes")
        }
        often = _floats(arrays["item_often"])[:, None]
        for name in ("input", *HEADS):
            self._tables[f"item_{name}"] = _floats(arrays[f"item_{name}"]) + often * _floats(arrays[f"often_{name}"])
        moment = _floats(arrays["moment"]) @ self._kernel
        self.gap: Floats = moment[0]
        self.hours: list[Floats] = list(hours() @ moment[1:])
        self._projected: dict[tuple[int, int, tuple[int, ...]], Floats] = {}

    @classmethod
    def of(cls, part: ModelPart) -> Self:
        """Read a trained part.

        Raises:
            SchemaError: it is none of this kind, or its arrays are not what stepping needs.
        """
        if part.kind is not PartKind.SEQUENCE:
            raise SchemaError(Reason.WRONG_TYPE, f"expected a part of kind sequence, got {part.kind}")
        part.check()
        arrays = {array.name: np.frombuffer(array.data, array.type).reshape(array.shape) for array in part.arrays}
        _check(arrays)
        lineage, deviation = part.settings.get("lineage", 0.0), part.settings.get("deviation", 0.0)
        if not (0.0 <= lineage <= LINEAGE_MAX and deviation >= 0.0):
            raise SchemaError(Reason.WRONG_TYPE, "sequence: expected a lineage of 32 bits and a deviation of 0 or more")
        return cls(arrays, int(lineage), deviation)

    def projected(self, kind: int, item: int, tags: tuple[int, ...]) -> Floats:
        """What an input adds to the gates, whenever it comes: shape (3 · hidden,); an unknown hash adds nothing."""
        found = self._projected.get((kind, item, tags))
        if found is None:
            if len(self._projected) >= INPUTS_KEPT:
                self._projected.clear()
            tables, row = self._tables, self._rows["kind"].get(kind)
            embedded = self._sum("input", item, tags, np.zeros(len(self._kernel), np.float32))
            if row is not None:
                embedded = embedded * (1.0 + tables["kind_gain"][row]) + tables["kind_add"][row]
            found = self._projected[kind, item, tags] = embedded @ self._kernel + self._input_bias
        return found

    def output(self, head: str, item: int, tags: tuple[int, ...]) -> Floats:
        """What a state is multiplied by for an item: shape (hidden + 1,), the last is added."""
        return self._sum(head, item, tags, self._tables[f"base_{head}"])

    def parts(self, head: str, item: int, tags: Sequence[int]) -> list[Floats]:
        """The summands of `output`: of all, of the item, then of each of its tags that count."""
        tables, item_row = self._tables, self._rows["item"].get(item)
        nothing = np.zeros(len(tables[f"base_{head}"]), np.float32)
        own = nothing if item_row is None else tables[f"item_{head}"][item_row]
        rows = [self._rows["tag"].get(tag) for tag in tags[:TAGS_OF_INPUT_MAX]]
        share = np.float32(max(1, len(rows)) ** -0.5)
        return [
            tables[f"base_{head}"],
            own,
            *[nothing if row is None else tables[f"tag_{head}"][row] * share for row in rows],
        ]

    def _sum(self, name: str, item: int, tags: tuple[int, ...], base: Floats) -> Floats:
        """Base + the item's row + its tags' rows, which together have length 1 whatever their number."""
        total, item_row, tags = base, self._rows["item"].get(item), tags[:TAGS_OF_INPUT_MAX]
        if item_row is not None:
            total = total + self._tables[f"item_{name}"][item_row]
        rows = [row for tag in tags if (row := self._rows["tag"].get(tag)) is not None]
        if rows:
            total = total + self._tables[f"tag_{name}"][rows].sum(0) * np.float32(len(tags) ** -0.5)
        found: Floats = np.asarray(total, np.float32)
        return found


def hours() -> Floats:
    """Each hour of the week on the circles of the day and of the week: shape (168, 4)."""
    hour = np.arange(HOURS_OF_WEEK)
    day, week = 2 * pi * hour / 24, 2 * pi * hour / HOURS_OF_WEEK
    found: Floats = np.stack([np.sin(day), np.cos(day), np.sin(week), np.cos(week)], 1).astype(np.float32)
    return found


def sizes_of(arrays: Mapping[str, NDArray[np.generic]]) -> Sizes:
    """What the tables' first rows say; 0 where an array is missing."""
    lengths = [
        len(arrays[name]) if name in arrays and arrays[name].ndim else 0
        for name in ("recurrent", "kernel", "item_hashes", "kind_hashes", "tag_hashes")
    ]
    return Sizes(*lengths)


def _check(arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Refuse arrays that are missing, badly shaped, too large, not finite, or not in order."""
    sizes = sizes_of(arrays)
    bounds = Sizes(HIDDEN_MAX, INPUTS_MAX, ITEMS_MAX, KINDS_MAX, TAGS_MAX)
    if any(size > bound for size, bound in zip(sizes, bounds, strict=True)) or not (sizes.hidden and sizes.inputs):
        raise SchemaError(Reason.TOO_LARGE, f"sequence: expected sizes from 1 to {tuple(bounds)}, got {tuple(sizes)}")
    for name, shape in shapes_of(sizes).items():
        found = arrays.get(name)
        if found is None or found.shape != shape:
            came = "none" if found is None else str(found.shape)
            raise SchemaError(Reason.WRONG_TYPE, f"sequence: expected an array {name} of shape {shape}, got {came}")
        if name.endswith("hashes"):
            if found.dtype != np.uint32 or (np.diff(found.astype(np.int64)) <= 0).any():
                raise SchemaError(Reason.WRONG_TYPE, f"sequence: expected {name} as uint32, ascending")
        elif found.dtype != np.float32 or not np.abs(found).max(initial=0.0) <= WEIGHT_MAX:
            raise SchemaError(Reason.NOT_FINITE, f"sequence: expected {name} as finite float32 up to {WEIGHT_MAX:.0f}")


def _floats(values: NDArray[np.generic]) -> Floats:
    return np.ascontiguousarray(values, np.float32)
