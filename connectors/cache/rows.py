"""Values of column families that are the cache's own, and the packing of its binary keys."""

import struct

from schemas.codec import Versioned
from schemas.ids import DecisionId, Locale, ReleaseId, TemplateName, UserId, VariantId
from schemas.topics import Topic

_NUMBER = struct.Struct(">Q")
NUMBER_BYTES = _NUMBER.size


def pack_number(number: int) -> bytes:
    """8 bytes that sort like the number."""
    return _NUMBER.pack(number)


def unpack_number(data: bytes) -> int:
    """The number at the start of the bytes."""
    return int(_NUMBER.unpack_from(data)[0])


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
