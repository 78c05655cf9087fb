"""Records of the topic `suppressions` into the cache: the newest of each key, as it came."""

from connectors.cache.families import SUPPRESSIONS
from connectors.cache.pending import Pending
from schemas.codec import decode
from schemas.errors import Reason, SchemaError, StateCorrupt
from schemas.keys import split_key
from schemas.suppressions import REASONS, Suppressed


def suppress(batch: Pending, key: bytes, value: bytes | None) -> str:
    """Write one record, or remove it where it is a tombstone; returns what was done.

    Raises:
        SchemaError: it is none.
        StateVersionError: it is of a newer version.
    """
    reason = split_key(key, 4)[3]
    batch.is_empty = False
    if value is None:
        batch.writes.delete(SUPPRESSIONS, key)
        return "removed"
    try:
        decode(Suppressed, value)
    except StateCorrupt:
        raise SchemaError(Reason.WRONG_TYPE, "expected a row of the topic suppressions, got other bytes") from None
    if reason not in REASONS:
        raise SchemaError(Reason.UNKNOWN_KIND, f"expected a reason of {', '.join(REASONS)}; got another")
    batch.writes.put(SUPPRESSIONS, key, value)
    return "written"
