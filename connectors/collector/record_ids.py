"""Ids that the collector makes."""

import os
from hashlib import sha256

from schemas.ids import EventId, RecordId


def new_record_id(at_ms: int) -> RecordId:
    """A new id: 48 bits of time, then 80 random ones, in hexadecimal; later ones sort later."""
    return RecordId(f"{at_ms:012x}{os.urandom(10).hex()}")


def event_id_of(raw: bytes) -> EventId:
    """The id of a call that brings none: the same bytes, sent again, are the same event."""
    return EventId(f"sha256-{sha256(raw).hexdigest()[:32]}")
