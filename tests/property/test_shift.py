"""What is true of divergence and shift for all distributions."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.shift import divergence, shifted
from schemas.library import ShiftSettings
from tests.support.examples import quick

_Pair = tuple[tuple[float, ...], tuple[float, ...]]
weights = st.lists(st.one_of(st.just(0.0), st.floats(1e-12, 1)), min_size=2, max_size=20).filter(sum)


def normalised(weights: list[float]) -> tuple[float, ...]:
    return tuple(w / sum(weights) for w in weights)


@st.composite
def pairs(draw: st.DrawFn) -> _Pair:
    one = draw(weights)
    other = draw(st.lists(st.floats(0, 1), min_size=len(one), max_size=len(one)).filter(lambda w: sum(w) > 1e-6))
    near = draw(st.sampled_from([1.0, 0.3, 0.1, 0.03, 0.001]))
    p, q = normalised(one), normalised(other)
    return p, normalised([(1 - near) * a + near * b for a, b in zip(p, q, strict=True)])


def entropy(p: Sequence[float]) -> float:
    return -math.fsum(x * math.log2(x) for x in p if x > 0)


@given(pair=pairs())
@quick
def test_divergence_is_the_entropy_of_the_mean_above_the_mean_of_entropies(pair: _Pair) -> None:
    p, q = pair
    mean = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    assert divergence(p, q) == pytest.approx(entropy(mean) - (entropy(p) + entropy(q)) / 2, abs=1e-9)


@given(pair=pairs())
@quick
def test_divergence_is_symmetric_and_between_zero_and_one(pair: _Pair) -> None:
    p, q = pair
    assert 0 <= divergence(p, q) <= 1
    assert divergence(p, q) == divergence(q, p)
    assert divergence(p, p) == 0


@given(pair=pairs(), threshold=st.floats(0.0001, 0.5), lead=st.floats(0, 0.5))
@quick
def test_the_shortcuts_never_change_the_answer(pair: _Pair, threshold: float, lead: float) -> None:
    emitted, now = pair
    settings = ShiftSettings(divergence=threshold, lead=lead)
    old = max(range(len(emitted)), key=emitted.__getitem__)
    new = max(range(len(now)), key=lambda i: (now[i], i == old))
    overtaken = new != old and now[new] - now[old] >= lead
    assert shifted(emitted, now, settings) == (overtaken or divergence(emitted, now) > threshold)


@given(pair=pairs())
@quick
def test_what_was_just_emitted_has_not_shifted(pair: _Pair) -> None:
    assert not shifted(pair[1], pair[1], ShiftSettings(divergence=0.0, lead=0.0))
