"""The ledger over HTTP: triggers, grants, outcomes, sends in doubt, and what was decided of a person's sends."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Literal, TypeVar

import msgspec

from connectors.cache.releases import Releases
from connectors.cache.store import CacheStore
from connectors.delivery.ledger import GRANTS_MAX, Ledger
from connectors.delivery.send_rows import SendErased, SendIdTaken
from connectors.gateway.answers import Answer, json_body
from connectors.gateway.choosing import gone
from connectors.gateway.nodes import Nodes, of_user
from connectors.gateway.problems import Problem, bad_request
from connectors.gateway.routing import Request, Right, Route
from schemas.events import Millis
from schemas.ids import ID_LENGTH, ID_LENGTH_MAX, SendId, TemplateName, UserId, WorkspaceId
from schemas.sending import Grant, SendRecord, SendState, Told, Trigger

TOLD_MAX = 1_000
TOLD_BYTES_MAX = 1024 * 1024
CHANNELS_MAX = 16
TURNS_S = 1.0
"""So long a question may look past what is skipped: it is part of the lease of what it is given."""
T = TypeVar("T")
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class GrantRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A worker asks. `max`: messages at most; `channels`: by which it sends."""

    max: Annotated[int, msgspec.Meta(ge=1, le=GRANTS_MAX)]
    channels: Annotated[list[_Name], msgspec.Meta(min_length=1, max_length=CHANNELS_MAX)]


class GrantAnswer(msgspec.Struct, frozen=True):
    """What it is given. `wait_ms`: when to ask again; 0: at once."""

    grants: list[Grant]
    wait_ms: int


class ToldRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of attempts."""

    results: Annotated[list[Told], msgspec.Meta(max_length=TOLD_MAX)]


class ResolveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settles sends in doubt."""

    send_ids: Annotated[list[SendId], msgspec.Meta(max_length=TOLD_MAX)]
    resolution: Literal["sent", "resend"]


