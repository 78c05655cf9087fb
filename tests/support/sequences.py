"""Small sequence parts, with random numbers of a seed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models.sequence.weights import Sizes, shapes_of
from online_models.terms import hash_of_name
from schemas.ids import WorkspaceId
from schemas.models import Array, ModelPart, PartKind, Standing, checksum_of

KINDS = ("Product Viewed", "reward:1", "reward:0")
ITEMS = ("a", "b", "c", "d")
TAGS = ("jazz", "folk", "rock")


def arrays_of(
    seed: int = 1,
    hidden: int = 16,
    inputs: int = 16,
    spread: float = 0.5,
    items: Sequence[str] = ITEMS,
    tags: Sequence[str] = TAGS,
) -> dict[str, NDArray[Any]]:
    chance = np.random.default_rng(seed)
    hashes = {
        "kind_hashes": sorted(map(hash_of_name, KINDS)),
        "item_hashes": sorted(map(hash_of_name, items)),
        "tag_hashes": sorted(map(hash_of_name, tags)),
    }
    sizes = Sizes(hidden, inputs, len(items), len(KINDS), len(tags))
    found = {name: spread * chance.standard_normal(shape) for name, shape in shapes_of(sizes).items()}
    arrays = {name: values.astype(np.float32) for name, values in found.items()}
    return arrays | {name: np.array(values, np.uint32) for name, values in hashes.items()}


def part_of(arrays: dict[str, NDArray[Any]], **settings: float) -> ModelPart:
    packed = tuple(
        Array(name, values.dtype.str, values.shape, values.tobytes()) for name, values in sorted(arrays.items())
    )
    settings = {"lineage": 7.0, **settings}
    checksum = checksum_of(packed, settings)
    return ModelPart(WorkspaceId("w"), PartKind.SEQUENCE, Standing.CHAMPION, 1, 0, packed, settings, checksum)
