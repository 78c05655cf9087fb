"""A person's taste: what was met last, packed."""

import pytest

from online_models.collaborative import NO_TASTE, TASTE_BYTES_MAX, Met, Taste, take, taste_of
from online_models.collaborative.taste import ITEMS_MAX, MET_MAX
from schemas.errors import StateCorrupt


def test_nothing_packed_is_no_taste() -> None:
    assert taste_of(b"") == NO_TASTE == Taste(0, ())


def test_the_newest_item_is_first() -> None:
    packed = take(take(b"", 1, 1_000, 1.0), 2, 2_999, 0.0)
    assert taste_of(packed) == Taste(2, (Met(2, 2, 1.0, 0.0, 0.0), Met(1, 1, 1.0, 1.0, 1.0)))


def test_an_item_met_again_moves_to_the_front_and_is_counted() -> None:
    packed = take(take(take(b"", 1, 0, 1.0, 0.75), 2, 0, 1.0), 1, 5_000, 0.0, 0.5)
    assert taste_of(packed) == Taste(3, (Met(1, 5, 2.0, 1.0, -0.25), Met(2, 0, 1.0, 1.0, 1.0)))


def test_beyond_its_bound_the_oldest_leaves_and_the_total_goes_on() -> None:
    packed = b""
    for item in range(1, ITEMS_MAX + 4):
        packed = take(packed, item, item * 1_000, 1.0)
    taste = taste_of(packed)
    assert len(packed) == TASTE_BYTES_MAX
    assert taste.total == ITEMS_MAX + 3
    assert [one.item for one in taste.items] == list(range(ITEMS_MAX + 3, 3, -1))


def test_what_is_met_for_ever_stays_finite() -> None:
    packed = b""
    for _ in range(int(MET_MAX) + 10):
        packed = take(packed, 7, 0, 1.0)
    (one,) = taste_of(packed).items
    assert MET_MAX / 2 <= one.met <= MET_MAX
    assert one.liked == one.met


@pytest.mark.parametrize(("liked", "kept"), [(2.0, 1.0), (-1.0, 0.0), (float("nan"), 0.0), (float("inf"), 1.0)])
def test_a_liking_out_of_range_is_clamped(liked: float, kept: float) -> None:
    assert taste_of(take(b"", 7, 0, liked)).items[0].liked == kept


@pytest.mark.parametrize("at_ms", [-1, 2**45])
def test_a_time_out_of_range_is_clamped(at_ms: int) -> None:
    assert taste_of(take(b"", 7, at_ms, 1.0)).items[0].at_s in (0, 2**32 - 1)


@pytest.mark.parametrize("packed", [b"x", b"1234", b"1234" + b"x" * 11, b"1234" + b"x" * 14 * (ITEMS_MAX + 1)])
def test_other_bytes_are_refused(packed: bytes) -> None:
    with pytest.raises(StateCorrupt, match="expected a taste"):
        taste_of(packed)
