"""The codec: a version byte, then MessagePack; what is newer or broken is told apart."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pytest
import zstandard

from schemas.codec import SQUEEZED_MAX, Cell, Upgrade, Versioned, decode, encode
from schemas.errors import StateCorrupt, StateError, StateVersionError


class Point(Versioned, frozen=True):
    x: int
    name: str = ""


class Tally(Cell):
    counts: dict[str, float] = {}


def _from_first(body: bytes) -> Any:
    (x,) = msgspec.msgpack.decode(body, type=tuple[int])
    return NewPoint(x=float(x), y=0.0)


class NewPoint(Versioned, frozen=True):
    """The third version: the first had an integer alone, the second is no longer read."""

    SCHEMA_VERSION: ClassVar[int] = 3
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {1: _from_first}

    x: float
    y: float


def test_the_first_byte_is_the_version() -> None:
    assert encode(Point(1))[0] == 1
    assert encode(NewPoint(1.0, 2.0))[0] == 3


@pytest.mark.parametrize("shape", [Point(1, "a"), Point(-(2**63)), NewPoint(0.5, -0.0), Tally(), Tally({"a": 1.5})])
def test_what_was_packed_comes_back(shape: Versioned | Cell) -> None:
    assert decode(type(shape), encode(shape)) == shape


def test_equal_shapes_give_equal_bytes() -> None:
    assert encode(Point(1, "a")) == encode(Point(1, "a"))
    assert encode(Tally({"a": 1.0, "b": 2.0})) == encode(Tally({"a": 1.0, "b": 2.0}))


def test_a_map_is_packed_in_its_own_order_which_some_cells_live_by() -> None:
    forwards, backwards = Tally({"a": 1.0, "b": 2.0}), Tally({"b": 2.0, "a": 1.0})
    assert list(decode(Tally, encode(backwards)).counts) == ["b", "a"]
    assert encode(forwards) != encode(backwards)


def test_a_field_added_last_reads_as_its_default_where_it_was_not_written() -> None:
    assert decode(Point, bytes((1,)) + msgspec.msgpack.encode([7])) == Point(7, "")


def test_an_older_version_is_upgraded() -> None:
    first = bytes((1,)) + msgspec.msgpack.encode([7])
    assert decode(NewPoint, first) == NewPoint(7.0, 0.0)


def test_a_newer_version_is_a_deployment_mistake() -> None:
    with pytest.raises(StateVersionError, match="expected Point version 1 or older, got 2"):
        decode(Point, b"\x02" + encode(Point(1))[1:])


@pytest.mark.parametrize("version", [0, 2])
def test_a_version_that_nobody_can_read_any_more_is_not_called_newer(version: int) -> None:
    with pytest.raises(StateCorrupt, match=f"version {version}"):
        decode(NewPoint, bytes((version,)) + encode(NewPoint(1.0, 2.0))[1:])


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x01",
        b"\x01\xc1",
        b"\x01" + msgspec.msgpack.encode(["one"]),
        b"\x01" + msgspec.msgpack.encode([]),
        b"\x01" + msgspec.msgpack.encode({"x": 1}),
        b"\x01" + msgspec.msgpack.encode([1, 2]),
        encode(Point(1, "a"))[:-1],
        encode(Point(1, "a")) + b"\x00",
        b"\x01\x92\x01\xa1\xff",
        b"\x01\xdd\xff\xff\xff\xff",
        b"\x01\x93\x01\xa0" + b"\x91" * 100_000,
    ],
)
def test_garbage_is_corrupt_and_stops_the_job(garbage: bytes) -> None:
    with pytest.raises(StateCorrupt):
        decode(Point, garbage)


def test_an_upgrade_that_finds_garbage_is_corrupt_too() -> None:
    with pytest.raises(StateCorrupt):
        decode(NewPoint, b"\x01" + msgspec.msgpack.encode(["one"]))


def test_both_faults_of_stored_bytes_stop_the_job() -> None:
    assert issubclass(StateCorrupt, StateError)
    assert issubclass(StateVersionError, StateError)


class Crowd(Cell):
    DEFLATED_FROM: ClassVar[int] = 64

    names: list[str] = []


def test_a_cell_that_is_deflated_when_it_is_long_reads_as_it_was_and_a_short_one_stays_plain() -> None:
    short, long = Crowd(["ana"]), Crowd(["ana"] * 200)
    assert encode(short)[0] == 1
    assert encode(long)[0] == 0x81
    assert len(encode(long)) < 40
    assert encode(long) == encode(Crowd(["ana"] * 200))
    assert [decode(Crowd, encode(one)) for one in (short, long)] == [short, long]


@pytest.mark.parametrize("broken", ["cut", "turned", "other"])
def test_a_deflated_cell_that_is_damaged_is_told_as_corrupt(broken: str) -> None:
    packed = encode(Crowd([f"person-{number}" for number in range(200)]))
    damaged = {"cut": packed[:-4], "turned": packed[:1] + b"\xff" + packed[2:], "other": b"\x81"}[broken]
    with pytest.raises(StateCorrupt):
        decode(Crowd, damaged)


def test_a_cell_that_is_never_deflated_takes_the_mark_for_a_newer_version() -> None:
    with pytest.raises(StateVersionError):
        decode(Tally, b"\x81" + encode(Tally())[1:])


class Page(Versioned, frozen=True):
    SQUEEZED_FROM: ClassVar[int] = 64

    words: str = ""


def test_a_shape_that_is_compressed_when_it_is_long_reads_as_it_was_and_a_short_one_stays_plain() -> None:
    short, long = Page("ana"), Page("ana " * 200)
    assert encode(short)[0] == 1
    assert encode(long)[0] == 0x81
    assert len(encode(long)) < 40
    assert encode(long) == encode(Page("ana " * 200))
    assert [decode(Page, encode(one)) for one in (short, long)] == [short, long]


@pytest.mark.parametrize("broken", ["cut", "turned", "other", "bomb", "endless"])
def test_a_compressed_shape_that_is_damaged_or_unfolds_without_bound_is_told_as_corrupt(broken: str) -> None:
    packed = encode(Page("".join(f"person-{number}" for number in range(200))))
    bomb = zstandard.ZstdCompressor().compress(bytes(SQUEEZED_MAX + 1))
    endless = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100))
    damaged = {
        "cut": packed[:-4],
        "turned": packed[:1] + b"\xff" + packed[2:],
        "other": b"\x81",
        "bomb": b"\x81" + bomb,
        "endless": b"\x81" + endless,
    }[broken]
    with pytest.raises(StateCorrupt):
        decode(Page, damaged)
