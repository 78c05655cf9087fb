"""What a stored entry says of itself, without reading all of it: who asks for the rest decodes the whole."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import msgspec

from schemas.codec import Upgrade, Versioned, decode
from schemas.decisions import Candidate, Communication
from schemas.ids import DecisionId, Locale, ReleaseId, TemplateName, UserId, WorkspaceId
from schemas.versions import Version
from schemas.worlds import WorldRef


class DecisionHead(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The fields of `Decision` up to its candidates; slots, which are most of it, stay packed."""

    id: DecisionId
    workspace: WorkspaceId
    template: TemplateName
    user: UserId
    release: ReleaseId
    world: WorldRef
    locale: Locale
    policy: str
    cause: str
    at_ms: int
    slots: msgspec.Raw
    candidates: tuple[Candidate, ...]


class CommunicationHead(Versioned, frozen=True, gc=False):
    """The fields of `Communication`, its decision in short. It is only read; versions differ in what came last."""

    SCHEMA_VERSION: ClassVar[int] = Communication.SCHEMA_VERSION
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = dict.fromkeys(
        Communication.UPGRADES, lambda body: msgspec.msgpack.decode(body, type=CommunicationHead)
    )
    SQUEEZED_FROM: ClassVar[int] = Communication.SQUEEZED_FROM

    version: Version
    decision: DecisionHead | None
    bodies: tuple[bytes, ...] = ()
    valid_until_ms: tuple[int, ...] = ()
    dictionary: int = 0
    grave: bool = False
    withheld: str = ""

    @property
    def ends_ms(self) -> int:
        """From when on no candidate is valid; 0: always one is."""
        return 0 if not self.valid_until_ms or 0 in self.valid_until_ms else max(self.valid_until_ms)


class EntryHead(NamedTuple):
    """One entry of a scan. Without a decision (default content) release and cause are empty."""

    name: bytes
    key: bytes
    release: ReleaseId
    world: WorldRef
    cause: str
    at_ms: int


def head_of(packed: bytes) -> CommunicationHead:
    """The head of a packed `Communication`, of any version that is still read.

    Raises:
        StateVersionError: written by a newer version than this code knows.
        StateCorrupt: not a communication.
    """
    return decode(CommunicationHead, packed)


def scanned(name: bytes, key: bytes, packed: bytes) -> EntryHead:
    """What a scan tells of an entry."""
    decision = head_of(packed).decision
    if decision is None:
        return EntryHead(name, key, ReleaseId(""), WorldRef(), "", 0)
    return EntryHead(name, key, decision.release, decision.world, decision.cause, decision.at_ms)
