"""Small made-up catalogues, and people who choose from them."""

from random import Random

import numpy as np

from online_models.terms import SlotTable, hash_of_name
from schemas.ids import SlotName, Tag, TemplateName, VariantId, WorkspaceId
from schemas.library import Variant
from schemas.models import Array, ModelPart, PartKind, Standing, checksum_of
from training.factors import Choices

CIRCLES = 4
"""Groups of people; each chooses from items of its own."""


def table_of(items: int) -> SlotTable:
    """A table of items, each of one kind and of one year; tags say nothing of circles."""
    variants = [
        Variant(VariantId(f"item{n}"), (Tag(f"kind:{n % 3}"), Tag(f"year:{1990 + n % 19}")), {}) for n in range(items)
    ]
    return SlotTable(TemplateName("letter"), SlotName("items"), variants)


def choices_of(count: int, items: int, users: int, seed: int) -> Choices:
    """People of a circle choose items whose number leaves the circle's remainder, all equally often."""
    chance = Random(seed)
    rows = []
    for place in range(count):
        user = chance.randrange(users)
        item = chance.randrange(items // CIRCLES) * CIRCLES + user % CIRCLES
        rows.append((user, hash_of_name(f"item{item}"), 60.0 * place, 1.0))
    columns = list(zip(*rows, strict=True))
    return Choices(
        np.array(columns[0], np.int64),
        np.array(columns[1], np.uint32),
        np.array(columns[2], np.float64),
        np.array(columns[3], np.float32),
    )


def part_of(arrays: tuple[Array, ...], settings: dict[str, float]) -> ModelPart:
    """A champion with these arrays."""
    return ModelPart(
        workspace=WorkspaceId("shop"),
        kind=PartKind.COLLABORATIVE,
        standing=Standing.CHAMPION,
        number=1,
        until_ms=0,
        arrays=arrays,
        settings=settings,
        checksum=checksum_of(arrays, settings),
    )
