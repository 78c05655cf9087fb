"""The draw: seeded by the send id, by the stated probabilities."""

import pytest

from schemas.draws import draw, renormalise, uniform_of
from schemas.ids import SendId


def test_the_number_of_a_send_id_never_changes() -> None:
    # These numbers are stored behaviour: an exposure that is drawn again tomorrow must come out the same.
    assert uniform_of(SendId("send-1")) == 0.3456176558631203
    assert uniform_of(SendId("")) == 0.36173018684083924
    assert 0.0 <= uniform_of(SendId("\ud800 no proper text")) < 1.0


def test_a_certain_candidate_is_always_drawn() -> None:
    assert {draw((0.0, 1.0, 0.0), SendId(f"send-{n}")) for n in range(200)} == {1}


def test_a_candidate_without_a_chance_is_never_drawn_not_even_where_rounding_leaves_a_gap() -> None:
    almost_one = (0.5, 0.5 - 5e-7, 0.0)
    send = SendId("335374")
    assert uniform_of(send) > sum(almost_one)
    assert draw(almost_one, send) == 1


@pytest.mark.parametrize(
    "probabilities",
    [(), (0.0,), (0.5, 0.4), (0.6, 0.6), (1.5, -0.5), (float("nan"), 1.0), (float("inf"),)],
    ids=["none", "all zero", "too little", "too much", "negative", "nan", "infinite"],
)
def test_what_is_no_distribution_is_refused(probabilities: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="expected probabilities"):
        draw(probabilities, SendId("s"))
    with pytest.raises(ValueError, match="expected probabilities"):
        renormalise(probabilities, [True] * len(probabilities))


def test_a_candidate_no_longer_valid_is_dropped_and_the_rest_keep_their_ratio_and_place() -> None:
    assert renormalise((0.6, 0.1, 0.3), (False, True, True)) == pytest.approx((0.0, 0.25, 0.75))


def test_while_all_are_valid_the_propensity_is_the_stated_probability_to_the_bit() -> None:
    probabilities = (0.1, 0.2, 0.7 - 1e-12)
    assert renormalise(list(probabilities), (True, True, True)) == probabilities


def test_none_left_is_an_empty_table_and_so_is_none_left_with_a_chance() -> None:
    assert renormalise((0.4, 0.6), (False, False)) == ()
    assert renormalise((0.0, 1.0), (True, False)) == ()


def test_every_candidate_needs_a_validity() -> None:
    with pytest.raises(ValueError, match="expected 2 validities, got 1"):
        renormalise((0.5, 0.5), (True,))
