"""One user's state as a step holds it: the hot profile, and cells that are read only when something needs them."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from flink_jobs.cells import CONTACT, EXPOSURES, MODELS, TRAIL, CellName
from online_models.cells import ContactPart, OpenExposures, Profile, Trail
from online_models.slot_model import UserModels
from schemas.codec import Cell, decode, encode
from schemas.ids import UserId, WorkspaceId
from schemas.keys import split_key

C = TypeVar("C", bound=Cell)
Read = Callable[[CellName], bytes | None]


class LazyCell(Generic[C]):
    """A cell that is read when first asked for, and written only where it was changed."""

    __slots__ = ("_changed", "_kind", "_read", "_value", "name")

    def __init__(self, name: CellName, kind: type[C], read: Read) -> None:
        self.name = name
        self._kind = kind
        self._read = read
        self._value: C | None = None
        self._changed = False

    def get(self) -> C:
        """The cell's value, empty where nothing is stored; to be left unchanged."""
        if self._value is None:
            stored = self._read(self.name)
            self._value = decode(self._kind, stored) if stored else self._kind()
        return self._value

    def put(self, value: C) -> None:
        """Replace the value."""
        self._value = value
        self._changed = True

    def packed_change(self) -> bytes | None:
        """What is to be stored: None where nothing changed, no bytes where the cell became empty."""
        if not self._changed or self._value is None:
            return None
        return b"" if self._value == self._kind() else encode(self._value)


class UserState:
    """All cells of one user, for the time of one event.

    Nobody else holds it meanwhile, so a step changes it in place.
    """

    __slots__ = ("contact", "exposures", "models", "profile", "trail", "user_key")

    def __init__(self, user_key: bytes, profile: bytes | None, read: Read) -> None:
        self.user_key = user_key
        self.profile = decode(Profile, profile) if profile else Profile()
        self.models = LazyCell(MODELS.name, UserModels, read)
        self.exposures = LazyCell(EXPOSURES.name, OpenExposures, read)
        self.trail = LazyCell(TRAIL.name, Trail, read)
        self.contact = LazyCell(CONTACT.name, ContactPart, read)

    @property
    def lazy_cells(self) -> tuple[LazyCell[Any], ...]:
        """All but the profile."""
        return (self.models, self.exposures, self.trail, self.contact)

    @property
    def owner(self) -> tuple[WorkspaceId, UserId]:
        """Whose state it is."""
        workspace, user = split_key(self.user_key, 2)
        return WorkspaceId(workspace), UserId(user)

    def forget(self) -> None:
        """Empty every cell but what a grave keeps: its place in the log, events seen, and what is yet to be removed."""
        old = self.profile
        self.profile = Profile(
            newest_log_ms=old.newest_log_ms,
            newest_partition=old.newest_partition,
            newest_offset=old.newest_offset,
            sequence=old.sequence,
            world=old.world,
            seen=old.seen,
            is_told=old.is_told,
        )
        self.forget_models()
        self.trail.put(Trail())
        self.contact.put(ContactPart())

    def forget_models(self) -> None:
        """Empty what was learnt from the user's reactions, and what would be."""
        self.models.put(UserModels())
        self.exposures.put(OpenExposures())
        self.profile.exposures_until_ms = 0
