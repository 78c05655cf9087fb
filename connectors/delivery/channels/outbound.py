"""HTTPS to addresses that an operator or a tenant names: to the public internet, and nowhere else by any trick.

A name is resolved once, every address it has must be public, and the connection goes to an address that was looked at:
a name that means another machine a moment later (DNS rebinding) leads nowhere. No redirects, a bounded time, a bounded
answer, one connection for each request.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

from schemas.errors import PersonalizationError, TransientError

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024
ADDRESSES_MAX = 4
"""Of a host's, tried one after the other."""
_READ_BYTES = 16 * 1024

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Every address (IPv4 or IPv6) of a host; raises OSError where it has none."""
Connect = Callable[
    [str, int, ssl.SSLContext | None, str | None], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # In these an IPv4 address may hide: mapped, compatible, NAT64, 6to4, Teredo.
        *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/23"),
        *("100::/64", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)
"""Networks that no message goes to (IANA's special-purpose registries, and multicast)."""


class Blocked(PersonalizationError):
    """The address leads where nothing is sent to. Whoever gave it mends it; nothing was connected to."""


class Unsent(TransientError):
    """Nobody was reached, or hung up before the request was written: nothing was handed over. Try again later."""


class Unanswered(TransientError):
    """The request was written, and no whole answer came: it may have been acted on."""


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet.

    >>> [is_public(one) for one in ("93.184.215.14", "169.254.169.254", "::ffff:10.0.0.1", "fd00:ec2::254")]
    [True, False, False, False]
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return found.is_global and not found.is_multicast and not any(_is_in(found, network) for network in _NEVER)


def _is_in(address: Address, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return address.version == network.version and address in network


async def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a host, by the system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


async def connect(
    address: str, port: int, tls: ssl.SSLContext | None, name: str | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to an address; by TLS, where it is asked for, with whoever proves to have the name."""
    return await asyncio.open_connection(address, port, ssl=tls, server_hostname=name)


@dataclass(frozen=True)
class Outbound:
    """Asks others, over HTTPS.

    allowed  hosts, as `host:port`, that may be private and spoken to without TLS: of tests, and of one's own network
    """

    allowed: frozenset[str] = frozenset()
    timeout_s: float = TIMEOUT_S
    resolve: Resolve = resolve
    connect: Connect = connect
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)

    async def post(
        self, url: str, body: bytes, headers: Sequence[tuple[str, str]], begin: Callable[[], bool]
    ) -> Answer | None:
        """Post a body; None where `begin`, asked right before it is written, said that it must not be.

        Raises:
            Blocked: the address leads where nothing is sent to.
            Unsent: nothing was handed over.
            Unanswered: it was, and no answer came.
        """
        target = _target(url, self.allowed)
        message = _message(target, body, headers)
        async with _Limit(self.timeout_s) as limit:
            reader, writer = await self._connect(target)
            try:
                if not begin():
                    return None
                limit.is_written = True
                writer.write(message)
                return await _answer(reader)
            except (OSError, HttpParserError, EOFError) as error:
                raise Unanswered(f"expected an answer, got {type(error).__name__}") from None
            finally:
                writer.transport.abort()

    async def _connect(self, target: "_Target") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            addresses = await self.resolve(target.host, target.port)
        except (OSError, UnicodeError):
            raise Unsent("expected a host that has an address, got one without") from None
        if not addresses:
            raise Unsent("expected a host that has an address, got one without")
        # All of them: which of several is connected to must not be left to chance, or to a name server.
        # Mutant: look only at the first, or connect by the name; then `test_a_name_that_turns_private_…` fails.
        if not target.is_allowed and not all(map(is_public, addresses)):
            raise Blocked("expected a host of the public internet, got one that also has another address")
        for address in addresses[:ADDRESSES_MAX]:
            try:
                return await self.connect(
                    address,
                    target.port,
                    self.context if target.is_tls else None,
                    target.host if target.is_tls else None,
                )
            except (OSError, ssl.SSLError):
                continue
        raise Unsent("expected to connect by TLS, got no connection")


class _Limit:
    """Bounds the time of a request, and tells by its error whether the request had been written."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout = asyncio.timeout(timeout_s)
        self.is_written = False

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            await self._timeout.__aexit__(kind, error, None)
        except TimeoutError:
            if self.is_written:
                raise Unanswered("expected an answer in time, got none") from None
            raise Unsent("expected a connection in time, got none") from None


class _Target(NamedTuple):
    host: str
    port: int
    path: str
    is_tls: bool
    is_allowed: bool

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def check_url(url: str, allowed: frozenset[str] = frozenset()) -> None:
    """Refuse an address that nothing would be sent to, as far as it can be told without asking for its host.

    Raises:
        Blocked: it is one.
    """
    _target(url, allowed)


def _target(url: str, allowed: frozenset[str]) -> _Target:
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Blocked("expected an address of ASCII characters without blanks, got another")
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise Blocked("expected an address, got none") from None
    host = (parts.hostname or "").rstrip(".")
    is_allowed = f"{host}:{port}" in allowed
    if parts.scheme != "https" and not (parts.scheme == "http" and is_allowed):
        raise Blocked("expected an https address, got another")
    if not host or parts.username is not None or parts.password is not None:
        raise Blocked("expected an address with a host and without a password, got another")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(host, port, path, parts.scheme == "https", is_allowed)


def _message(target: _Target, body: bytes, headers: Sequence[tuple[str, str]]) -> bytes:
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "Connection: close",
        "Accept-Encoding: identity",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    if any(not line.isascii() or not line.isprintable() for line in lines):
        raise Blocked("expected headers of printable ASCII, got others")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


class _Reading:
    """Takes an answer from the parser."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.is_whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_whole = True


async def _answer(reader: asyncio.StreamReader) -> Answer:
    """The answer; what goes beyond the limit is not read: the status stands at its beginning."""
    reading = _Reading()
    parser = HttpResponseParser(reading)
    read = 0
    while not reading.is_whole and read <= ANSWER_BYTES_MAX:
        data = await reader.read(_READ_BYTES)
        if not data:
            break
        read += len(data)
        parser.feed_data(data)
    status = parser.get_status_code() if read else 0
    if not 200 <= status <= 599:
        raise EOFError
    return Answer(status, reading.headers, reading.body[:ANSWER_BYTES_MAX])
