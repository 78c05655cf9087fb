"""What a request is to those who answer it, and where each path leads.

A part of the gateway tells its paths as a list of `Route`s, which `foresend.serving` gives to the `Gateway`, and there
is no other place. The gateway asks for the key's right, reads the body, undoes percent-encoding, and writes what the
handler gives; a handler raises `Problem` for what it refuses. Handlers run in the event loop: they do not wait for a
socket or a thread but by `await`, and what holds `store.drawing` never awaits.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_to_bytes

from connectors.gateway.answers import Answer
from connectors.gateway.problems import bad_request
from schemas.ids import ID_LENGTH_MAX, WorkspaceId

_NAMED = re.compile(r"\{([a-z_]+)\}(:[a-z-]+)?")
_IDEMPOTENCY = b"idempotency-key"


class Right(StrEnum):
    """What a key may be used for."""

    READ = "read"
    """Looks, profiles, records of sends."""
    DRAW = "draw"
    """Draws for sends that somebody else makes."""
    SEND = "send"
    """Triggers, and campaigns."""
    RIGHTS = "rights"
    """Tells of unsubscribes, withdrawals and erasures."""
    DELIVER = "deliver"
    """A worker's: it is given addresses and whole messages."""


@dataclass(frozen=True)
class Request:
    """One request, whole.

    path       after its percent-encoding was undone, part by part
    headers    by their names in small letters; of several of one name the first
    caller     whose workspace it is about; None on public paths
    forwarded  another node sent it here: it is answered here, or not at all
    values     what stands in the place of the path's parts in braces, by their names
    client     address of whoever connected; empty: not known
    """

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    body: bytes
    caller: WorkspaceId | None
    forwarded: bool
    values: Mapping[str, str] = field(default_factory=dict)
    client: str = ""

    @property
    def workspace(self) -> WorkspaceId:
        """Whose workspace it is about, on a path that needs a key."""
        if self.caller is None:
            raise TypeError("expected a route with a right: public paths have no caller")
        return self.caller

    def id(self, name: str) -> str:
        """The id in the place of `{name}`.

        Raises:
            Problem: 400, it is empty or too long.
        """
        found = self.values[name]
        if not 1 <= len(found) <= ID_LENGTH_MAX:
            raise bad_request("bad_path", f"expected {{{name}}} to be of 1 to {ID_LENGTH_MAX} characters")
        return found

    @property
    def idempotency_key(self) -> str:
        """What the caller names this request by, so that a repeat does nothing more; empty: it is not named.

        Source: draft-ietf-httpapi-idempotency-key-header; quotes around it are taken off.

        Raises:
            Problem: 400, it is too long or holds what is no visible ASCII.
        """
        if _IDEMPOTENCY not in self.headers:
            return ""
        found = self.headers[_IDEMPOTENCY].decode("latin-1").strip().strip('"')
        if not (1 <= len(found) <= ID_LENGTH_MAX and found.isascii() and found.isprintable()):
            raise bad_request(
                "bad_idempotency_key", f"expected an Idempotency-Key of 1 to {ID_LENGTH_MAX} visible ASCII characters"
            )
        return found


@dataclass(frozen=True)
class Streamed:
    """An answer that is written as it comes, no faster than it is read.

    parts  closed where the caller hangs up
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    parts: AsyncGenerator[bytes, None]


Handler = Callable[[Request], Awaitable[Answer | Streamed]]


@dataclass(frozen=True)
class Route:
    """One path of the API. What is after `body_max` goes into /openapi.json.

    path     parts, as `("v1", "users", "{user}", "sends")`; a part in braces stands for anything, one like
             `{name}:pause` for anything that ends so
    right    what a caller's key must allow; None: everybody may (a page in a mail, health)
    body_max bytes of a body
    about    what it does, in a line
    query    what may stand in the query, and what it means
    takes    the shape of its body, JSON; or a media type; None: it takes none
    gives    the shape of its answer's body by status: a type, JSON; or a media type
    """

    method: str
    path: tuple[str, ...]
    right: Right | None
    handler: Handler
    body_max: int = 64 * 1024
    about: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    takes: Any = None
    gives: Mapping[int, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The path as documents write it."""
        return "/" + "/".join(self.path)


@dataclass(frozen=True)
class Matched:
    """Where a path leads: routes by method, and what stands in the place of parts in braces, still encoded."""

    methods: Mapping[str, Route]
    values: Mapping[str, bytes]


class _Node:
    """What may follow after some parts."""

    def __init__(self) -> None:
        self.literal: dict[bytes, _Node] = {}
        self.ending: dict[bytes, _Node] = {}
        self.any: _Node | None = None
        self.methods: dict[str, tuple[Route, tuple[str, ...]]] = {}


class Router:
    """Finds routes by paths. A literal part comes before one with an ending, and that before any.

    Raises:
        ValueError: two routes want the same path and method, or a part is neither literal nor `{name}`.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        for route in routes:
            self._add(route)

    def find(self, raw_path: bytes) -> Matched | None:
        """Where a path leads, as it came; None: nowhere."""
        for node, values in _walk(self._root, raw_path.split(b"/")[1:], ()):
            names = next(iter(node.methods.values()))[1]
            return Matched(
                {method: route for method, (route, _) in node.methods.items()}, dict(zip(names, values, strict=True))
            )
        return None

    def _add(self, route: Route) -> None:
        node, names = self._root, []
        for part in route.path:
            named = _NAMED.fullmatch(part)
            if named is None:
                if "{" in part:
                    raise ValueError(f"{route.name}: expected parts as `name`, `{{name}}` or `{{name}}:verb`")
                node = node.literal.setdefault(part.encode(), _Node())
                continue
            names.append(named[1])
            if named[2]:
                node = node.ending.setdefault(named[2].encode(), _Node())
            else:
                node.any = node = node.any or _Node()
        if route.method in node.methods or any(tuple(names) != known for _, known in node.methods.values()):
            raise ValueError(f"{route.method} {route.name}: expected one route, there is another of this form")
        node.methods[route.method] = (route, tuple(names))


def _walk(node: _Node, parts: Sequence[bytes], values: tuple[bytes, ...]) -> Iterator[tuple[_Node, tuple[bytes, ...]]]:
    """Yield where parts lead, the best first, and what stood in the place of names."""
    if not parts:
        if node.methods:
            yield node, values
        return
    part, rest = parts[0], parts[1:]
    if part in node.literal:
        yield from _walk(node.literal[part], rest, values)
    name, colon, verb = part.rpartition(b":")
    if colon and colon + verb in node.ending:
        yield from _walk(node.ending[colon + verb], rest, (*values, name))
    if node.any is not None:
        yield from _walk(node.any, rest, (*values, part))


def decoded(part: bytes) -> str:
    """A part of a path, its percent-encoding undone.

    Raises:
        Problem: 400, it is no UTF-8.
    """
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise bad_request("bad_path", "expected a path in UTF-8") from None
