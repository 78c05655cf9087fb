"""Changes of how people may be reached as events: the same row is the same event, however often it is imported."""

from dataclasses import dataclass

import msgspec

from connectors.collector.record_ids import event_id_of, new_record_id
from connectors.contacts.addresses import address_user
from schemas.contacts import ContactChange
from schemas.events import Event, EventKind
from schemas.ids import UserId, WorkspaceId
from schemas.worlds import WorldRef


@dataclass(frozen=True)
class Import:
    """What is the same for all rows.

    now_ms  when it is imported
    secret  by which people are named of whom only the address is known; empty: nobody is
    """

    workspace: WorkspaceId
    world: WorldRef
    now_ms: int
    secret: bytes

    def contact(self, user: UserId, change: ContactChange, anonymous: bool = False) -> Event:
        """One change. It happens now, whenever the permission was given: `at_ms` of the change tells that."""
        properties = msgspec.to_builtins(change)
        is_dated = change.granted is not None or change.lift
        named = properties if is_dated else {name: value for name, value in properties.items() if name != "at_ms"}
        return self._event(
            user, EventKind.CONTACT, msgspec.json.encode(named), properties=properties, anonymous=anonymous
        )

    def suppressed(self, address: str, change: ContactChange) -> Event:
        """A suppression of somebody of whom only the address is known; it goes on to the person once one is."""
        return self.contact(address_user(self.secret, address), change, anonymous=True)

    def lifted(self, address: str, user: UserId | None) -> list[Event]:
        """Ends the bounces of an address, and of somebody who has it; who is linked to it is told anyway."""
        change = ContactChange(channel="email", at_ms=self.now_ms, lift=True)
        found = [self.contact(address_user(self.secret, address), change, anonymous=True)]
        return found if user is None else [*found, self.contact(user, change)]

    def link(self, user: UserId, address: str) -> Event:
        """What a mail provider tells of an address is this person's."""
        return self._event(address_user(self.secret, address), EventKind.LINK, b"link", linked=user, anonymous=True)

    def _event(
        self,
        user: UserId,
        kind: EventKind,
        content: bytes,
        *,
        properties: dict[str, object] | None = None,
        linked: str = "",
        anonymous: bool = False,
    ) -> Event:
        named = b"\0".join(
            (b"contacts", self.workspace.encode(), user.encode(errors="replace"), linked.encode(), content)
        )
        return Event(
            workspace=self.workspace,
            user=user,
            record_id=new_record_id(self.now_ms),
            id=event_id_of(named),
            kind=kind,
            at_ms=self.now_ms,
            received_ms=self.now_ms,
            world=self.world,
            properties=properties or {},
            linked=linked,
            anonymous=anonymous,
        )
