"""What is true of versions for all places in the log."""

from hypothesis import given
from hypothesis import strategies as st

from online_models.cells import Profile
from schemas.versions import Position, parts_of, version_of

positions = st.builds(
    Position,
    log_ms=st.one_of(st.integers(0, 5), st.integers(0, (1 << 46) - 1)),
    partition=st.one_of(st.integers(0, 3), st.integers(0, (1 << 31) - 1)),
    offset=st.one_of(st.integers(0, 5), st.integers(0, (1 << 63) - 1)),
)
sequences = st.one_of(st.integers(0, 3), st.integers(0, (1 << 32) - 1))


@given(positions, sequences, positions, sequences)
def test_versions_sort_as_their_parts(one: Position, first: int, other: Position, second: int) -> None:
    assert (version_of(one, first) < version_of(other, second)) is ((one, first) < (other, second))
    assert (version_of(one, first) == version_of(other, second)) is ((one, first) == (other, second))


@given(positions, sequences)
def test_parts_come_back(position: Position, sequence: int) -> None:
    assert parts_of(version_of(position, sequence)) == (position, sequence)


@given(st.lists(st.tuples(positions, st.integers(0, 3)), max_size=10))
def test_whatever_the_log_does_each_writing_has_a_higher_version(applied: list[tuple[Position, int]]) -> None:
    profile, written = Profile(), []
    for position, writings in applied:
        profile.advance(position)
        written += [profile.next_version() for _ in range(writings)]
    assert written == sorted(set(written))
