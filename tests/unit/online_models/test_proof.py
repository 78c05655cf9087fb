"""What was learnt is believed as far as it held for what was decided after it was made."""

import math
import random

import numpy as np
import pytest

from online_models.proof import ALIKE, KEPT, SHARE_MAX, START, SURE, VARIANCE, Proof
from schemas.errors import StateCorrupt

SIZE = 4
"""Two inputs, then slope and offset."""
HELD = np.array([1.0, 2.0, 1.0, 0.0], np.float32)
"""Learnt weights; equal ones are 1 and 1."""


def judged(count: int, trust: float, *, late_ms: int = 0, batch: int = 1, proof: Proof | None = None) -> Proof:
    """Learnt weights give the second input 2; truth gives it 1 + trust. Labels of a batch come together."""
    made, seed = Proof(SIZE) if proof is None else proof, random.Random(11)
    for number in range(count):
        x = np.array([seed.gauss(-1.0, 0.5), seed.gauss(0.0, 1.0)])
        clicked = seed.random() < 1 / (1 + math.exp(-(x[0] + (1.0 + trust) * x[1])))
        at_ms = 1 + number // batch * max(late_ms, 1)
        made.see(HELD, x, float(x.sum()), (at_ms, at_ms + late_ms), clicked=clicked)
    return made


def test_before_anything_is_proved_nothing_is_believed() -> None:
    assert (Proof(SIZE).share, START) == (0.0, 0.0)


@pytest.mark.parametrize("trust", [0.0, 0.5, 1.0])
def test_the_share_is_how_far_it_was_best_to_go(trust: float) -> None:
    proof = judged(4_000, trust)
    assert proof.mean == pytest.approx(trust, abs=0.25)
    assert proof.share == pytest.approx(max(0.0, proof.mean - SURE * proof.variance**0.5))


@pytest.mark.parametrize(("trust", "share"), [(-2.0, 0.0), (3.0, 1.0)])
def test_it_is_never_less_than_nothing_nor_more_than_all(trust: float, share: float) -> None:
    assert judged(2_000, trust).share == share
    assert judged(0, trust).share == 0.0


def test_weights_are_not_judged_by_what_was_decided_before_they_were_made() -> None:
    proof = Proof(SIZE)
    for _ in range(500):
        proof.see(HELD, np.array([0.0, 1.0]), 1.0, (10, 90), clicked=True)
    assert (proof.mean, proof.variance) == (START, VARIANCE)
    # Made at 90: a decision of the same moment did not have them yet, one of the next had.
    proof.see(HELD, np.array([0.0, 1.0]), 1.0, (90, 95), clicked=True)
    assert proof.variance == VARIANCE
    proof.see(HELD, np.array([0.0, 1.0]), 1.0, (91, 95), clicked=True)
    assert proof.variance < VARIANCE


def test_late_labels_find_weights_that_are_older_still() -> None:
    proof = judged(4_000, 1.0, late_ms=50, batch=20)
    assert proof.late_ms == 50
    assert proof.mean > 0.5


def test_many_labels_of_one_time_count_for_few() -> None:
    alone, together = judged(3_000, 1.0), judged(3_000, 1.0, late_ms=50, batch=1_000)
    assert 1 / together.variance - 1 / VARIANCE < (1 / alone.variance - 1 / VARIANCE) / 2
    assert 0.0 < ALIKE < 1.0


def test_what_is_kept_is_bounded() -> None:
    assert len(judged(300, 1.0).packed()) <= 33 + KEPT * (12 + 4 * SIZE)


def test_what_is_stored_goes_on_as_the_living() -> None:
    for late_ms, batch in ((0, 1), (50, 20)):
        living = judged(333, 0.5, late_ms=late_ms, batch=batch)
        stored = Proof.of(living.packed(), SIZE)
        assert stored.packed() == living.packed()
        again = [judged(50, 0.5, late_ms=late_ms, batch=batch, proof=one).packed() for one in (living, stored)]
        assert again[0] == again[1]


def test_other_bytes_stop_the_job() -> None:
    packed = judged(10, 0.5).packed()
    for bad in (packed[:-1], packed + b"1", packed[:3], bytes([KEPT + 1]) + packed[1:]):
        with pytest.raises(StateCorrupt, match="expected a proof"):
            Proof.of(bad, SIZE)
    assert Proof.of(b"", SIZE).packed() == Proof(SIZE).packed()


def test_what_two_proved_adds_up() -> None:
    one, other = judged(1_000, 1.0), judged(1_000, 0.0)
    mean = (one.mean / one.variance + other.mean / other.variance) / (1 / one.variance + 1 / other.variance - 1)
    precision = 1 / one.variance + 1 / other.variance - 1 / VARIANCE
    one.merge(other)
    assert [one.mean, 1 / one.variance] == pytest.approx([mean, precision])
    before = one.mean, one.variance
    one.merge(Proof(SIZE))
    assert [one.mean, one.variance] == pytest.approx(list(before))


def test_doubt_makes_it_move_faster_again() -> None:
    proof = judged(1_000, 1.0)
    before = proof.mean, proof.variance
    proof.doubt(0.5)
    assert proof.mean == before[0]
    assert proof.variance == pytest.approx((before[1] + VARIANCE) / 2)


@pytest.mark.parametrize("bad", [math.nan, 2 * SHARE_MAX, -math.inf])
def test_a_share_that_ran_away_begins_anew(bad: float) -> None:
    proof = judged(100, 1.0)
    proof.mean = bad
    judged(2, 1.0, proof=proof)
    proof.merge(Proof(SIZE))
    assert proof.share < 0.5
    assert math.isfinite(proof.variance)
