"""The recurrent state: stepped as Keras steps it, packed, bounded, begun anew where it means nothing."""

import json
from pathlib import Path

import numpy as np
import pytest

from online_models.sequence.state import (
    RESETS_MAX,
    SequenceInput,
    SequenceState,
    gap_of,
    hour_of_week,
    opened,
    packed,
    step,
    stepped,
    steps,
)
from online_models.sequence.weights import Floats, SequenceWeights
from online_models.terms import hash_of_name
from tests.support.sequences import arrays_of, part_of

GOLDEN = Path(__file__).parents[3] / "golden" / "sequence" / "keras.json"
VIEWED = SequenceInput(hash_of_name("Product Viewed"), hash_of_name("a"), (hash_of_name("jazz"),), 1_700_000_000_000)


def weights_of(lineage: float = 7.0, **changes: Floats) -> SequenceWeights:
    return SequenceWeights.of(part_of(arrays_of() | changes, lineage=lineage))


def test_steps_are_those_of_keras() -> None:
    # given a small GRU's weights, inputs and states, as Keras gave them
    golden = json.loads(GOLDEN.read_text())
    arrays = arrays_of(hidden=4, inputs=3)
    for name in ("kernel", "recurrent", "bias"):
        arrays[name] = np.array(golden[name], np.float32)
    arrays["moment"] = np.zeros_like(arrays["moment"])
    weights = SequenceWeights.of(part_of(arrays))
    state = np.zeros(4, np.float32)
    for told, expected in zip(golden["inputs"], golden["states"], strict=True):
        # when the input itself is what an unknown event of this kind adds
        projected = np.array(told, np.float32) @ arrays["kernel"] + arrays["bias"][0]
        weights._projected[1, 0, ()] = projected.astype(np.float32)
        state = stepped(state, weights, SequenceInput(1, 0, (), 0), 0.0)
        # then
        assert np.abs(state - np.array(expected)).max() < 1e-5


def test_the_same_steps_give_the_same_bytes_whatever_was_met_before() -> None:
    one, other = weights_of(), weights_of()
    step(b"", other, VIEWED._replace(item=hash_of_name("b")))
    assert step(step(b"", one, VIEWED), one, VIEWED) == step(step(b"", other, VIEWED), other, VIEWED)


def test_steps_together_are_one_after_the_other_to_the_byte() -> None:
    weights = weights_of()
    told = [VIEWED, VIEWED._replace(item=hash_of_name("b")), VIEWED._replace(at_ms=VIEWED.at_ms + 90_000)]
    one_by_one = b""
    for one in told:
        one_by_one = step(one_by_one, weights, one)
    assert steps(b"", weights, told) == one_by_one


def test_what_was_told_moves_the_state() -> None:
    weights = weights_of()
    states = {
        step(b"", weights, one)
        for one in (
            VIEWED,
            VIEWED._replace(kind=hash_of_name("reward:1")),
            VIEWED._replace(item=hash_of_name("b")),
            VIEWED._replace(tags=(hash_of_name("folk"),)),
            VIEWED._replace(at_ms=VIEWED.at_ms + 5 * 3_600_000),
        )
    }
    assert len({opened(state, weights).values.tobytes() for state in states}) == 5


def test_an_unknown_item_speaks_by_its_tags() -> None:
    weights = weights_of()
    unknown, none = VIEWED._replace(item=hash_of_name("never met")), VIEWED._replace(item=0)
    assert step(b"", weights, unknown) == step(b"", weights, none)
    assert step(b"", weights, unknown) != step(b"", weights, none._replace(tags=()))


def test_a_gap_between_steps_counts() -> None:
    weights, begun = weights_of(), step(b"", weights_of(), VIEWED)
    # A week later the hour is the same.
    at_once = step(begun, weights, VIEWED)
    later = step(begun, weights, VIEWED._replace(at_ms=VIEWED.at_ms + 7 * 86_400_000))
    assert opened(at_once, weights).values.tolist() != opened(later, weights).values.tolist()


def test_a_state_of_other_weights_goes_on_in_its_lineage_only() -> None:
    state = step(b"", weights_of(), VIEWED)
    trained_on = weights_of(base_reward=np.ones(17, np.float32))
    assert opened(state, trained_on).values.tolist() == opened(state, weights_of()).values.tolist()
    assert not opened(state, weights_of(lineage=8.0)).values.any()


@pytest.mark.parametrize("length", [0, 3, 13, 14, 77, 79, 200])
def test_bytes_of_another_length_begin_anew(length: int) -> None:
    state = opened(b"\x01" * length, weights_of())
    assert (state.values.tolist(), state.last_ms, state.resets) == ([0.0] * 16, 0, 0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e30, 5.0])
def test_numbers_that_no_step_gives_begin_anew_and_are_counted(wrong: float) -> None:
    weights = weights_of()
    values = np.full(16, wrong, np.float32)
    damaged = packed(SequenceState(values, 5, 2), weights)
    state = opened(step(damaged, weights, VIEWED), weights)
    assert state.resets == 3
    fresh = stepped(np.zeros(16, np.float32), weights, VIEWED, gap_of(5, VIEWED.at_ms))
    assert state.values.tolist() == fresh.tolist()


def test_resets_are_counted_up_to_a_bound() -> None:
    weights = weights_of()
    damaged = packed(SequenceState(np.full(16, np.nan, np.float32), 5, RESETS_MAX), weights)
    assert opened(damaged, weights).resets == RESETS_MAX


def test_the_packed_state_is_small() -> None:
    assert len(step(b"", weights_of(), VIEWED)) == 78


def test_what_is_remembered_of_inputs_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("online_models.sequence.weights.INPUTS_KEPT", 3)
    weights = weights_of()
    for item in range(20):
        step(b"", weights, VIEWED._replace(item=item))
        assert len(weights._projected) <= 3


def test_time_is_told_by_gap_and_hour() -> None:
    assert gap_of(0, 5) == gap_of(9, 5) == gap_of(5, 5) == 0.0
    assert gap_of(1, 1 << 45) == gap_of(1, 1 + 90 * 86_400_000) < 1.7
    assert hour_of_week(0) == 72
    assert hour_of_week(4 * 86_400_000) == 0
    assert hour_of_week(4 * 86_400_000 - 1) == 167
