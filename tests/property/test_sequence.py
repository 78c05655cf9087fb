"""What is true of the recurrent state for all inputs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from online_models.sequence.state import VALUE_MAX, SequenceInput, opened, packed, step
from online_models.sequence.weights import SequenceWeights
from online_models.terms import hash_of_name
from tests.support.sequences import ITEMS, KINDS, TAGS, arrays_of, part_of

WEIGHTS = SequenceWeights.of(part_of(arrays_of(spread=3.0)))
hashes = st.one_of(st.just(0), st.integers(1, (1 << 32) - 1))
inputs = st.builds(
    SequenceInput,
    kind=st.one_of(hashes, st.sampled_from(KINDS).map(hash_of_name)),
    item=st.one_of(hashes, st.sampled_from(ITEMS).map(hash_of_name)),
    tags=st.lists(st.one_of(hashes, st.sampled_from(TAGS).map(hash_of_name)), max_size=40).map(tuple),
    at_ms=st.integers(0, (1 << 46) - 1),
)


@given(st.binary(max_size=120), st.lists(inputs, max_size=8))
def test_whatever_is_stored_and_told_the_state_is_finite_and_bounded(stored: bytes, told: list[SequenceInput]) -> None:
    state = stored
    for one in told:
        state = step(state, WEIGHTS, one)
    found = opened(state, WEIGHTS)
    assert np.isfinite(found.values).all()
    assert abs(found.values).max() <= VALUE_MAX
    assert len(state) == 78 or not told


@given(st.lists(inputs, min_size=1, max_size=8))
def test_a_state_goes_round_through_its_bytes(told: list[SequenceInput]) -> None:
    state = b""
    for one in told:
        state = step(state, WEIGHTS, one)
    assert packed(opened(state, WEIGHTS), WEIGHTS) == state


@given(st.lists(inputs, max_size=5), st.integers(0, 5))
def test_a_fold_may_be_interrupted_anywhere(told: list[SequenceInput], place: int) -> None:
    whole, parts = b"", b""
    again = SequenceWeights.of(part_of(arrays_of(spread=3.0)))
    for one in told:
        whole = step(whole, WEIGHTS, one)
    for number, one in enumerate(told):
        parts = step(bytes(parts), WEIGHTS if number < place else again, one)
    assert parts == whole
