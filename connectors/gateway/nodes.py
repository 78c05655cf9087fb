"""Several nodes: who holds a person, and requests on their way to who does. See docs/nodes.md.

A request that came from another node is answered here or not at all, so none goes round in circles; and nodes that were
told different lists refuse each other, for one of them would act for persons that another believes to be its own.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import quote, urlencode, urlsplit

from connectors.gateway.answers import Answer
from connectors.gateway.app import DIRECT, FORWARDED
from connectors.gateway.assignment import assigned
from connectors.gateway.problems import OTHER_NODE, RETRY_AFTER, Problem
from connectors.gateway.routing import Handler, Request, Streamed
from connectors.http.client import HttpClient, HttpUnavailable, Reply
from connectors.kafka.partitioning import event_partition
from schemas.ids import UserId, WorkspaceId
from schemas.topics import PARTITIONS

OWNER = b"x-foresend-owner"
"""Where a caller that goes to owners itself finds the one of this person."""
COPY = b"x-foresend-copy"
"""A primary sends it with what the second node is to write down too: it does nothing more."""
CONNECTIONS = 32
PASS_S = 5.0
PATIENT_S = 25.0
"""For what waits for messages under way: longer than it may wait, so that its own word arrives first."""
DIGEST_DIGITS = 16
_PASSED = (
    b"accept", b"accept-language", b"authorization", b"content-type", b"idempotency-key", b"user-agent",
    b"x-forwarded-for",
)  # fmt: skip
_HOP = frozenset({b"connection", b"content-length", b"date", b"keep-alive", b"server", b"transfer-encoding"})

Whose = Callable[[Request], tuple[WorkspaceId, UserId] | None]
"""Whom a request is about; None: nobody, so any node may answer."""


class Nodes:
    """The nodes of an installation, as one of them sees it.

    urls        of all nodes by name, in the order that all were told; none: this one is alone
    own         the name of this one
    partitions  that it holds, where it is alone and others care for the rest; none named: all
    """

    def __init__(self, urls: Mapping[str, str], own: str, partitions: Sequence[int] = ()) -> None:
        self._urls = dict(urls)
        names = list(self._urls)
        lone = ((own,) if number in (partitions or range(PARTITIONS)) else () for number in range(PARTITIONS))
        self.owners: tuple[tuple[str, ...], ...] = (
            tuple(tuple(names[place] for place in places) for places in assigned(len(names))) if names else tuple(lone)
        )
        self._own = own
        said = "\n".join([f"{name}={url}" for name, url in self._urls.items()])
        self.digest = sha256(said.encode()).hexdigest()[:DIGEST_DIGITS].encode()
        self._clients: dict[tuple[str, float], HttpClient] = {}

    @property
    def partitions(self) -> tuple[int, ...]:
        """The partitions of persons that this node holds."""
        return tuple(number for number, names in enumerate(self.owners) if self._own in names)

    @property
    def primary_partitions(self) -> tuple[int, ...]:
        """Those of them that it acts for."""
        return tuple(number for number, names in enumerate(self.owners) if names[:1] == (self._own,))

    def holds(self, workspace: WorkspaceId, user: UserId) -> bool:
        """Whether a person is held here: read and drawn for."""
        return self._own in self.owners[event_partition(workspace, user)]

    def is_primary(self, workspace: WorkspaceId, user: UserId) -> bool:
        """Whether this node acts for a person: takes triggers and rights, grants, keeps records."""
        return self.owners[event_partition(workspace, user)][:1] == (self._own,)

    def owners_of(self, workspace: WorkspaceId, user: UserId) -> tuple[str, ...]:
        """The names of the nodes that hold a person, the primary first."""
        return self.owners[event_partition(workspace, user)]

    def owner_url(self, workspace: WorkspaceId, user: UserId) -> str:
        """Where the primary of a person is reached; empty: nobody has said."""
        names = self.owners[event_partition(workspace, user)]
        return self._urls.get(names[0], "") if names else ""

    def not_here(self, workspace: WorkspaceId, user: UserId) -> Problem:
        """What a caller is told that must go to another node itself."""
        url = self.owner_url(workspace, user)
        headers = ((OWNER, url.encode()),) if url else ()
        detail = f"partition {event_partition(workspace, user)} is held by another node"
        return Problem(HTTPStatus.MISDIRECTED_REQUEST, OTHER_NODE, detail, headers)

    def at_primary(self, handler: Handler, whose: Whose, *, patient: bool = False) -> Handler:
        """The handler, where this node acts for the person; what the node says that does, elsewhere."""
        return self._at(handler, whose, self.is_primary, only_first=True, patient=patient)

    def at_owner(self, handler: Handler, whose: Whose) -> Handler:
        """The handler, where this node holds the person; what a node says that does, elsewhere."""
        return self._at(handler, whose, self.holds, only_first=False, patient=False)

    async def elsewhere(self, request: Request) -> Answer:
        """A draw or a look, of a person that this node does not hold."""
        workspace, user = of_user(request)
        return await self._pass(request, workspace, user, only_first=False, patient=False)

    async def copy(self, request: Request, workspace: WorkspaceId, user: UserId) -> None:
        """Have the person's other nodes write down what this request says.

        Raises:
            Problem: 503, not all of them did.
        """
        others = [name for name in self.owners[event_partition(workspace, user)] if name != self._own]
        for name in others:
            answer = await self._ask(name, request, ((COPY, b"1"),), PASS_S)
            if answer is None or answer.status != HTTPStatus.OK:
                raise _away("the second node of this person cannot be reached: it holds here, do it again")

    def close(self) -> None:
        """Hang up."""
        for client in self._clients.values():
            client.close()

    def _at(
        self,
        handler: Handler,
        whose: Whose,
        is_here: Callable[[WorkspaceId, UserId], bool],
        *,
        only_first: bool,
        patient: bool,
    ) -> Handler:
        async def answered(request: Request) -> Answer | Streamed:
            found = whose(request)
            if request.forwarded:
                self._require_same(request)
            is_copy = request.forwarded and COPY in request.headers
            if found is None or is_here(*found) or (is_copy and self.holds(*found)):
                return await handler(request)
            if request.forwarded or request.headers.get(DIRECT, b"").lower() == b"direct":
                raise self.not_here(*found)
            return await self._pass(request, *found, only_first=only_first, patient=patient)

        return answered

    def _require_same(self, request: Request) -> None:
        # Mutant: believe everybody; then `test_nodes_that_were_told_different_lists_refuse_each_other` fails.
        if request.headers.get(FORWARDED) != self.digest:
            raise _away("expected nodes that were told the same list; see that the setting nodes is the same on all")

    async def _pass(
        self, request: Request, workspace: WorkspaceId, user: UserId, *, only_first: bool, patient: bool
    ) -> Answer:
        """What the first of the owners says that can be reached."""
        names = self.owners[event_partition(workspace, user)]
        if not self._urls:
            raise self.not_here(workspace, user)
        for name in names[:1] if only_first else names:
            answer = await self._ask(name, request, (), PATIENT_S if patient else PASS_S)
            if answer is not None:
                return answer
        raise _away("the node that holds this person cannot be reached")

    async def _ask(
        self, name: str, request: Request, own: Sequence[tuple[bytes, bytes]], timeout_s: float
    ) -> Answer | None:
        """What another node says; None where it cannot be reached."""
        passed = [(header, request.headers[header]) for header in _PASSED if header in request.headers]
        if request.client and b"x-forwarded-for" not in request.headers:
            passed.append((b"x-forwarded-for", request.client.encode("latin-1")))
        headers = [
            (header.decode("latin-1"), value.decode("latin-1"))
            for header, value in (*passed, (FORWARDED, self.digest), *own)
        ]
        client = self._client(name, timeout_s)
        try:
            # A turn among the connections is waited for too.
            async with asyncio.timeout(timeout_s):
                reply = await client.request(request.method, _target(request), request.body, headers)
        except (HttpUnavailable, TimeoutError):
            return None
        return _answer(reply)

    def _client(self, name: str, timeout_s: float) -> HttpClient:
        key = (name, timeout_s)
        if key not in self._clients:
            parts = urlsplit(self._urls[name])
            is_tls = parts.scheme == "https"
            self._clients[key] = HttpClient(
                parts.hostname or "",
                parts.port or (443 if is_tls else 80),
                connections=CONNECTIONS,
                timeout_s=timeout_s,
                tls=ssl.create_default_context() if is_tls else None,
            )
        return self._clients[key]


def of_user(request: Request) -> tuple[WorkspaceId, UserId]:
    """Whom a request is about whose path holds `{user}`."""
    return request.workspace, UserId(request.id("user"))


def _target(request: Request) -> str:
    path = "/" + "/".join(quote(part, safe=":") for part in request.path)
    return f"{path}?{urlencode(request.query)}" if request.query else path


def _answer(reply: Reply) -> Answer:
    headers = tuple((name, value) for name, value in reply.headers.items() if name not in _HOP)
    return Answer(reply.status, headers, reply.body)


def _away(detail: str) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "owner_away", detail, RETRY_AFTER)
