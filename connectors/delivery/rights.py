"""Rights of persons as their node keeps them: what was asked for holds here at once, before the job has answered.

A row is written under the store's lock `drawing`, so no draw and no grant that begins later misses it. It is on the
disk (`CacheStore.sync`) before anybody is told. See docs/adr/0030-rights-hold-at-the-owner.md.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

import msgspec

from connectors.cache.families import PROFILES, RIGHTS, SENDS_KEPT_MS
from connectors.cache.rows import Grave, OutboxRow
from connectors.cache.store import CacheStore
from schemas.codec import Versioned, decode, encode
from schemas.consent import PERSONALISATION
from schemas.ids import UserId, WorkspaceId
from schemas.keys import user_key
from schemas.profiles import ToldProfile
from schemas.rights import Asked, RightKind
from schemas.versions import Version, parts_of

LISTS_MAX = 32
"""Lists that one person is off; with one more all lists of its channel are meant."""
SWEEP_ROWS = 10_000
ANSWERED_MS = 3_600_000
"""What the job tells of somebody so much later than a right was used, it tells knowing of it."""


class RightsRow(Versioned, frozen=True):
    """What was asked for, and when; 0: never.

    unsubscribed_ms  by `channel/purpose`, either empty for all
    """

    SCHEMA_VERSION: ClassVar[int] = 1

    unsubscribed_ms: dict[str, int] = {}
    erased_ms: int = 0
    withdrawn_ms: int = 0

    def unsubscribed(self, channel: str, purpose: str) -> int:
        """When messages of a purpose by a channel were last asked to end; a later opt-in to them lifts it."""
        places = (f"{channel}/{purpose}", f"{channel}/", "/")
        return max(self.unsubscribed_ms.get(place, 0) for place in places)

    def with_asked(self, asked: Asked) -> "RightsRow":
        """The row with one right more. Times never go back: the same may be told twice, and in any order."""
        if asked.kind is RightKind.ERASE:
            return msgspec.structs.replace(self, erased_ms=max(self.erased_ms, asked.at_ms))
        if asked.kind is RightKind.WITHDRAW:
            return msgspec.structs.replace(self, withdrawn_ms=max(self.withdrawn_ms, asked.at_ms))
        place = f"{asked.channel}/{asked.purpose}"
        if place not in self.unsubscribed_ms and len(self.unsubscribed_ms) >= LISTS_MAX:
            # More lists than anybody has: somebody tries names. What he is off is all of them.
            place = f"{asked.channel}/" if f"{asked.channel}/" in self.unsubscribed_ms else "/"
        known = self.unsubscribed_ms.get(place, 0)
        return msgspec.structs.replace(self, unsubscribed_ms={**self.unsubscribed_ms, place: max(known, asked.at_ms)})


class Rights:
    """The family `rights`.

    Threads: `take` from the event loop's and others; the lock puts it in order with draws, grants and erasures.
    """

    def __init__(self, store: CacheStore) -> None:
        self._store = store

    def take(
        self, workspace: WorkspaceId, user: UserId, asked: Sequence[Asked], rows: Sequence[OutboxRow] = ()
    ) -> None:
        """Let rights hold from now on, and with them what tells the job. Call `CacheStore.sync` before it is told.

        Mutant: write without the lock; then `test_a_draw_under_way_is_over_before_a_right_is_taken` fails.
        """
        with self._store.drawing:
            name = self._store.names.person(workspace, user)
            row = self._row(name) or RightsRow()
            for one in asked:
                row = row.with_asked(self._dated(name, one))
            batch = self._store.batch()
            batch.put(RIGHTS, name, encode(row))
            self._store.commit(batch, rows)

    def of(self, workspace: WorkspaceId, user: UserId) -> RightsRow | None:
        """What holds of somebody's rights now: an erasure no more once the person is back in a new life.

        Unsubscriptions are told with their times: the caller holds them against the permissions of the profile.
        """
        name = self._store.names.person(workspace, user)
        row = self._row(name)
        if row is None or not (row.erased_ms or row.withdrawn_ms):
            return row
        profile = self._profile(workspace, user)
        if row.erased_ms and profile is not None and self._is_of_new_life(name, row, profile.version):
            row = msgspec.structs.replace(row, erased_ms=0)
        if row.withdrawn_ms and profile is not None and profile.consents_after(PERSONALISATION, row.withdrawn_ms):
            row = msgspec.structs.replace(row, withdrawn_ms=0)
        return row

    def at_draw(self, workspace: WorkspaceId, user: UserId) -> "AtDraw | None":
        """What a draw must heed; None where it need heed nothing, as nearly always."""
        name = self._store.names.person(workspace, user)
        row = self._row(name)
        if row is None or not (row.erased_ms or row.withdrawn_ms):
            return None
        grave = self._answered(name, row)
        withdrawn_ms = row.withdrawn_ms
        profile = self._profile(workspace, user) if withdrawn_ms else None
        is_agreed = profile is not None and profile.consents_after(PERSONALISATION, withdrawn_ms)
        return AtDraw(bool(row.erased_ms), grave, withdrawn_ms, is_agreed)

    def sweep(self, now_ms: int) -> int:
        """Forget what the job has answered and 48 hours have passed over; return how many rows changed.

        Graves are swept after that time, so this comes first: without its grave an erasure would never end.
        """
        old_ms = now_ms - SENDS_KEPT_MS
        changed = 0
        for name in self._old(old_ms):
            with self._store.drawing:
                row = self._row(name)
                if row is None:
                    continue
                left = self._without_answered(name, row, old_ms)
                if left != row:
                    batch = self._store.batch()
                    if left == RightsRow():
                        batch.delete(RIGHTS, name)
                    else:
                        batch.put(RIGHTS, name, encode(left))
                    self._store.commit(batch)
                    changed += 1
        return changed

    def _old(self, old_ms: int) -> Iterator[bytes]:
        after = b""
        while rows := self._store.scan_rows(RIGHTS, after, SWEEP_ROWS):
            after = rows[-1][0]
            for name, packed in rows:
                row = decode(RightsRow, packed)
                if 0 < row.erased_ms < old_ms or 0 < row.withdrawn_ms < old_ms:
                    yield name

    def _without_answered(self, name: bytes, row: RightsRow, old_ms: int) -> RightsRow:
        if 0 < row.erased_ms < old_ms and self._answered(name, row) is not None:
            row = msgspec.structs.replace(row, erased_ms=0)
        if 0 < row.withdrawn_ms < old_ms:
            packed = self._store.record(PROFILES, name)
            profile = decode(ToldProfile, packed) if packed is not None else None
            # Of nobody, or the job has told of the person since: what it says holds.
            if profile is None or parts_of(profile.version)[0].log_ms > row.withdrawn_ms + ANSWERED_MS:
                row = msgspec.structs.replace(row, withdrawn_ms=0)
        return row

    def _dated(self, name: bytes, asked: Asked) -> Asked:
        """Of a grave nothing new will come from the job: the one that stands is the answer."""
        if asked.kind is not RightKind.ERASE:
            return asked
        grave = self._store.grave(name)
        is_over = grave is not None and grave.is_guard and self._store.record(PROFILES, name) is None
        return asked._replace(at_ms=min(asked.at_ms, grave.erased_ms)) if grave and is_over else asked

    def _row(self, name: bytes) -> RightsRow | None:
        packed = self._store.row(RIGHTS, name)
        return None if packed is None else decode(RightsRow, packed)

    def _profile(self, workspace: WorkspaceId, user: UserId) -> ToldProfile | None:
        packed = self._store.profile(user_key(workspace, user))
        return None if packed is None else decode(ToldProfile, packed)

    def _answered(self, name: bytes, row: RightsRow) -> Grave | None:
        """The grave by which the job has answered an erasure; None: it has not, as far as is known here."""
        grave = self._store.grave(name)
        return grave if grave is not None and grave.erased_ms >= row.erased_ms else None

    def _is_of_new_life(self, name: bytes, row: RightsRow, version: Version) -> bool:
        grave = self._answered(name, row)
        return grave is not None and version > grave.version


class AtDraw(NamedTuple):
    """What a draw must heed.

    is_erased     erasure was asked for
    grave         the job's answer to it; None: there is none yet
    withdrawn_ms  when consent to personal messages was taken back; 0: it was not
    is_agreed     it was given again since, and the job knows
    """

    is_erased: bool
    grave: Grave | None
    withdrawn_ms: int
    is_agreed: bool

    def is_gone(self, version: Version | None) -> bool:
        """Whether what has this version is of a life that was erased; None: there is nothing, of nobody known."""
        if not self.is_erased:
            return False
        # Graves of messages and of profiles come by different topics: an entry may still be here when the latter is.
        # Mutant: look at the grave alone; then `test_an_entry_of_before_is_gone_until_its_own_grave` fails.
        return self.grave is None or (version is not None and version <= self.grave.version)

    def is_withheld(self, version: Version) -> bool:
        """Whether what has this version was chosen by what may be used no more."""
        if not self.withdrawn_ms:
            return False
        return not self.is_agreed or parts_of(version)[0].log_ms <= self.withdrawn_ms
