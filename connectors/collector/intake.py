"""From the body of a request to the records it stands for. Nothing here waits."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from connectors.collector.answers import Refusal
from connectors.collector.batches import cut_batch
from connectors.collector.calls import Reception, decode_call, erasure, event_of
from connectors.collector.event_log import Outgoing
from connectors.collector.items import item_record
from connectors.collector.keys import Sender
from connectors.collector.links import link_of
from connectors.collector.record_ids import new_record_id
from connectors.collector.reduction import ONLY_BASICS, Rules, reduced
from connectors.collector.rights_used import UsedRight, rights_in
from connectors.contacts.told import told_contacts
from connectors.erasure.listing import Listed
from connectors.kafka.dead_letters import code_version, dead_letter_record
from connectors.kafka.event_records import event_record
from connectors.metrics.mail import MailCounts, mail_event
from schemas.dead_letters import DeadLetter
from schemas.errors import Reason, SchemaError
from schemas.events import Event, EventKind, is_about_mail
from schemas.ids import WorkspaceId
from schemas.topics import DEAD_LETTERS, EVENTS
from schemas.worlds import WorldRef

SOURCE = "collector"

Owner = Callable[[str | None], Sender]
"""Whose events they are and who sends them, given the key that the body itself holds; raises UnknownKey."""


RulesOf = Callable[[WorkspaceId], Rules]
"""What of events a workspace lets through, as its newest release says."""


def only_basics(_workspace: WorkspaceId) -> Rules:
    """The rules of a workspace of which no release is known."""
    return ONLY_BASICS


class UnknownKey(Exception):
    """The request holds no key of any workspace: its sender mends it."""


@dataclass(frozen=True)
class Moment:
    """When a request was received, and the world and the rules of that moment."""

    received_ms: int
    world: WorldRef
    rules_of: RulesOf = only_basics


@dataclass
class Taken:
    """What a request stands for: `records` are written, all or none acknowledged.

    is_trusted  its sender may say how people are reached, what became of mail, and that two known persons are one
    mail        what its events tell of mails
    rights      that its events use: they hold at the gateway before anything is acknowledged
    """

    workspace: WorkspaceId
    rules: Rules = ONLY_BASICS
    is_trusted: bool = True
    records: list[Outgoing] = field(default_factory=list)
    accepted: int = 0
    mail: MailCounts = field(default_factory=MailCounts)
    refused: list[Refusal] = field(default_factory=list)
    rights: list[UsedRight] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """One more event, reduced, and those that stand beside it.

        Raises:
            SchemaError: it cannot be one, or it is not for this sender to tell.
        """
        if not self.is_trusted and is_about_mail(event.name):
            raise SchemaError(
                Reason.NOT_ALLOWED,
                "event: expected what a page can know, got one about mail; send it from a server, with a key that "
                "stands in no page",
            )
        if self.rules.items.tells(event):
            self.records.append(self._item(event))
        else:
            self.records += [outgoing(one) for one in stored(event, self.rules, self.is_trusted)]
            self.rights += rights_in(event, self.rules.consent)
        self.mail[mail_event(event.name, event.properties)] += 1
        self.accepted += 1

    def _item(self, event: Event) -> Outgoing:
        if not self.is_trusted:
            raise SchemaError(
                Reason.NOT_ALLOWED,
                "event: expected what a page can know, got one about an item of a catalogue; send it from a server, "
                "with a key that stands in no page",
            )
        return Outgoing(*item_record(self.rules.items.item_of(event)))

    def refuse(self, index: int, raw: bytes, error: SchemaError, received_ms: int) -> None:
        """One more dead letter."""
        self.records.append(_dead_letter(raw, error, received_ms))
        self.refused.append(Refusal(index, error.reason, str(error)))


def stored(event: Event, rules: Rules, is_trusted: bool = True) -> list[Event]:
    """What is written of an event as it came in: itself, reduced, then the addresses and the link that it told."""
    events = [reduced(event, rules)]
    if is_trusted:
        events += told_contacts(event)
    link = link_of(event, is_trusted=is_trusted)
    return events if link is None else [*events, link]


def outgoing(event: Event) -> Outgoing:
    """An event for the log.

    Raises:
        SchemaError: it is too large or too deep, or an id is empty or too long.
    """
    return Outgoing(EVENTS.name, *event_record(event))


def take_single(body: bytes, kind: EventKind, owner: Owner, moment: Moment) -> Taken:
    """One call, which is taken or refused as a whole.

    Raises:
        SchemaError: with the reason why it is refused.
        UnknownKey: it is nobody's.
    """
    call = decode_call(body)
    workspace, is_public = owner(call.write_key)
    taken = Taken(workspace, moment.rules_of(workspace), is_trusted=not is_public)
    taken.add(event_of(call, body, Reception(workspace, moment.received_ms, moment.world), kind))
    return taken


def take_batch(body: bytes, owner: Owner, moment: Moment) -> Taken:
    """Many calls, each taken or refused by itself.

    Raises:
        SchemaError: with the reason why the body is no batch at all.
        UnknownKey: it is nobody's.
    """
    envelope, calls = cut_batch(body)
    workspace, is_public = owner(envelope.write_key)
    reception = Reception(
        workspace,
        moment.received_ms,
        moment.world,
        envelope.sent_at or envelope.sent_at_alias,
        envelope.context or {},
    )
    taken = Taken(workspace, moment.rules_of(workspace), is_trusted=not is_public)
    for index, raw in enumerate(calls):
        try:
            taken.add(event_of(decode_call(raw), raw, reception))
        except SchemaError as error:
            taken.refuse(index, raw, error, moment.received_ms)
    return taken


def take_erasure(user: str, workspace: WorkspaceId, moment: Moment, listed: Listed) -> Taken:
    """The wish that a user be forgotten, and its row on the list of who was.

    Raises:
        SchemaError: the id is empty or too long.
    """
    taken = Taken(workspace)
    asked = erasure(user, Reception(workspace, moment.received_ms, moment.world))
    rows = listed(asked)
    taken.records += rows
    taken.add(msgspec.structs.replace(asked, properties={"listed": True}) if rows else asked)
    return taken


def _dead_letter(raw: bytes, error: SchemaError, received_ms: int) -> Outgoing:
    """The call, whole. It stood in no log, so a name takes the place of an offset."""
    letter = DeadLetter(
        source=SOURCE,
        partition=-1,
        offset=-1,
        received_ms=received_ms,
        reason=error.reason,
        message=str(error),
        key=b"",
        payload=raw,
        code_version=code_version(),
    )
    key, value = dead_letter_record(letter, new_record_id(received_ms))
    return Outgoing(DEAD_LETTERS.name, 0, key, value)
