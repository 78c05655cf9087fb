"""Which record may become an entry: the checks before a write."""

import struct
from typing import TypeVar

import msgspec

from connectors.cache.families import PROFILES, Family
from schemas.codec import decode
from schemas.decisions import Communication, Decision
from schemas.draws import renormalise
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
    found = _decoded(Communication, value)
    _check_content(key, found)
    return found


def read_profile(key: bytes, value: bytes) -> ToldProfile:
    """A record of the topic `profiles`.

    Raises:
        SchemaError: it is not what is told of a person, or its key names none.
        StateVersionError: it is, but of a newer shape: deploy the newer code here first.
    """
    split_key(key, 2)
    return _decoded(ToldProfile, value)


def _decoded(kind: type[_T], value: bytes) -> _T:
    try:
        found = decode(kind, value)
    except StateCorrupt as error:
        raise SchemaError(Reason.WRONG_TYPE, str(error)) from None
    except StateVersionError:
        if _begins_with_a_version(value):
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


def _check_content(key: bytes, found: Communication) -> None:
    split_key(key, 3)
    decision = found.decision
    if decision is None:
        if not (found.grave or found.withheld):
            raise SchemaError(Reason.WRONG_TYPE, "expected a decision, a grave or why there is neither, got nothing")
        return
    if communication_key(decision.workspace, decision.template, decision.user) != key:
        raise SchemaError(Reason.KEY_MISMATCH, "expected the decision of the record's key, got another one's")
    counts = {len(decision.candidates), len(found.bodies), len(found.valid_until_ms)}
    if len(counts) != 1 or not decision.candidates:
        raise SchemaError(
            Reason.WRONG_TYPE,
            f"expected a body and a validity for each of {len(decision.candidates)} candidates (at least one), "
            f"got {len(found.bodies)} and {len(found.valid_until_ms)}",
        )
    _check_candidates(decision)


def _check_candidates(decision: Decision) -> None:
    """Refuse what could not be drawn, or not be told as an exposure: the reader's caller has no use for an error."""
    try:
        renormalise([candidate.probability for candidate in decision.candidates], [True] * len(decision.candidates))
        for candidate in range(len(decision.candidates)):
            decision.variants_of(candidate)
        for slot in decision.slots:
            features = struct.unpack(f"<{len(slot.variants)}f", slot.features)
            if not all(0.0 <= feature <= 1.0 for feature in features):
                raise SchemaError(Reason.WRONG_TYPE, f"expected features from 0 to 1 in slot {slot.slot}")
    except (ValueError, IndexError, struct.error) as error:
        raise SchemaError(Reason.WRONG_TYPE, f"expected candidates that can be drawn: {error}") from None


def _begins_with_a_version(value: bytes) -> bool:
    """Whether bytes with an unknown schema version are still a MessagePack array that begins with a version."""
    try:
        fields = msgspec.msgpack.decode(memoryview(value)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return (
        isinstance(fields, list) and bool(fields) and isinstance(fields[0], bytes) and len(fields[0]) == VERSION_BYTES
    )
