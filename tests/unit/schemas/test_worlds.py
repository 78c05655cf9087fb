"""The world: two offsets, of which a user's only rise."""

from schemas.worlds import WorldRef


def test_the_newer_of_both_is_taken_part_by_part() -> None:
    assert WorldRef(3, 1).join(WorldRef(2, 5)) == WorldRef(3, 5)
    assert WorldRef().join(WorldRef(2, 0)) == WorldRef(2, 0)


def test_joining_again_or_in_another_order_changes_nothing() -> None:
    one, other = WorldRef(3, 1), WorldRef(2, 5)
    assert one.join(other) == other.join(one) == one.join(other).join(one)


def test_an_event_that_names_no_world_was_before_all_worlds() -> None:
    assert WorldRef() == WorldRef(0, 0) < WorldRef(0, 1)
