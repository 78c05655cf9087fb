"""Events on their way from one profile's key to another's: the value of one record of the topic `relays` (JSON)."""

import msgspec

from schemas.errors import Reason, SchemaError
from schemas.events import Event

EVENTS_OF_RELAY_MAX = 100
"""Events of one record. A crash may repeat one: a user's step knows the newest 128 ids, so this must stay below."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Event])


def encode_relay(events: list[Event]) -> bytes:
    """Events for one person, in their order."""
    return _encoder.encode(events)


def decode_relay(data: bytes) -> list[Event]:
    """Read one record.

    Raises:
        SchemaError: the bytes are none.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SchemaError(Reason.WRONG_TYPE, f"expected events for one person: {error}") from None
