"""Records of the topic `communications` as they arrive: read and checked many at once, in half of the time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

import msgspec
import numpy as np

from connectors.cache.derived import ends_of, items_of
from connectors.cache.entries import check_content, decoded
from schemas.decisions import Communication, Decision
from schemas.draws import SUM_TOLERANCE
from schemas.errors import SchemaError
from schemas.ids import ReleaseId
from schemas.versions import Version

CHUNK = 128
"""Records whose numbers are compared together: with more of them nothing gets faster."""
COUNT_MAX = 255
SHAPES_MAX = 1 << 12
_variants, _features, _catalogue = attrgetter("variants"), attrgetter("features"), attrgetter("catalogue")
_choice, _probability = attrgetter("choice"), attrgetter("probability")


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """What the cache needs of a record beside its bytes. Without a decision release and cause are empty.

    ends_ms    from when on none of its messages is valid; 0: one always is
    items      keys of the items that it shows, in order
    catalogue  the end of the topic `catalogue` that it was made with
    at_ms      when it was decided: the log time of an event, or when a deadline of the person's own was due
    """

    version: Version
    grave: bool
    release: ReleaseId
    cause: str
    ends_ms: int
    items: tuple[bytes, ...]
    catalogue: int
    at_ms: int


def arrivals(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[Arrival | SchemaError]:
    """What is in each key and value, in their order, or why a record is refused.

    Raises:
        StateVersionError: one is of a newer shape: deploy the newer code here first.
    """
    rest = iter(pairs)
    while chunk := list(islice(rest, CHUNK)):
        together = _Together()
        found = [together.read(key, value) for key, value in chunk]
        # If one of them is wrong, or near it: which, and how, is found one by one.
        # Mutant: all are let in; then `test_what_cannot_be_drawn_is_refused_among_others` fails.
        yield from found if together.is_right() else [_alone(key, value) for key, value in chunk]


def _alone(key: bytes, value: bytes) -> Arrival | SchemaError:
    try:
        found = decoded(Communication, value)
        check_content(key, found)
    except SchemaError as error:
        return error
    return _arrival(found)


def _arrival(found: Communication) -> Arrival:
    decision = found.decision
    if decision is None:
        return Arrival(found.version, found.grave, ReleaseId(""), "", 0, (), 0, 0)
    items = items_of(decision) if any(map(_catalogue, decision.slots)) else ()
    return Arrival(
        found.version,
        found.grave,
        decision.release,
        decision.cause,
        ends_of(found),
        items,
        decision.world.catalogue,
        decision.at_ms,
    )


class _Shape(NamedTuple):
    """What is the same of decisions with as many variants in each slot.

    lengths  of the features of each slot
    limits   what a candidate's choices must stay below
    """

    lengths: tuple[int, ...]
    limits: bytes


class _Together:
    """What `check_content` compares, of many records: all are right if all comparisons hold.

    It may refuse what is right, for then each record is looked at again, but lets in nothing that is wrong.
    """

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._named: list[str] = []
        self._odds: list[float] = []
        self._starts: list[int] = []
        self._choices: list[bytes] = []
        self._slots: list[int] = []
        self._limits: list[bytes] = []
        self._features: list[bytes] = []
        self._lengths: list[int] = []

    def read(self, key: bytes, value: bytes) -> Arrival | SchemaError:
        """Read a record, and note its numbers. It is not kept: memory that is used again at once is fast."""
        try:
            found = decoded(Communication, value)
            decision = found.decision
            if decision is None or not 0 < len(decision.candidates) == len(found.bodies) == len(found.valid_until_ms):
                check_content(key, found)
            else:
                self._note(key, decision)
            return _arrival(found)
        except SchemaError as error:
            return error
        except IndexError:
            # A choice of a slate that is not there.
            return _alone(key, value)

    def is_right(self) -> bool:
        """Whether all that was noted can be drawn and told as exposures."""
        return not self._keys or (self._are_keys_right() and self._are_numbers_right())

    def _note(self, key: bytes, decision: Decision) -> None:
        slots, candidates = decision.slots, decision.candidates
        count, shape = len(candidates), _shape((*map(len, map(_variants, slots)),))
        self._keys.append(key)
        self._named.append(f"{decision.workspace}|{decision.template}|{decision.user}")
        self._starts.append(len(self._odds))
        self._odds += map(_probability, candidates)
        self._choices += map(_choice, candidates)
        self._slots += [len(slots)] * count
        self._limits.append(shape.limits * count)
        self._features += map(_features, slots)
        self._lengths += shape.lengths

    def _are_keys_right(self) -> bool:
        """Whether each key is its decision's. Where one is escaped, or has a line's end in it, this cannot tell."""
        keys, named = b"\n".join(self._keys), "\n".join(self._named).encode()
        count = len(self._keys)
        return keys == named and keys.count(b"\n") == count - 1 and keys.count(b"|") == 2 * count and b"%" not in keys

    def _are_numbers_right(self) -> bool:
        """Comparisons are such that a NaN fails."""
        if [*map(len, self._choices)] != self._slots or [*map(len, self._features)] != self._lengths:
            return False
        odds = np.array(self._odds)
        sums = np.add.reduceat(odds, self._starts)
        # Sums are rounded otherwise than `math.fsum` does it: half the tolerance is far from where that matters.
        if not (odds.min() >= 0.0 and odds.max() <= 1.0 and np.abs(sums - 1.0).max() <= SUM_TOLERANCE / 2):
            return False
        choices = np.frombuffer(b"".join(self._choices), np.uint8)
        if not (choices < np.frombuffer(b"".join(self._limits), np.uint8)).all():
            return False
        features = np.frombuffer(b"".join(self._features), "<f4")
        return not len(features) or bool(features.min() >= 0.0 and features.max() <= 1.0)


_shapes: dict[tuple[int, ...], _Shape] = {}


def _shape(counts: tuple[int, ...]) -> _Shape:
    found = _shapes.get(counts)
    if found is None:
        if len(_shapes) >= SHAPES_MAX:
            _shapes.clear()
        # Of more variants the last ones are refused here, and looked at again.
        limits = bytes([min(count, COUNT_MAX) for count in counts])
        found = _shapes[counts] = _Shape(tuple([4 * count for count in counts]), limits)
    return found
