"""Whose messages are of an older release, and whom to render anew first: a look over all entries, little by little."""

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple, Protocol

from connectors.cache.families import PERSON_BYTES
from connectors.cache.heads import EntryHead
from schemas.codec import decode
from schemas.ids import ReleaseId, UserId, WorkspaceId
from schemas.keys import split_key, user_key
from schemas.profiles import ToldProfile
from schemas.worlds import WorldRef

DUE_MAX = 50_000
"""Persons that one look remembers, the most urgent ones: some 15 MB. The next look finds the rest."""
OWN_CAUSES = frozenset({"new", "shift", "shown", "consent"})
"""Causes of a render that are a person's own doing. Others are ours, and tell nothing of when the person was here."""
LAST_EVENT = "last_event_ms"


class Stored(Protocol):
    """What a look needs of the cache."""

    def scan_entries(self, after: bytes, limit: int) -> list[EntryHead]:
        """What entries say of themselves, in the order of their names, after one."""

    def frequency(self, names: Sequence[bytes]) -> list[int]:
        """About how often entries were read lately, 0 to 15."""

    def profile(self, key: bytes) -> bytes | None:
        """The packed `ToldProfile` of a key."""


class Due(NamedTuple):
    """A person who is to be rendered anew. They sort by urgency: the most read, then the oldest world.

    unread  15 minus how often the person is read
    world   the oldest that any of the messages was made with
    name    of one of the entries that are outdated
    key     of its record
    newest  the release that it is to be of
    """

    unread: int
    world: WorldRef
    name: bytes
    key: bytes
    newest: ReleaseId


class Outdated:
    """One look over all entries.

    newest     release of each workspace
    active_ms  persons neither read lately nor here within so long are left alone
    but        names of entries that are not wanted: asked for already
    """

    def __init__(
        self,
        store: Stored,
        newest: Mapping[WorkspaceId, ReleaseId],
        now_ms: int,
        active_ms: int,
        but: Container[bytes] = (),
    ) -> None:
        self._store = store
        self._newest = newest
        self._since_ms = now_ms - active_ms
        self._but = but
        self._after = b""
        self._person: list[tuple[EntryHead, int]] = []
        self._due: list[Due] = []
        self.is_done = False

    def look(self, rows: int) -> None:
        """Look at so many entries more."""
        heads = self._store.scan_entries(self._after, rows)
        for head, frequency in zip(heads, self._store.frequency([head.name for head in heads]), strict=True):
            if self._person and head.name[:PERSON_BYTES] != self._person[0][0].name[:PERSON_BYTES]:
                self._end_person()
            self._person.append((head, frequency))
            self._after = head.name
        if len(heads) < rows:
            self._end_person()
            self.is_done = True

    def due(self) -> list[Due]:
        """Those found, the most urgent last."""
        self._due.sort(reverse=True)
        return self._due[-DUE_MAX:]

    def _end_person(self) -> None:
        """All messages of a person have been seen: they are made anew together."""
        outdated = [head for head, _ in self._person if self._is_outdated(head)]
        read = max((frequency for _, frequency in self._person), default=0)
        if outdated and (read or self._is_active()):
            head, world = outdated[0], min(head.world for head in outdated)
            self._due.append(Due(15 - read, world, head.name, head.key, self._newest[_workspace(head)]))
            if len(self._due) >= 2 * DUE_MAX:
                self._due = self.due()
        self._person = []

    def _is_outdated(self, head: EntryHead) -> bool:
        newest = self._newest.get(_workspace(head))
        return bool(head.release) and newest is not None and head.release != newest and head.name not in self._but

    def _is_active(self) -> bool:
        """Whether the person did something within the time; where that is not told, whether a render was made in it.

        Who does the same day after day is here, though no message had to change for long.
        """
        heads = [head for head, _ in self._person]
        if any(head.cause in OWN_CAUSES and head.at_ms >= self._since_ms for head in heads):
            return True
        workspace, _, user = split_key(heads[0].key, 3)
        packed = self._store.profile(user_key(WorkspaceId(workspace), UserId(user)))
        told = None if packed is None else decode(ToldProfile, packed).features.get(LAST_EVENT)
        if told is None or not isinstance(told.value, float | int):
            return any(head.at_ms >= self._since_ms for head in heads)
        return told.value >= self._since_ms


def _workspace(head: EntryHead) -> WorkspaceId:
    return WorkspaceId(split_key(head.key, 3)[0])
