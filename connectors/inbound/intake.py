"""From a mail to the records that it stands for: kept whole first, then understood, as webhooks are."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import parsedate_to_datetime

from connectors.collector.event_log import Outgoing
from connectors.collector.record_ids import new_record_id
from connectors.inbound.events import NO_SEND, NOBODY, PROVIDER, About, digest_of, events_of
from connectors.inbound.owners import NoOwners, Owners
from connectors.inbound.reading import FAULTS, header, parsed
from connectors.inbound.tokens import MailTokens, Named, came_to
from connectors.inbound.understanding import MailKind, Understood, understood
from connectors.kafka.dead_letters import code_version, dead_letter_record
from connectors.kafka.event_records import event_record
from connectors.kafka.partitioning import partition_of_key
from schemas.codec import encode
from schemas.dead_letters import DeadLetter
from schemas.errors import Reason, SchemaError
from schemas.events import AGE_MAX_MS, Event
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.keys import webhook_key
from schemas.topics import DEAD_LETTERS, EVENTS, WEBHOOKS
from schemas.webhooks import RawWebhook
from schemas.worlds import WorldRef

RAW_BYTES_MAX = 1_000_000
"""Of a mail that is kept: what tells of a bounce stands at its beginning."""
_MEDIA_TYPE = "message/rfc822"


@dataclass(frozen=True)
class InboundMail:
    """One mail and its envelope.

    sender    None: it comes from a file, and headers must do for an envelope
    came_to   addresses; none: those in the headers
    """

    data: bytes
    received_ms: int
    world: WorldRef
    sender: str | None = None
    came_to: tuple[str, ...] = ()


@dataclass
class Taken:
    """What a mail stands for: all `records` are written, or it is not acknowledged."""

    workspace: WorkspaceId
    kind: MailKind | None = None
    records: list[Outgoing] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    refused: Reason | None = None


@dataclass(frozen=True)
class InboundRules:
    """How mails are taken in.

    workspaces   whose mails are by the domain that they come to
    workspace    of any other domain; empty: such mails are refused
    secret       the installation's, by which addresses become user ids
    unsubscribe  what stands before the @, or before the +, of the address that unsubscribes
    believes_addresses  what a report says of an address holds where there is no token of ours in it
    """

    workspaces: Mapping[str, WorkspaceId]
    workspace: WorkspaceId
    secret: bytes
    unsubscribe: str = "unsubscribe"
    believes_addresses: bool = True

    def workspace_of(self, addresses: tuple[str, ...] | list[str]) -> WorkspaceId:
        """Whose mail it is; empty: nobody's."""
        domains = [address.rpartition("@")[2].lower() for address in addresses]
        return next((self.workspaces[one] for one in domains if one in self.workspaces), self.workspace)

    def unsubscribes(self, addresses: tuple[str, ...] | list[str]) -> bool:
        """Whether one of the addresses is for that."""
        return any(one.partition("@")[0].partition("+")[0].lower() == self.unsubscribe for one in addresses)


