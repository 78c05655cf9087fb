"""Values of column families that are the cache's own, and the packing of its binary keys."""

import struct
from typing import NamedTuple, Self

from connectors.cache.families import SEND_BYTES
from schemas.codec import Versioned
from schemas.decisions import Decision
from schemas.ids import DecisionId, Locale, ReleaseId, TemplateName, UserId, VariantId
from schemas.topics import Topic
from schemas.versions import Version

_NUMBER = struct.Struct(">Q")
NUMBER_BYTES = _NUMBER.size
_LENGTH = struct.Struct(">I")
_GRAVE = struct.Struct(">Q?")
_LIVE = struct.Struct(">QQ")


def pack_number(number: int) -> bytes:
    """8 bytes that sort like the number."""
    return _NUMBER.pack(number)


def unpack_number(data: bytes) -> int:
    """The number at the start of the bytes."""
    return int(_NUMBER.unpack_from(data)[0])


def newer_than(until_ms: int, counted: bytes) -> bytes:
    """Of a row of `caps`, which is a time and the hash of a send again and again, what is newer than a time."""
    size = NUMBER_BYTES + SEND_BYTES
    parts = [counted[at : at + size] for at in range(0, len(counted), size)]
    return b"".join(part for part in parts if unpack_number(part) > until_ms)


def pack_record(key: bytes, value: bytes) -> bytes:
    """A record whole: the row's own key is a hash, which does not tell the record's."""
    return _LENGTH.pack(len(key)) + key + value


def unpack_record(row: bytes) -> tuple[bytes, bytes]:
    """Key and value of a record."""
    start = _LENGTH.size + int(_LENGTH.unpack_from(row)[0])
    return row[_LENGTH.size : start], row[start:]


def value_of(row: bytes) -> bytes:
    """The value of a record."""
    return row[_LENGTH.size + _LENGTH.unpack_from(row)[0] :]


class Grave(NamedTuple):
    """What is left of an entry or a profile whose user was erased.

    erased_ms  sends from then and before are never answered again
    is_guard   nothing of a lower version may come back: until the tombstone, or something of a higher version
    version    the grave's own
    """

    erased_ms: int
    is_guard: bool
    version: Version

    def packed(self) -> bytes:
        """The row of `graves`."""
        return _GRAVE.pack(self.erased_ms, self.is_guard) + self.version

    @classmethod
    def unpacked(cls, row: bytes) -> "Grave":
        """Undo `packed`."""
        erased_ms, is_guard = _GRAVE.unpack_from(row)
        return cls(erased_ms, is_guard, Version(row[_GRAVE.size :]))


class Evicted(Versioned, frozen=True):
    """What is left of an entry that made room, or of which nothing was valid any more.

    version  the entry's: nothing lower may come back
    locale   the entry's: which fallback is served meanwhile; empty: not told
    why      the reason of the eviction
    """

    version: Version
    locale: Locale
    why: str


class Live(NamedTuple):
    """How many entries there are, and how many bytes: keys and values, as they are stored."""

    entries: int
    size: int

    def changed(self, name: bytes, before: bytes | None, after: bytes | None) -> "Live":
        """The same with another row of this name."""
        added = len(after) + len(name) if after is not None else 0
        added -= len(before) + len(name) if before is not None else 0
        return Live(self.entries + (after is not None) - (before is not None), self.size + added)

    def packed(self) -> bytes:
        """The row of `meta`."""
        return _LIVE.pack(*self)

    @classmethod
    def unpacked(cls, row: bytes) -> "Live":
        """Undo `packed`."""
        return cls(*_LIVE.unpack(row))


class Served(Versioned, frozen=True):
    """What is served for one read: a candidate, or the fallback. It is also the row of a send.

    A draw is answered from this row and nothing newer, so a repeat gets the same bytes, also after a
    re-render or a new release.

    reason         why the fallback is served; empty: a candidate is
    candidate      index among the decision's candidates; -1: the fallback
    propensity     of that draw
    probabilities  of all candidates as drawn from: 0 for those no longer valid
    body           the candidate's packed `Rendered`, as the entry held it; empty: the release's fallback
    marks          the values filled into its send marks
    """

    template: TemplateName
    user: UserId
    at_ms: int
    release: ReleaseId
    locale: Locale
    decision: DecisionId
    reason: str
    candidate: int
    propensity: float
    probabilities: tuple[float, ...]
    variants: dict[str, VariantId]
    body: bytes
    marks: dict[str, str]

    @classmethod
    def drawn(cls, decision: Decision, candidate: int, odds: tuple[float, ...], at_ms: int, body: bytes = b"") -> Self:
        """One of a decision's candidates, by the probabilities that it was drawn from; send marks are still open."""
        variants = decision.variants_of(candidate)
        return cls(
            template=decision.template,
            user=decision.user,
            at_ms=at_ms,
            release=decision.release,
            locale=decision.locale,
            decision=decision.id,
            reason="",
            candidate=candidate,
            propensity=odds[candidate],
            probabilities=odds,
            variants={slot.slot: variant for slot, variant in zip(decision.slots, variants, strict=True)},
            body=body,
            marks={},
        )


class Sent(NamedTuple):
    """A send that is remembered.

    person  whose it is, by the name that keys have
    served  what was drawn; None: the person was erased since
    """

    person: bytes
    served: Served | None


class OutboxRow(Versioned, frozen=True):
    """One record on its way to Kafka, whole, so that producing it again makes the same record."""

    topic: str
    partition: int
    key: bytes
    value: bytes

    @classmethod
    def to_first_partition(cls, topic: Topic, key: bytes, value: bytes) -> "OutboxRow":
        """A record for a topic that has one partition."""
        return cls(topic.name, 0, key, value)
