"""Which record may become an entry: the checks before a write."""

import math
import struct
from typing import TypeVar

import msgspec

from connectors.cache.families import PROFILES, Family
from schemas.codec import decode, unpacked
from schemas.decisions import Communication, Decision
from schemas.draws import SUM_TOLERANCE
from schemas.errors import Reason, SchemaError, StateCorrupt, StateVersionError
from schemas.keys import communication_key, split_key
from schemas.profiles import ToldProfile
from schemas.versions import VERSION_BYTES, Version

_T = TypeVar("_T", Communication, ToldProfile)


def read_communication(key: bytes, value: bytes) -> Communication:
    """A record of the topic `communications`, checked as far as a read relies on it.

    Raises:
        SchemaError: it is not a communication, or it belongs to another key.
        StateVersionError: it is one, but of a newer shape: deploy the newer code here first.
    """
    found = decoded(Communication, value)
    check_content(key, found)
    return found


def read_profile(key: bytes, value: bytes) -> ToldProfile:
    """A record of the topic `profiles`.

    Raises:
        SchemaError: it is not what is told of a person, or its key names none.
        StateVersionError: it is, but of a newer shape: deploy the newer code here first.
    """
    split_key(key, 2)
    return decoded(ToldProfile, value)


def decoded(kind: type[_T], value: bytes) -> _T:
    """A record's value, of which nothing but its shape and its version's length is checked yet.

    Raises:
        SchemaError, StateVersionError: as `read_communication`.
    """
    try:
        found = decode(kind, value)
    except StateCorrupt as error:
        raise SchemaError(Reason.WRONG_TYPE, str(error)) from None
    except StateVersionError:
        if _begins_with_a_version(kind, value):
            raise
        raise SchemaError(Reason.WRONG_TYPE, f"expected a packed {kind.__name__}, got other bytes") from None
    if len(found.version) != VERSION_BYTES:
        raise SchemaError(Reason.WRONG_TYPE, f"expected a version of {VERSION_BYTES} bytes, got {len(found.version)}")
    return found


def version_of(family: Family, stored: bytes | None) -> Version | None:
    """The version of a stored entry or profile; None where there is none."""
    if stored is None:
        return None
    return decode(ToldProfile, stored).version if family is PROFILES else decode(Communication, stored).version


def check_content(key: bytes, found: Communication) -> None:
    """Hold a communication against its key, and see that it can be drawn and told.

    Raises:
        SchemaError: it cannot, or is another key's.
    """
    decision = found.decision
    if decision is None:
        split_key(key, 3)
        if not (found.grave or found.withheld):
            raise SchemaError(Reason.WRONG_TYPE, "expected a decision, a grave or why there is neither, got nothing")
        return
    if communication_key(decision.workspace, decision.template, decision.user) != key:
        split_key(key, 3)
        raise SchemaError(Reason.KEY_MISMATCH, "expected the decision of the record's key, got another one's")
    if not 0 < len(decision.candidates) == len(found.bodies) == len(found.valid_until_ms):
        raise SchemaError(
            Reason.WRONG_TYPE,
            f"expected a body and a validity for each of {len(decision.candidates)} candidates (at least one), "
            f"got {len(found.bodies)} and {len(found.valid_until_ms)}",
        )
    _check_candidates(decision)


def _check_candidates(decision: Decision) -> None:
    """Refuse what could not be drawn, or not be told as an exposure: the reader's caller has no use for an error.

    It runs for every record of a rebuild, so it looks at all candidates at once, and writes comparisons such that a
    NaN is refused wherever it stands.
    """
    odds = [candidate.probability for candidate in decision.candidates]
    if not (min(odds) >= 0.0 and max(odds) <= 1.0 and abs(math.fsum(odds) - 1.0) <= SUM_TOLERANCE):
        raise SchemaError(Reason.WRONG_TYPE, "expected candidates that can be drawn: probabilities that sum to 1")
    choices, slots = [candidate.choice for candidate in decision.candidates], decision.slots
    if {*map(len, choices)} != {len(slots)}:
        raise SchemaError(Reason.WRONG_TYPE, f"expected candidates that choose in each of {len(slots)} slots")
    joined, counts = b"".join(choices), [len(slot.variants) for slot in slots]
    if any(max(joined[place :: len(slots)]) >= count for place, count in enumerate(counts)):
        raise SchemaError(Reason.WRONG_TYPE, "expected choices among the variants of each slot")
    packed = [slot.features for slot in slots]
    if [*map(len, packed)] != [4 * count for count in counts]:
        raise SchemaError(Reason.WRONG_TYPE, "expected a feature of each variant of each slot")
    features = struct.unpack(f"<{sum(counts)}f", b"".join(packed))
    if features and not (min(features) >= 0.0 and max(features) <= 1.0 and sum(features) >= 0.0):
        raise SchemaError(Reason.WRONG_TYPE, "expected features from 0 to 1")


def _begins_with_a_version(kind: type[_T], value: bytes) -> bool:
    """Whether bytes with an unknown schema version are still a MessagePack array that begins with a version."""
    try:
        # Compressed as it may be. Mutant: look at the bytes as they came; then
        # `test_a_record_of_a_newer_shape_stops_the_node_before_anything_is_written` fails.
        fields = msgspec.msgpack.decode(unpacked(kind, value)[1])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, StateCorrupt):
        return False
    return (
        isinstance(fields, list) and bool(fields) and isinstance(fields[0], bytes) and len(fields[0]) == VERSION_BYTES
    )