class Inbound:
    """Takes mails in."""

    def __init__(self, rules: InboundRules, tokens: MailTokens, owners: Owners | None = None) -> None:
        self._rules = rules
        self._tokens = tokens
        self._owners = owners or NoOwners()

    async def take(self, mail: InboundMail) -> Taken:
        """Everything that a mail stands for. What an unsubscription forbids starts no more when this returns.

        Raises:
            OwnerAway: a person's node cannot be asked; nothing was done that doing it again would harm.
        """
        addresses = list(mail.came_to) or _came_to(mail.data)
        taken = Taken(self._rules.workspace_of(addresses))
        may_unsubscribe = self._rules.unsubscribes(addresses)
        try:
            # A mail that was made to cost time costs it elsewhere: others are taken in meanwhile.
            found = await asyncio.to_thread(understood, mail.data, mail.sender, may_unsubscribe=may_unsubscribe)
            taken.kind = found.kind
            taken.events = await self._events(found, mail, addresses, taken)
        except SchemaError as error:
            taken.refused = error.reason
            taken.records = [_dead_letter(mail, error)]
            return taken
        if taken.workspace:
            taken.records = [_raw(taken.workspace, mail)]
        taken.records += [Outgoing(EVENTS.name, *event_record(one)) for one in taken.events]
        return taken

    async def _events(self, found: Understood, mail: InboundMail, addresses: list[str], taken: Taken) -> list[Event]:
        if found.kind in (MailKind.AUTO_REPLY, MailKind.OTHER):
            return []
        named = self._tokens.named(found, addresses)
        if named.is_forged:
            raise SchemaError(Reason.NOT_ALLOWED, "expected a token of ours in the address of a mail, got a forged one")
        user, send_id = await self._person(named, taken)
        if not taken.workspace:
            raise SchemaError(Reason.UNKNOWN_WORKSPACE, "expected a mail to a domain of ours, got one to another")
        if not user and not self._rules.believes_addresses:
            raise SchemaError(Reason.UNMAPPED, "expected a token of ours in a mail, got none")
        if user and found.kind is MailKind.UNSUBSCRIBE:
            # Mutant: ask after the records are written; then
            # `test_an_unsubscription_holds_at_the_owner_before_it_is_acknowledged` fails.
            await self._owners.unsubscribe(taken.workspace, user)
        return events_of(found, self._about(mail, taken.workspace, user, send_id))

    async def _person(self, named: Named, taken: Taken) -> tuple[UserId, SendId]:
        """Whom the mail is about, by a token; empty: there is none, or nobody remembers what it names."""
        if named.claim is not None:
            taken.workspace = named.claim.workspace
            return named.claim.user, named.claim.send_id
        if named.returned and taken.workspace:
            known = await self._owners.whose(taken.workspace, named.returned)
            if known is not None:
                return known
        return NOBODY, NO_SEND

    def _about(self, mail: InboundMail, workspace: WorkspaceId, user: UserId, send_id: SendId) -> About:
        at_ms = mail.received_ms if mail.sender is not None else _dated(mail)
        digest = digest_of(mail.data)
        return About(workspace, mail.world, at_ms, mail.received_ms, self._rules.secret, digest, user, send_id)


def _came_to(data: bytes) -> list[str]:
    try:
        return came_to(parsed(data))
    except SchemaError:
        return []


def _dated(mail: InboundMail) -> int:
    """When a mail from a file was written, as far as it can be believed."""
    try:
        head: Message = parsed(mail.data)
        at_ms = int(parsedate_to_datetime(header(head, "date")).timestamp() * 1000)
    except (SchemaError, OverflowError, *FAULTS):
        return mail.received_ms
    return at_ms if mail.received_ms - AGE_MAX_MS < at_ms <= mail.received_ms else mail.received_ms


def _raw(workspace: WorkspaceId, mail: InboundMail) -> Outgoing:
    """The mail as it came: what is not understood today may be tomorrow."""
    key = webhook_key(workspace, PROVIDER, new_record_id(mail.received_ms))
    value = encode(RawWebhook(mail.received_ms, PROVIDER, _MEDIA_TYPE, mail.data[:RAW_BYTES_MAX]))
    return Outgoing(WEBHOOKS.name, partition_of_key(key, WEBHOOKS.partitions), key, value)


def _dead_letter(mail: InboundMail, error: SchemaError) -> Outgoing:
    letter = DeadLetter(
        source="inbound",
        partition=-1,
        offset=-1,
        received_ms=mail.received_ms,
        reason=error.reason,
        message=str(error),
        key=b"",
        payload=mail.data[:RAW_BYTES_MAX],
        code_version=code_version(),
    )
    key, value = dead_letter_record(letter, new_record_id(mail.received_ms))
    return Outgoing(DEAD_LETTERS.name, 0, key, value)
