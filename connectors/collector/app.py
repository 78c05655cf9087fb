"""The collector's HTTP side, as a bare ASGI application."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import unquote

from connectors.collector.answers import STATUS_OF, Answer, accepted, plain, problem, unavailable
from connectors.collector.batches import BATCH_BYTES_MAX
from connectors.collector.bodies import Bodies, BodyRefused, Disconnected, Receive
from connectors.collector.event_log import Outgoing
from connectors.collector.intake import (
    Moment,
    RulesOf,
    Taken,
    UnknownKey,
    only_basics,
    take_batch,
    take_erasure,
    take_single,
)
from connectors.collector.intake import Owner as SenderOf
from connectors.collector.keys import Sender, WriteKeys, key_of
from connectors.collector.meters import CONTENT_TYPE, Meters
from connectors.collector.rights_used import Nobody, Owner, OwnerUnavailable, rights_in
from connectors.erasure.listing import Listed, nobody
from connectors.mappings.events import SENDER_KINDS
from connectors.webhooks.fetching import fetch
from connectors.webhooks.intake import BODY_BYTES_MAX, Webhooks
from connectors.webhooks.route import PATH as WEBHOOK_PATH
from connectors.webhooks.route import answer_webhook
from schemas.errors import BrokerUnavailable, SchemaError
from schemas.events import EVENT_BYTES_MAX, decode_event
from schemas.library import ConsentSettings
from schemas.topics import EVENTS
from schemas.worlds import WorldRef

Scope = Mapping[str, Any]
Headers = Mapping[bytes, bytes]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Clock = Callable[[], int]

SINGLE_PATHS = {f"/v1/{kind.value}": kind for kind in SENDER_KINDS}
BATCH_PATHS = frozenset({"/v1/batch", "/v1/import"})
USER_PATH = b"/v1/users/"
OWN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_UNAUTHORIZED = (b"www-authenticate", b'Basic realm="write key"')


class Log(Protocol):
    """Where records are written."""

    @property
    def pending_bytes(self) -> int:
        """Bytes that are not acknowledged yet."""

    @property
    def is_writable(self) -> bool:
        """Whether a write would be tried now."""

    async def write(self, records: Sequence[Outgoing]) -> None:
        """Return once all are acknowledged.

        Raises:
            BrokerUnavailable: they are not.
        """


class World(Protocol):
    """Tells the world as it is now."""

    @property
    def world(self) -> WorldRef | None:
        """None before it is known."""


def now_ms() -> int:
    """The wall clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class CollectorApp:
    """Takes requests in, writes their events, answers when they are acknowledged."""

    def __init__(
        self,
        keys: WriteKeys,
        log: Log,
        world: World,
        meters: Meters,
        clock: Clock = now_ms,
        rules_of: RulesOf = only_basics,
        webhooks: Webhooks | None = None,
        listed: Listed = nobody,
        owner: Owner | None = None,
    ) -> None:
        self._listed = listed
        self._owner_of_rights = owner or Nobody()
        self._keys = keys
        self._log = log
        self._world = world
        self._meters = meters
        self._clock = clock
        self._rules_of = rules_of
        meters.ready.set_function(lambda: self._world.world is not None and self._log.is_writable)
        self._webhooks = webhooks or Webhooks({}, b"", fetch)
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        try:
            answer = await self._answer(scope, receive)
        except Disconnected:
            return
        self._meters.requests.labels(str(int(answer.status))).inc()
        length = (b"content-length", str(len(answer.body)).encode())
        headers = [*answer.headers, length]
        await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        """The route; what goes wrong on it becomes a problem with its status."""
        path, method = scope["path"], scope["method"]
        try:
            if path in SINGLE_PATHS or path in BATCH_PATHS:
                return await self._collect(scope, receive) if method == "POST" else _wrong_method(b"POST")
            if path.startswith(WEBHOOK_PATH) and path.removeprefix(WEBHOOK_PATH) in self._webhooks:
                return await self._hear(scope, receive) if method == "POST" else _wrong_method(b"POST")
            if scope["raw_path"].startswith(USER_PATH):
                return await self._erase(scope) if method == "DELETE" else _wrong_method(b"DELETE")
            if path in OWN_PATHS:
                return self._told(path) if method == "GET" else _wrong_method(b"GET")
        except SchemaError as error:
            self._meters.refused.labels(error.reason.value).inc()
            return problem(STATUS_OF.get(error.reason, HTTPStatus.BAD_REQUEST), str(error), error.reason.value)
        except BodyRefused as error:
            is_busy = error.status == HTTPStatus.SERVICE_UNAVAILABLE
            return unavailable(str(error)) if is_busy else problem(error.status, str(error))
        except UnknownKey:
            detail = "expected the write key of a workspace as user name of basic authentication"
            return problem(HTTPStatus.UNAUTHORIZED, detail, "", _UNAUTHORIZED)
        except (BrokerUnavailable, OwnerUnavailable) as error:
            return unavailable(str(error))
        return problem(HTTPStatus.NOT_FOUND, "no such path")

    async def _collect(self, scope: Scope, receive: Receive) -> Answer:
        """Events in: read, understand, write, and only then acknowledge."""
        headers: Headers = dict(scope["headers"])
        path = scope["path"]
        owner = self._owner(headers)
        world = self._world_now()
        is_batch = path in BATCH_PATHS
        body = await self._bodies.read(receive, headers, BATCH_BYTES_MAX if is_batch else EVENT_BYTES_MAX)
        moment = Moment(self._clock(), world, self._rules_of)
        if is_batch:
            return await self._acknowledge(take_batch(body, owner, moment), headers)
        return await self._acknowledge(take_single(body, SINGLE_PATHS[path], owner, moment), headers)

    async def _hear(self, scope: Scope, receive: Receive) -> Answer:
        """What a mail provider tells."""
        headers: Headers = dict(scope["headers"])
        world = self._world_now()
        body = await self._bodies.read(receive, headers, BODY_BYTES_MAX)
        moment = Moment(self._clock(), world, self._rules_of)
        provider = scope["path"].removeprefix(WEBHOOK_PATH)
        return await answer_webhook(self._webhooks, provider, headers, body, moment, self._write_heard, self._meters)

    async def _write_heard(self, records: Sequence[Outgoing]) -> None:
        """Write what a provider told; people unsubscribe there too."""
        if not isinstance(self._owner_of_rights, Nobody):
            events = [decode_event(record.value) for record in records if record.topic == EVENTS.name]
            await self._owner_of_rights.ask([one for event in events for one in rights_in(event, ConsentSettings())])
        await self._log.write(records)

    async def _erase(self, scope: Scope) -> Answer:
        workspace, is_public = self._owner(dict(scope["headers"]))(None)
        if is_public:
            return problem(HTTPStatus.FORBIDDEN, "expected a key that stands in no page: this one only sends events")
        user = _user_of(scope["raw_path"])
        if user is None:
            return problem(HTTPStatus.NOT_FOUND, "expected /v1/users/{user}")
        taken = take_erasure(user, workspace, Moment(self._clock(), self._world_now()), self._listed)
        answer = await self._acknowledge(taken, {})
        self._meters.erasures.labels(workspace).inc()
        return answer

    def _owner(self, headers: Headers) -> SenderOf:
        """Finds the sender by the header, before the body is read, else by the key in the body.

        Raises:
            UnknownKey: the header's key is nobody's.
        """
        header = headers.get(b"authorization")
        if header is not None:
            found = self._keys.sender_of(key_of(header))
            if found is None:
                raise UnknownKey
            return lambda _: found

        def by_body(key: str | None) -> Sender:
            found = self._keys.sender_of(key)
            if found is None:
                raise UnknownKey
            return found

        return by_body

    def _world_now(self) -> WorldRef:
        world = self._world.world
        if world is None or not self._log.is_writable:
            raise BrokerUnavailable("expected Kafka to answer, but it does not")
        return world

    async def _acknowledge(self, taken: Taken, headers: Headers) -> Answer:
        """Say yes, once Kafka has said so; and before it, of rights, whoever acts for the person.

        Mutant: write first, or do not ask; then `test_nothing_is_acknowledged_that_the_owner_refused` fails.
        """
        await self._owner_of_rights.ask(taken.rights)
        if taken.records:
            with self._meters.acknowledge.time():
                await self._log.write(taken.records)
        self._meters.accepted.labels(taken.workspace).inc(taken.accepted)
        self._meters.mail.add(taken.workspace, taken.mail)
        for refusal in taken.refused:
            self._meters.refused.labels(refusal.reason.value).inc()
        return accepted(taken.accepted, taken.refused, headers.get(b"user-agent", b""))

    def _told(self, path: str) -> Answer:
        if path == "/metrics":
            self._meters.pending.set(self._log.pending_bytes)
            return plain(HTTPStatus.OK, self._meters.page(), CONTENT_TYPE)
        if path == "/readyz":
            self._world_now()
        return plain(HTTPStatus.OK, b"ok\n")


def _user_of(raw_path: bytes) -> str | None:
    """The user in a path, however the id was escaped."""
    part = raw_path.partition(b"?")[0].removeprefix(USER_PATH)
    if not part or b"/" in part:
        return None
    try:
        return unquote(part.decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        return None


def _wrong_method(allowed: bytes) -> Answer:
    return problem(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {allowed.decode()}", "", (b"allow", allowed))
