"""Weights of the sequence part are checked before they are used."""

import numpy as np
import pytest
from msgspec.structs import replace

from online_models.sequence.weights import HIDDEN_MAX, ITEMS_MAX, SequenceWeights
from schemas.errors import SchemaError
from schemas.models import PartKind
from tests.support.sequences import arrays_of, part_of


def test_good_weights_are_taken() -> None:
    weights = SequenceWeights.of(part_of(arrays_of(), deviation=0.2))
    assert (weights.hidden, weights.lineage, weights.deviation) == (16, 7, 0.2)


@pytest.mark.parametrize("name", sorted(arrays_of()))
def test_a_missing_array_is_named(name: str) -> None:
    arrays = arrays_of()
    del arrays[name]
    with pytest.raises(SchemaError, match=r"sequence: expected"):
        SequenceWeights.of(part_of(arrays))


@pytest.mark.parametrize("name", ["kernel", "bias", "tag_reward", "item_often", "often_next", "moment"])
def test_a_badly_shaped_array_is_named(name: str) -> None:
    arrays = arrays_of()
    arrays[name] = arrays[name][..., None]
    with pytest.raises(SchemaError, match=name):
        SequenceWeights.of(part_of(arrays))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(wrong: float) -> None:
    arrays = arrays_of()
    arrays["recurrent"][3, 3] = wrong
    with pytest.raises(SchemaError, match="expected recurrent as finite"):
        SequenceWeights.of(part_of(arrays))


def test_hashes_stand_in_order() -> None:
    arrays = arrays_of()
    arrays["tag_hashes"] = arrays["tag_hashes"][::-1].copy()
    with pytest.raises(SchemaError, match="tag_hashes as uint32, ascending"):
        SequenceWeights.of(part_of(arrays))


@pytest.mark.parametrize(("hidden", "items"), [(HIDDEN_MAX + 1, 1), (16, ITEMS_MAX + 1)])
def test_what_is_too_large_for_state_or_memory_is_refused(hidden: int, items: int) -> None:
    arrays = arrays_of(hidden=hidden) | {"item_hashes": np.arange(1, items + 1, dtype=np.uint32)}
    with pytest.raises(SchemaError, match="expected sizes"):
        SequenceWeights.of(part_of(arrays))


def test_damaged_bytes_and_other_kinds_are_refused() -> None:
    part = part_of(arrays_of())
    with pytest.raises(SchemaError, match="checksum"):
        SequenceWeights.of(replace(part, checksum=b"0" * 16))
    with pytest.raises(SchemaError, match="kind sequence"):
        SequenceWeights.of(replace(part, kind=PartKind.COLLABORATIVE))
