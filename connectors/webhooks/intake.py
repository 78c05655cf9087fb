"""From a provider's request to the records it stands for: verified, kept whole, then understood."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.collector.event_log import Outgoing
from connectors.collector.intake import Moment
from connectors.collector.record_ids import new_record_id
from connectors.kafka.dead_letters import code_version, dead_letter_record
from connectors.kafka.event_records import event_record
from connectors.kafka.partitioning import partition_of_key
from connectors.metrics.mail import MailCounts, mail_event
from connectors.webhooks.cutting import cut
from connectors.webhooks.mapping import providers
from connectors.webhooks.normalising import Receipt, normalised
from connectors.webhooks.verifying import Request, Verified, Verifier
from schemas.codec import encode
from schemas.dead_letters import DeadLetter
from schemas.errors import Reason, SchemaError
from schemas.events import why_not_json
from schemas.ids import WorkspaceId
from schemas.keys import webhook_key
from schemas.topics import DEAD_LETTERS, EVENTS, WEBHOOKS
from schemas.webhooks import RawWebhook

BODY_BYTES_MAX = 4_000_000
_CONTENT_TYPE_MAX = 256

Visit = Callable[[str], Awaitable[bytes]]
"""Asks for an address; raises TransientError where it does not answer."""

_decoder = msgspec.json.Decoder()


@dataclass
class Heard:
    """What a believed request stands for: all `records` are written, or it is not acknowledged."""

    provider: str
    verified: Verified
    received_ms: int
    records: list[Outgoing] = field(default_factory=list)
    accepted: int = 0
    mail: MailCounts = field(default_factory=MailCounts)
    refused: list[Reason] = field(default_factory=list)
    error: SchemaError | None = None
    """Why the whole body is of no use."""

    @property
    def workspace(self) -> WorkspaceId:
        """Whose it is."""
        return self.verified.workspace

    def refuse(self, raw: bytes, error: SchemaError) -> None:
        """One more dead letter: sending it again would not mend it."""
        letter = DeadLetter(
            source=f"webhooks/{self.provider}",
            partition=-1,
            offset=-1,
            received_ms=self.received_ms,
            reason=error.reason,
            message=str(error),
            key=b"",
            payload=raw,
            code_version=code_version(),
        )
        key, value = dead_letter_record(letter, new_record_id(self.received_ms))
        self.records.append(Outgoing(DEAD_LETTERS.name, 0, key, value))
        self.refused.append(error.reason)


class Webhooks:
    """The providers that are set up, and how each is believed and understood.

    secret  by which an address becomes a user id
    visit   confirms a subscription
    """

    def __init__(self, verifiers: Mapping[str, Verifier], secret: bytes, visit: Visit) -> None:
        self._verifiers = dict(verifiers)
        self._mappings = providers() if verifiers else {}
        self._secret = secret
        self._visit = visit

    def __contains__(self, provider: str) -> bool:
        return provider in self._verifiers

    async def hear(self, provider: str, headers: Mapping[bytes, bytes], body: bytes, moment: Moment) -> Heard:
        """Everything that a request stands for.

        Raises:
            Unverified: it is not to be believed.
            TransientError: what is needed to believe it cannot be reached now.
        """
        payload, error = _parsed(body)
        request = Request(headers, body, payload, moment.received_ms)
        verified = await self._verifiers[provider].verify(request)
        if verified.visit:
            await self._visit(verified.visit)
        heard = Heard(provider, verified, moment.received_ms)
        if error is not None:
            heard.error = error
            heard.refuse(body, error)
            return heard
        heard.records.append(_raw(heard, headers, body))
        self._understand(heard, payload, moment)
        return heard

    def _understand(self, heard: Heard, payload: Any, moment: Moment) -> None:
        rules = moment.rules_of(heard.workspace)
        receipt = Receipt(heard.workspace, moment.received_ms, moment.world, self._secret, rules)
        mapping = self._mappings[heard.provider]
        for piece in cut(payload, mapping):
            try:
                event = normalised(piece, mapping, receipt)
                found = [] if event is None else [Outgoing(EVENTS.name, *event_record(event))]
            except SchemaError as error:
                heard.refuse(piece.raw, error)
            else:
                heard.records += found
                heard.accepted += len(found)
                if event is not None:
                    heard.mail[mail_event(event.name, event.properties)] += 1


def _parsed(body: bytes) -> tuple[Any, SchemaError | None]:
    try:
        return _decoder.decode(body), None
    except RecursionError:
        return None, SchemaError(Reason.TOO_DEEP, "expected JSON, got far too deep nesting")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, SchemaError(why_not_json(body), "expected JSON, got other bytes")


def _raw(heard: Heard, headers: Mapping[bytes, bytes], body: bytes) -> Outgoing:
    """The body, as it was believed: what is not understood today may be tomorrow."""
    told = headers.get(b"content-type", b"")[:_CONTENT_TYPE_MAX].decode("latin-1")
    key = webhook_key(heard.workspace, heard.provider, new_record_id(heard.received_ms))
    value = encode(RawWebhook(heard.received_ms, heard.provider, told, body))
    return Outgoing(WEBHOOKS.name, partition_of_key(key, WEBHOOKS.partitions), key, value)