class SendsAnswer(msgspec.Struct, frozen=True):
    """Records of sends."""

    sends: list[SendRecord]


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/send`: a `Trigger`, of which the send id may stand in `Idempotency-Key`, or be left out."""

    template: Annotated[TemplateName, ID_LENGTH]
    user: Annotated[UserId, ID_LENGTH]
    send_id: Annotated[SendId, msgspec.Meta(max_length=ID_LENGTH_MAX)] = SendId("")
    at_ms: Millis = 0
    until_ms: Millis = 0


class AskedAnswer(msgspec.Struct, frozen=True):
    """Where a send stands that was asked for. `due_ms`: not before."""

    send_id: SendId
    state: SendState
    due_ms: int


_grants = msgspec.json.Decoder(GrantRequest)
_results = msgspec.json.Decoder(ToldRequest)
_resolving = msgspec.json.Decoder(ResolveRequest)
_asking = msgspec.json.Decoder(Asking)


class DeliveryRoutes:
    """Handlers. What is decided is decided in one turn of the event loop; only the disk is waited for.

    require_ready  refuses while this node cannot know
    """

    def __init__(
        self,
        ledger: Ledger,
        store: CacheStore,
        releases: Releases,
        nodes: Nodes,
        require_ready: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._releases = releases
        self._nodes = nodes
        self._require_ready = require_ready

    def routes(self) -> list[Route]:
        """Their paths."""
        at_primary = self._nodes.at_primary
        return [
            Route(
                "POST",
                ("v1", "send"),
                Right.SEND,
                at_primary(self.send, _asked_of),
                about="Have a message sent to somebody, once for each send id",
                takes=Asking,
                gives={202: AskedAnswer},
            ),
            Route(
                "GET",
                ("v1", "users", "{user}", "sends"),
                Right.READ,
                at_primary(self.sends, of_user),
                about="What was decided of a person's sends, and what came of each; those asked for last first",
                gives={200: "application/json"},
            ),
            *self._worker_routes(),
        ]

    def _worker_routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                ("v1", "deliveries:grant"),
                Right.DELIVER,
                self.grant,
                about="Messages that may be sent now, each with the lease within which it must be begun",
                takes=GrantRequest,
                gives={200: GrantAnswer},
            ),
            Route(
                "POST",
                ("v1", "deliveries:told"),
                Right.DELIVER,
                self.told,
                TOLD_BYTES_MAX,
                about="What came of attempts; telling it again changes nothing",
                takes=ToldRequest,
                gives={200: "application/json"},
            ),
            Route(
                "GET",
                ("v1", "deliveries:ambiguous"),
                Right.DELIVER,
                self.ambiguous,
                about="Sends of which nobody knows whether they arrived",
                gives={200: SendsAnswer},
            ),
            Route(
                "POST",
                ("v1", "deliveries:resolve"),
                Right.DELIVER,
                self.resolve,
                TOLD_BYTES_MAX,
                about="Settle such sends: they were sent, or are sent again",
                takes=ResolveRequest,
                gives={200: "application/json"},
            ),
        ]

    async def grant(self, request: Request) -> Answer:
        """Messages that may be sent now."""
        self._require_ready()
        asked = _body(_grants, request)
        grants: list[Grant] = []
        ends_s = time.monotonic() + TURNS_S
        while True:
            try:
                turn = self._ledger.take(request.workspace, asked.max - len(grants), asked.channels)
            except Problem:
                if not grants:
                    raise
                # What was granted is given: nobody else will hear of it.
                break
            grants += turn.grants
            if turn.wait_ms or len(grants) >= asked.max or time.monotonic() > ends_s:
                break
            # Between two turns others are answered.
            await asyncio.sleep(0)
        if grants:
            # Mutant: answer before it; then `test_grants_are_on_the_disk_before_they_are_given` fails.
            await self._on_disk()
        return _json(HTTPStatus.OK, GrantAnswer(grants, turn.wait_ms))

    async def told(self, request: Request) -> Answer:
        """What came of attempts is acknowledged once it is on the disk."""
        results = _body(_results, request).results
        if any(result.workspace != request.workspace for result in results):
            raise bad_request("bad_workspace", "expected results of the key's own workspace")
        self._ledger.take_told(results)
        await self._on_disk()
        return _json(HTTPStatus.OK, {})

    async def ambiguous(self, request: Request) -> Answer:
        """Sends in doubt."""
        return _json(HTTPStatus.OK, SendsAnswer(self._ledger.ambiguous(request.workspace)))

    async def resolve(self, request: Request) -> Answer:
        """Settle sends in doubt."""
        asked = _body(_resolving, request)
        settled = self._ledger.resolve(request.workspace, asked.send_ids, is_sent=asked.resolution == "sent")
        return _json(HTTPStatus.OK, {"resolved": settled})

    async def send(self, request: Request) -> Answer:
        """Have a message sent: 202 once it is on the disk."""
        self._require_ready()
        asked = _body(_asking, request)
        newest = self._releases.newest(request.workspace)
        if newest is None or asked.template not in newest.templates:
            raise Problem(HTTPStatus.NOT_FOUND, "no_template", "expected a template of the workspace's newest release")
        send_id = SendId(asked.send_id or request.idempotency_key or f"t-{secrets.token_hex(16)}")
        trigger = Trigger(send_id, asked.template, asked.user, asked.at_ms, asked.until_ms)
        try:
            found = await asyncio.to_thread(self._ledger.request, request.workspace, trigger)
        except SendIdTaken as error:
            raise Problem(HTTPStatus.CONFLICT, "send_id_taken", str(error)) from None
        except SendErased:
            raise gone() from None
        return _json(HTTPStatus.ACCEPTED, AskedAnswer(send_id, found.record.state, found.record.due_ms))

    async def sends(self, request: Request) -> Answer:
        """What was decided of a person's sends, those asked for last first."""
        user = UserId(request.id("user"))
        found = self._ledger.records(request.workspace, user)
        return json_body(
            HTTPStatus.OK.value,
            {"workspace": request.workspace, "user": user, "sends": [in_words(record) for record in found]},
        )

    async def _on_disk(self) -> None:
        await asyncio.to_thread(self._store.sync)


def _asked_of(request: Request) -> tuple[WorkspaceId, UserId]:
    """To whom a message is asked for."""
    return request.workspace, _body(_asking, request).user


def in_words(record: SendRecord) -> dict[str, object]:
    """A record as people and programs read it: without the message itself."""
    told = msgspec.to_builtins(record)
    names: Sequence[str] = record.__struct_fields__
    fields = dict(zip(names, told, strict=True)) if isinstance(told, list | tuple) else dict(told)
    for hidden in ("body", "marks", "exposure", "lane"):
        fields.pop(hidden)
    return fields


def _body(decoder: msgspec.json.Decoder[T], request: Request) -> T:
    try:
        return decoder.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request("bad_body", f"expected another body: {error}") from None


def _json(status: HTTPStatus, told: object) -> Answer:
    answer = json_body(status.value, {})
    return answer._replace(body=msgspec.json.encode(told))
