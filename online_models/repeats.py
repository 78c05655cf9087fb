"""Which events were applied already: a bounded ring of hashes of their ids."""

from hashlib import blake2b

from online_models.cells import SEEN_EVENTS_MAX
from schemas.ids import EventId

HASH_BYTES = 5
"""A chance of 128 / 2^40, about 1 in 10^10, that a new event is taken for a repeat."""


def hash_of(event: EventId) -> bytes:
    """The few bytes by which an event id is remembered."""
    return blake2b(event.encode(), digest_size=HASH_BYTES).digest()


def is_repeat(seen: bytes, event_hash: bytes) -> bool:
    """Whether the ring holds this hash (at a multiple of its length: elsewhere it is chance)."""
    at = seen.find(event_hash)
    while at >= 0 and at % HASH_BYTES:
        at = seen.find(event_hash, at + 1)
    return at >= 0


def remember(seen: bytes, event_hash: bytes) -> bytes:
    """The ring with this hash as its newest; the oldest leaves when it is full."""
    return (seen + event_hash)[-HASH_BYTES * SEEN_EVENTS_MAX :]
