"""The draw follows the stated probabilities, and a retry draws the same."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.draws import draw, renormalise
from schemas.ids import SendId
from tests.support.examples import quick

CHI_SQUARED_999 = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47, 7: 24.32}
"""Critical values at 0.999 by degrees of freedom. The send ids are fixed, so a pass stays a pass."""

distributions = st.lists(st.floats(0, 1), min_size=1, max_size=24).filter(lambda w: sum(w) > 1e-6)


def normalised(weights: list[float]) -> tuple[float, ...]:
    return tuple(w / sum(weights) for w in weights)


@pytest.mark.parametrize(
    "probabilities",
    [
        (0.5, 0.5),
        (0.9, 0.05, 0.05),
        (0.25, 0.25, 0.25, 0.25),
        (0.01, 0.01, 0.97, 0.005, 0.005),
        (0.6, 0.1, 0.1, 0.1, 0.04, 0.03, 0.02, 0.01),
    ],
)
def test_draws_match_the_stated_probabilities(probabilities: tuple[float, ...]) -> None:
    sends = 20_000
    counts = Counter(draw(probabilities, SendId(f"campaign-7|user-{n}")) for n in range(sends))
    chi_squared = sum((counts[i] - sends * p) ** 2 / (sends * p) for i, p in enumerate(probabilities))
    assert chi_squared < CHI_SQUARED_999[len(probabilities) - 1]


@given(weights=distributions, send=st.text(max_size=40))
@quick
def test_a_retry_draws_the_same_and_only_what_has_a_chance(weights: list[float], send: str) -> None:
    probabilities = normalised(weights)
    first = draw(probabilities, SendId(send))
    assert draw(list(probabilities), SendId(send)) == first
    assert probabilities[first] > 0


@given(weights=distributions, data=st.data())
@quick
def test_what_is_left_is_a_distribution_with_the_same_ratios(weights: list[float], data: st.DataObject) -> None:
    probabilities = normalised(weights)
    valid = data.draw(st.lists(st.booleans(), min_size=len(weights), max_size=len(weights)))
    left = renormalise(probabilities, valid)
    if not any(p > 0 for p, ok in zip(probabilities, valid, strict=True) if ok):
        assert left == ()
        return
    assert sum(left) == pytest.approx(1, abs=1e-9)
    assert all(p == 0 for p, ok in zip(left, valid, strict=True) if not ok)
    kept = sum(p for p, ok in zip(probabilities, valid, strict=True) if ok)
    assert left == pytest.approx([p / kept if ok else 0 for p, ok in zip(probabilities, valid, strict=True)])
    assert valid[draw(left, SendId("any"))]
