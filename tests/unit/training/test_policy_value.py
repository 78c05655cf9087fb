"""Off-policy evaluation finds what a policy would have earned, and says so only where it can."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.policy_value import ESS_MIN, PERSONS_MIN, ROWS_MIN, Logged, nothing_told, policy_value

RATES = np.array([0.2, 0.5, 0.3])
LOGGING = np.array([0.5, 0.2, 0.3])


def logged(count: int, challenger: list[float], champion: list[float], persons: int = 500, seed: int = 1) -> Logged:
    """Draws by `LOGGING`, rewarded by `RATES`."""
    chance = np.random.default_rng(seed)
    shown = chance.choice(3, count, p=LOGGING)
    rewards = (chance.random(count) < RATES[shown]).astype(np.float64)
    who: NDArray[np.int64] = np.arange(count) % persons
    return Logged(who, rewards, LOGGING[shown], np.array(challenger)[shown], np.array(champion)[shown])


def test_the_value_is_what_the_policy_would_have_earned() -> None:
    found = policy_value(logged(20_000, [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]))
    assert found.challenger == pytest.approx(0.1 * 0.2 + 0.8 * 0.5 + 0.1 * 0.3, abs=0.02)
    assert found.champion == pytest.approx(0.8 * 0.2 + 0.1 * 0.5 + 0.1 * 0.3, abs=0.02)
    assert found.lo < 0.45 - 0.24 < found.hi
    assert found.earned == pytest.approx(float(RATES @ LOGGING), abs=0.01)
    assert found.reached == pytest.approx(1.0, abs=0.05)
    assert not found.is_worse
    assert not found.silent


def test_a_worse_policy_is_found_to_be_worse() -> None:
    assert policy_value(logged(20_000, [0.8, 0.1, 0.1], [0.1, 0.8, 0.1])).is_worse


def test_policies_that_are_the_same_differ_by_nothing() -> None:
    found = policy_value(logged(1_000, [0.2, 0.5, 0.3], [0.2, 0.5, 0.3]))
    assert (found.difference, found.lo, found.hi) == (0.0, 0.0, 0.0)
    assert not found.is_worse


def test_intervals_hold_the_truth() -> None:
    held = 0
    for seed in range(200):
        found = policy_value(logged(800, [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], seed=seed))
        held += found.lo <= 0.21 <= found.hi
    assert 182 <= held <= 198


def test_what_one_person_did_many_times_is_one_persons() -> None:
    once = logged(400, [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], persons=400)
    again = Logged(*[np.concatenate([column] * 4) for column in once])
    alone, repeated = policy_value(once), policy_value(again)
    assert repeated.hi - repeated.lo == pytest.approx(alone.hi - alone.lo, rel=0.01)


def test_what_the_candidates_do_not_reach_is_told() -> None:
    found = policy_value(logged(2_000, [0.1, 0.3, 0.1], [0.2, 0.2, 0.2]))
    assert found.reached == pytest.approx(0.5, abs=0.1)


def test_too_little_says_nothing() -> None:
    few = policy_value(logged(ROWS_MIN - 1, [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]))
    alone = policy_value(logged(ROWS_MIN, [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], persons=PERSONS_MIN - 1))
    rare = logged(ROWS_MIN, [0.1, 0.8, 0.1], [0.8, 0.1, 0.1])
    rare = rare._replace(challenger=np.where(np.arange(ROWS_MIN) < ESS_MIN / 2, 0.5, 0.0))
    assert "exposures" in few.silent
    assert "persons" in alone.silent
    assert "worth" in policy_value(rare).silent
    assert not any(one.is_worse for one in (few, alone, policy_value(rare), nothing_told("no release")))
