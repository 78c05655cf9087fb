"""What is true of bounds on shares, whatever the distribution and the bounds are.

Mutants that fail here: clipping without the common factor (sum), scaling all alike (bounds), moving in proportion to
distances instead of probabilities (nearest), floors forgotten where lows are cut (floor).
"""

from math import fsum, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.policies.policy import floor_of
from online_models.policies.shares import LEAST, Shares, projected
from schemas.ids import VariantId
from schemas.library import Variant

PARTS = st.one_of(st.just(0.0), st.floats(0.0, 1.0), st.floats(0.0, 1e-9))
BOUND = st.one_of(st.just(0.0), st.just(1.0), st.floats(0.0, 1.0))


@st.composite
def bounded(draw: st.DrawFn) -> tuple[tuple[float, ...], list[Variant], float]:
    """A distribution, variants with bounds, and a floor."""
    parts = draw(st.lists(PARTS, min_size=1, max_size=20).filter(lambda parts: sum(parts) > 0))
    pairs = draw(st.lists(st.tuples(BOUND, BOUND).map(sorted), min_size=len(parts), max_size=len(parts)))
    whole = fsum(parts)
    variants = [
        Variant(VariantId(f"v{number}"), (), {}, share_min=low, share_max=max(high, 1e-6))
        for number, (low, high) in enumerate(pairs)
    ]
    return tuple(part / whole for part in parts), variants, draw(st.floats(0.0, 0.2))


@given(bounded())
def test_it_sums_to_one_within_bounds_that_leave_a_way(case: tuple[tuple[float, ...], list[Variant], float]) -> None:
    probabilities, variants, floor = case
    shares = Shares.of(variants, floor)
    found = projected(probabilities, shares)
    if shares is None:
        assert found == probabilities
        return
    least = floor_of(floor, len(variants))
    assert fsum(found) == pytest.approx(1.0, abs=1e-9)
    assert all(low - 1e-12 <= one <= high + 1e-12 for one, low, high in zip(found, *shares, strict=True))
    assert all(low >= least - 1e-12 for low in shares.lows)
    lows = [max(variant.share_min, least) for variant in variants]
    highs = [max(variant.share_max, low) for variant, low in zip(variants, lows, strict=True)]
    if fsum(lows) <= 1.0 <= fsum(highs):
        assert shares == Shares(tuple(lows), tuple(highs))


def divergence(found: tuple[float, ...], given_: list[float]) -> float:
    return sum(q * log(q / p) for q, p in zip(found, given_, strict=True) if q > 0.0)


@given(bounded(), st.lists(st.floats(0.0, 1.0), min_size=20, max_size=20))
def test_no_other_distribution_within_the_bounds_is_nearer(
    case: tuple[tuple[float, ...], list[Variant], float], towards: list[float]
) -> None:
    """Steps from the answer towards other points of the same bounds never lower the divergence."""
    probabilities, variants, floor = case
    shares = Shares.of(variants, floor)
    if shares is None:
        return
    given_ = [max(p, LEAST) for p in probabilities]
    found = projected(probabilities, shares)
    whole = sum(towards[: len(found)]) or 1.0
    other = projected([part / whole for part in towards[: len(found)]], shares)
    if fsum(other) != pytest.approx(1.0, abs=1e-9):
        return
    between = tuple(0.99 * one + 0.01 * its for one, its in zip(found, other, strict=True))
    assert divergence(found, given_) <= divergence(between, given_) + 1e-9


@given(bounded())
def test_those_that_meet_no_bound_keep_their_proportions(
    case: tuple[tuple[float, ...], list[Variant], float],
) -> None:
    probabilities, variants, floor = case
    shares = Shares.of(variants, floor)
    if shares is None:
        return
    found = projected(probabilities, shares)
    rows = zip(probabilities, found, *shares, strict=True)
    free = [q / p for p, q, low, high in rows if low + 1e-12 < q < high - 1e-12 and p > LEAST]
    assert all(ratio == pytest.approx(free[0], rel=1e-6) for ratio in free)


@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=10))
def test_what_keeps_the_bounds_is_left_to_the_bit(parts: list[float]) -> None:
    whole = fsum(parts)
    probabilities = tuple(part / whole for part in parts)
    assert projected(probabilities, Shares((0.0,) * len(parts), (1.0,) * len(parts))) == probabilities
    assert projected(probabilities, None) == probabilities
