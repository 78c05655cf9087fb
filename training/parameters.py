"""The parameters of a sequence model as named arrays: begun with nothing, or with those of a trained part."""

from collections.abc import Sequence

import numpy as np

from online_models.sequence.weights import HEADS, MOMENTS, Floats
from schemas.models import Array, ModelPart
from training.vocabulary import Vocabulary, row_map

HIDDEN = 16
"""Numbers of the state: it lies in the hot cell, and is read and written on each event."""
INPUTS = 16

Parameters = dict[str, Floats]
"""Arrays as `online_models.sequence.weights.shapes_of` names them, without hashes and `item_often`; row 0 of a table is
for what has no row, and counts for nothing."""


def fresh(vocabulary: Vocabulary, seed: int) -> Parameters:
    """Random numbers where something must be told apart, zeros elsewhere: what was never met says nothing."""
    chance = np.random.Generator(np.random.PCG64(seed))
    items, kinds, tags = vocabulary.sizes()

    def normal(deviation: float, *shape: int) -> Floats:
        return (deviation * chance.standard_normal(shape)).astype(np.float32)

    def zeros(*shape: int) -> Floats:
        return np.zeros(shape, np.float32)

    return {
        "base_next": zeros(HIDDEN + 1),
        "base_reward": zeros(HIDDEN + 1),
        "bias": zeros(2, 3 * HIDDEN),
        "item_input": zeros(items, INPUTS),
        "item_next": zeros(items, HIDDEN + 1),
        "item_reward": zeros(items, HIDDEN + 1),
        "kernel": normal(INPUTS**-0.5, INPUTS, 3 * HIDDEN),
        "kind_add": normal(0.5, kinds, INPUTS),
        "kind_gain": normal(0.5, kinds, INPUTS),
        "moment": normal(0.4, MOMENTS, INPUTS),
        "often_input": normal(0.1, INPUTS),
        "often_next": zeros(HIDDEN + 1),
        "often_reward": zeros(HIDDEN + 1),
        "recurrent": normal(HIDDEN**-0.5, HIDDEN, 3 * HIDDEN),
        "tag_input": normal(0.3, tags, INPUTS),
        "tag_next": zeros(tags, HIDDEN + 1),
        "tag_reward": zeros(tags, HIDDEN + 1),
    }


def warm(vocabulary: Vocabulary, champion: ModelPart, seed: int) -> Parameters:
    """The champion's numbers for what it knew, fresh ones for what is new.

    Raises:
        SchemaError: the champion's arrays are not those of a sequence model.
    """
    old = {array.name: np.frombuffer(array.data, array.type).reshape(array.shape) for array in champion.arrays}
    parameters = fresh(vocabulary, seed)
    tables = {"item": vocabulary.items, "kind": vocabulary.kinds, "tag": vocabulary.tags}
    for name, values in parameters.items():
        of = name.split("_")[0]
        if of not in tables:
            values[...] = old[name]
            continue
        rows = row_map(tables[of])
        for one, row in zip(old[f"{of}_hashes"].tolist(), old[name], strict=True):
            if one in rows:
                values[rows[one]] = row
    return parameters


def arrays_of(parameters: Parameters, vocabulary: Vocabulary) -> tuple[Array, ...]:
    """The arrays of a part, in the order of their names: tables without what has no hash."""
    hashes = {"item": vocabulary.items, "kind": vocabulary.kinds, "tag": vocabulary.tags}
    arrays = [_array("item_often", vocabulary.often)]
    arrays += [_array(f"{of}_hashes", np.array(known, np.uint32)) for of, known in hashes.items()]
    for name, values in parameters.items():
        known = hashes.get(name.split("_")[0])
        arrays.append(_array(name, values if known is None else values[1 : len(known) + 1]))
    return tuple(sorted(arrays, key=lambda array: array.name))


def scaled(arrays: Sequence[Array], slope: float) -> tuple[Array, ...]:
    """The same arrays, whose term of rewards is multiplied by a number."""
    names = {f"{of}_{HEADS[0]}" for of in ("base", "item", "often", "tag")}
    return tuple(
        _array(one.name, np.frombuffer(one.data, "<f4").reshape(one.shape) * np.float32(slope))
        if one.name in names
        else one
        for one in arrays
    )


def _array(name: str, values: "np.typing.NDArray[np.generic]") -> Array:
    kind = "<u4" if values.dtype == np.uint32 else "<f4"
    return Array(name, kind, values.shape, np.ascontiguousarray(values, kind).tobytes())
