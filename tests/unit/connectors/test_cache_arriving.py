"""Records read many at once: what is refused, and which of them, is what reading one by one says."""

import math
import struct
from collections.abc import Callable, Iterator
from itertools import islice

import msgspec
import pytest

from connectors.cache.arriving import CHUNK, COUNT_MAX, Arrival, arrivals
from connectors.cache.derived import ends_of
from schemas.codec import encode
from schemas.decisions import Candidate, Communication, Decision
from schemas.errors import Reason, SchemaError
from schemas.ids import UserId, VariantId
from schemas.keys import communication_key
from tests.support.messages import communication, record_of, version

replace = msgspec.structs.replace
Change = Callable[[Decision], Decision]


def with_odds(*odds: float) -> Change:
    return lambda found: replace(found, candidates=tuple(Candidate(bytes((at,)), one) for at, one in enumerate(odds)))


def with_choices(*choices: bytes) -> Change:
    return lambda found: replace(found, candidates=tuple(Candidate(one, 1 / len(choices)) for one in choices))


def with_features(packed: bytes) -> Change:
    return lambda found: replace(found, slots=(replace(found.slots[0], features=packed),))


def changed(entry: Communication, change: Change) -> Communication:
    assert entry.decision is not None
    return replace(entry, decision=change(entry.decision))


def entries(count: int) -> list[Communication]:
    return [communication(f"user-{number}", odds=((0.5, 0.3, 0.2), (1.0,))[number % 2]) for number in range(count)]


@pytest.mark.parametrize("place", [0, 1, CHUNK - 1, CHUNK, CHUNK + 2])
@pytest.mark.parametrize(
    "change",
    [
        with_odds(0.5, 0.3, 0.1),
        with_odds(0.5, 0.3, 0.2 + 1e-5),
        with_odds(1.5, -0.7, 0.2),
        with_odds(1.0 + 3e-7, 0.0, 0.0),
        with_odds(1.0, 0.0, -3e-7),
        with_odds(math.nan, 0.5, 0.5),
        with_odds(0.5, 0.5, math.nan),
        with_choices(b"\0", b"\1", b"\3"),
        with_choices(b"\0", b"\1\1", b""),
        with_features(struct.pack("<3f", 0.0, 1.5, 0.0)),
        with_features(struct.pack("<3f", 0.0, -0.5, 0.0)),
        with_features(struct.pack("<3f", 0.0, 0.5, math.nan)),
        with_features(struct.pack("<2f", 0.0, 0.5)),
        lambda found: replace(found, user=UserId("another")),
    ],
)
def test_what_cannot_be_drawn_is_refused_among_others(change: Change, place: int) -> None:
    found = entries(CHUNK + 5)
    pairs = [record_of(entry) for entry in found]
    wrong = changed(communication(f"user-{place}"), change)
    pairs[place] = (pairs[place][0], encode(wrong))
    read = [*arrivals(pairs)]
    assert [number for number, one in enumerate(read) if isinstance(one, SchemaError)] == [place]
    assert len(read) == len(pairs)


def test_what_arrives_is_told_in_its_order() -> None:
    found = [*entries(CHUNK * 2 + 1), communication("ends", valid_until_ms=(3, 9, 5))]
    read = [*arrivals(record_of(entry) for entry in found)]
    told = [(one.version, one.release, one.cause, one.ends_ms) for one in read if isinstance(one, Arrival)]
    assert told == [
        (entry.version, entry.decision.release, entry.decision.cause, ends_of(entry))
        for entry in found
        if entry.decision is not None
    ]
    assert told[-1][-1] == 9


def test_graves_and_what_is_withheld_come_among_the_others() -> None:
    key = record_of(communication())[0]
    pairs = [
        record_of(communication()),
        (key, encode(Communication.of_grave(version(2)))),
        (key, encode(Communication.of_withheld(version(3), "consent"))),
        (key, encode(replace(Communication.of_grave(version(4)), grave=False))),
        (b"no key", encode(Communication.of_grave(version(5)))),
        (key, b"junk"),
    ]
    read = [*arrivals(pairs)]
    assert [one.grave for one in read if isinstance(one, Arrival)] == [False, True, False]
    assert [one.reason for one in read if isinstance(one, SchemaError)] == [
        Reason.WRONG_TYPE,
        Reason.KEY_MISMATCH,
        Reason.WRONG_TYPE,
    ]


def test_escaped_keys_and_many_variants_are_right() -> None:
    bar = communication("a|b%")
    assert bar.decision is not None
    count = COUNT_MAX + 1
    many = communication("many", odds=(1 / count,) * count)
    assert many.decision is not None
    last = changed(many, with_choices(bytes((COUNT_MAX,))))
    last = changed(last, with_features(bytes(4 * count)))
    last = replace(last, bodies=last.bodies[:1], valid_until_ms=(0,))
    key = communication_key(bar.decision.workspace, bar.decision.template, UserId("many"))
    read = [*arrivals([record_of(bar), (key, encode(last)), *(record_of(one) for one in entries(3))])]
    assert all(isinstance(one, Arrival) for one in read)


@pytest.mark.parametrize("user", ["a|b", "a%b", "a\nb"])
def test_a_key_that_is_joined_without_escapes_is_another_one(user: str) -> None:
    entry = communication(user)
    assert entry.decision is not None
    plain = f"{entry.decision.workspace}|{entry.decision.template}|{user}".encode()
    (read,) = arrivals([(plain, encode(entry))])
    assert isinstance(read, SchemaError) == (plain != record_of(entry)[0])
    assert isinstance(next(iter(arrivals([record_of(entry)]))), Arrival)


def test_a_slate_that_is_not_there_is_refused() -> None:
    def change(found: Decision) -> Decision:
        slot = replace(found.slots[0], catalogue="films", variants=(VariantId("1,2"), VariantId("2"), VariantId("3")))
        return replace(with_choices(b"\0", b"\1", b"\7")(found), slots=(slot,))

    wrong = changed(communication(), change)
    read = [*arrivals([record_of(communication("user-1")), (record_of(communication())[0], encode(wrong))])]
    assert [type(one) for one in read] == [Arrival, SchemaError]


def test_nothing_is_read_before_it_is_asked_for() -> None:
    taken = []

    def pairs() -> Iterator[tuple[bytes, bytes]]:
        for entry in entries(CHUNK + 1):
            taken.append(entry)
            yield record_of(entry)

    assert len([*islice(arrivals(pairs()), 1)]) == 1
    assert len(taken) == CHUNK
