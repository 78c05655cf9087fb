"""How the job is told of rights that are used at the gateway: events, on their way through the outbox."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import msgspec

from connectors.cache.rows import OutboxRow
from connectors.erasure.listing import Listed, nobody
from connectors.kafka.event_records import event_record
from schemas.consent import PERSONALISATION
from schemas.contacts import CHANNELS, ContactChange
from schemas.events import SUBSCRIBED, UNSUBSCRIBED, Event, EventKind
from schemas.ids import EventId, RecordId, UserId, WorkspaceId
from schemas.library import ConsentSettings
from schemas.profiles import ToldProfile
from schemas.rights import ALL, Asked, RightKind
from schemas.topics import EVENTS
from schemas.worlds import WorldRef

EMAIL = "email"
CONSENT_TOLD = "Segment Consent Preference Updated"
_ID_BYTES = 16


class RightsTold:
    """Makes the events of one person at one moment.

    profile  what is known of the person; None: nothing
    source   where the right was used: proof
    """

    def __init__(
        self,
        workspace: WorkspaceId,
        user: UserId,
        at_ms: int,
        world: WorldRef,
        *,
        profile: ToldProfile | None = None,
        consent: ConsentSettings | None = None,
        source: str = "",
    ) -> None:
        self._workspace, self._user, self._at_ms, self._world = workspace, user, at_ms, world
        self._profile = profile
        self._consent = consent or ConsentSettings()
        self._source = source

    def rows(self, asked: Sequence[Asked], listed: Listed = nobody) -> list[OutboxRow]:
        """The records that tell of rights. `listed`: puts somebody on the list of the erased."""
        found: list[OutboxRow] = []
        for event in [event for one in asked for event in self._events(one)]:
            rows = [OutboxRow(*one) for one in listed(event)]
            found += [*rows, _row(msgspec.structs.replace(event, properties={"listed": True}) if rows else event)]
        return found

    def opted_in(self, purpose: str, text_version: str) -> OutboxRow:
        """The record of an explicit opt-in to messages of a purpose, with what was agreed to as its proof."""
        properties = {"list_id": purpose, "source": self._source, "text_version": text_version}
        return _row(self._event(EventKind.TRACK, SUBSCRIBED, properties))

    def _events(self, asked: Asked) -> Iterator[Event]:
        if asked.kind is RightKind.ERASE:
            yield self._event(EventKind.ERASE, "", {})
        elif asked.kind is RightKind.WITHDRAW:
            yield self._withdrawal()
        else:
            for channel in CHANNELS if asked.channel == ALL else (asked.channel,):
                yield from self._unsubscriptions(channel, asked.purpose)

    def _unsubscriptions(self, channel: str, purpose: str) -> Iterator[Event]:
        """Of all messages: the wish itself, and each permission that stands."""
        if channel != EMAIL:
            yield self._contact(channel, purpose)
            return
        if purpose != ALL:
            yield self._event(EventKind.TRACK, UNSUBSCRIBED, {"list_id": purpose, "source": self._source})
            return
        yield self._event(EventKind.TRACK, UNSUBSCRIBED, {"source": self._source})
        permissions = self._profile.contact.permissions if self._profile else {}
        for key, permission in sorted(permissions.items()):
            its_channel, _, its_purpose = key.partition("/")
            if its_channel == channel and permission.granted:
                yield self._event(EventKind.TRACK, UNSUBSCRIBED, {"list_id": its_purpose, "source": self._source})

    def _contact(self, channel: str, purpose: str) -> Event:
        change = ContactChange(channel=channel, at_ms=self._at_ms, source=self._source)  # type: ignore[arg-type]
        if purpose == ALL:
            change = msgspec.structs.replace(change, suppress="unsubscribed")
        else:
            change = msgspec.structs.replace(change, purpose=purpose, granted=False)
        return self._event(EventKind.CONTACT, "", msgspec.to_builtins(change))

    def _withdrawal(self) -> Event:
        """A whole statement, as every consent object is one: what else was agreed to still is."""
        agreed = self._profile.consent if self._profile else {}
        told = {
            category: purpose != PERSONALISATION and agreed.get(purpose) is True
            for category, purpose in self._consent.categories
        }
        context = {"consent": {"categoryPreferences": told}}
        return msgspec.structs.replace(self._event(EventKind.TRACK, CONSENT_TOLD, {}), context=context)

    def _event(self, kind: EventKind, name: str, properties: dict[str, str]) -> Event:
        said = f"{self._workspace}|{self._user}|{self._at_ms}|{kind}|{name}|{sorted(properties.items())}"
        number = f"right-{blake2b(said.encode(errors='surrogatepass'), digest_size=_ID_BYTES).hexdigest()}"
        return Event(
            workspace=self._workspace,
            user=self._user,
            record_id=RecordId(number),
            id=EventId(number),
            kind=kind,
            at_ms=self._at_ms,
            received_ms=self._at_ms,
            world=self._world,
            name=name,
            properties={key: value for key, value in properties.items() if value != ""},
        )


def _row(event: Event) -> OutboxRow:
    record = event_record(event)
    return OutboxRow(EVENTS.name, record.partition, record.key, record.value)
