"""The user's cells: empty to begin with, their place in the log, versions that only rise."""

import pytest

from flink_jobs.cells import CELLS
from online_models.cells import OpenExposures, Profile
from schemas.codec import Cell, decode, encode
from schemas.versions import Position, parts_of


@pytest.mark.parametrize("kind", [row.kind for row in CELLS])
def test_an_empty_cell_is_small_and_comes_back(kind: type[Cell]) -> None:
    packed = encode(kind())
    assert decode(kind, packed) == kind()
    assert len(packed) < 128


def test_two_users_share_nothing() -> None:
    one, other = Profile(), Profile()
    one.traits.clear()
    one.tags.add("jazz", 1.0, 0, 1, 8)
    one.hours.add(5, 1.0, 0, 1, 8)
    one.emitted.clear()
    assert other == Profile()
    assert one.tags is not one.hours
    assert other.tags.values == {}


def test_a_version_names_the_newest_record_and_counts_what_was_written_since() -> None:
    profile = Profile()
    profile.advance(Position(5, 1, 9))
    first, second = profile.next_version(), profile.next_version()
    assert parts_of(first) == (Position(5, 1, 9), 0)
    assert parts_of(second) == (Position(5, 1, 9), 1)


def test_a_newer_record_starts_the_count_anew() -> None:
    profile = Profile()
    profile.advance(Position(5, 1, 9))
    old = profile.next_version()
    profile.advance(Position(5, 1, 10))
    assert parts_of(profile.next_version()) == (Position(5, 1, 10), 0)
    assert profile.next_version() > old


@pytest.mark.parametrize("older", [Position(4, 1, 10), Position(5, 0, 99), Position(5, 1, 9)])
def test_where_log_time_jumps_back_versions_go_on_rising(older: Position) -> None:
    profile = Profile()
    profile.advance(Position(5, 1, 9))
    before = profile.next_version()
    profile.advance(older)
    after = profile.next_version()
    assert after > before
    assert parts_of(after) == (Position(5, 1, 9), 1)


def test_the_cells_of_the_table_have_names_of_their_own_and_say_all() -> None:
    assert len({row.name for row in CELLS}) == len({row.kind for row in CELLS}) == len(CELLS)
    for row in CELLS:
        assert row.purpose
        assert row.bound
        assert row.ttl
        assert row.erasure
    assert OpenExposures in {row.kind for row in CELLS}
