"""The short way of HTTP: answers at once where it may, in order always, and uvicorn's own way for all else."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from connectors.gateway.answers import Answer
from foresend.http_server import server_config
from foresend.quick_protocol import QuickProtocol

JSON = ((b"content-type", b"application/json"),)


class Application:
    """Answers `/q/...` at once, but for `/q/later`; all else, and that, as ASGI."""

    quick_start = b"/q/"
    quick_body_max = 10

    def __init__(self) -> None:
        self.quick: list[tuple[str, bytes, bytes]] = []
        self.asgi: list[tuple[str, bytes, bytes]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def answer_now(self, method: str, url: bytes, headers: Any, body: bytes) -> Answer | None:
        if url == b"/q/later":
            return None
        if url == b"/q/bug":
            raise RuntimeError("a bug")
        self.quick.append((method, url, body))
        said = dict(headers).get(b"x-say", b"quick")
        return Answer(200, ((b"x-said", said),) if url == b"/q/say" else JSON, b"quick " + url)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        self.asgi.append((scope["method"], scope["raw_path"], body))
        await self.may_answer.wait()
        said = b"asgi " + scope["raw_path"]
        headers = [(b"content-length", b"%d" % len(said))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said})


class Transport:
    """What a protocol writes to."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _name: str, _default: Any = None) -> Any:
        return None

    def pause_reading(self) -> None:
        """Nothing reads."""

    def resume_reading(self) -> None:
        """Nothing reads."""


class Connection(NamedTuple):
    """One connection to an application."""

    app: Application
    protocol: QuickProtocol
    transport: Transport

    def receive(self, *parts: bytes) -> None:
        for part in parts:
            self.protocol.data_received(part)

    def bodies(self) -> list[bytes]:
        """What was answered, in order."""
        return [part.rpartition(b"\r\n\r\n")[2] for part in self.transport.written.split(b"HTTP/1.1 200 OK\r\n")[1:]]


def config_of(app: Application, **own: Any) -> Config:
    config = server_config(app, **own)
    config.load()
    return config


def connected(case: Callable[[Connection], Coroutine[Any, Any, None]], **own: Any) -> Connection:
    """A case, run on a fresh connection."""

    async def run() -> Connection:
        app = Application()
        protocol = QuickProtocol(config_of(app, **own), ServerState(), {}, asyncio.get_running_loop())
        transport: Any = Transport()
        protocol.connection_made(transport)
        made = Connection(app, protocol, transport)
        await case(made)
        for _ in range(20):
            await asyncio.sleep(0)
        protocol.connection_lost(ConnectionResetError())
        return made

    return asyncio.run(run())


def asked(path: str, body: bytes = b"", *headers: str, method: str = "") -> bytes:
    method = method or ("POST" if body else "GET")
    lines = [f"{method} {path} HTTP/1.1", "host: here", *headers, *([f"content-length: {len(body)}"] if body else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def one_after_the_other(*parts: bytes) -> Connection:
    async def case(made: Connection) -> None:
        made.receive(*parts)

    return connected(case)


def test_a_quick_request_is_answered_before_anything_else_runs() -> None:
    async def case(made: Connection) -> None:
        made.receive(asked("/q/a?b=1", b"body"))
        assert made.app.quick == [("POST", b"/q/a?b=1", b"body")]
        assert made.transport.written.startswith(b"HTTP/1.1 200 OK\r\n")
        assert made.bodies() == [b"quick /q/a?b=1"]

    made = connected(case)
    assert (made.app.asgi, made.transport.closed) == ([], False)
    assert b"content-type: application/json\r\ncontent-length: 14\r\n\r\n" in made.transport.written


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_request_may_come_in_pieces(cut: int) -> None:
    whole = asked("/q/a", b"a body") + asked("/q/b", b"more")
    made = one_after_the_other(whole[:cut], whole[cut:])
    assert [body for _, _, body in made.app.quick] == [b"a body", b"more"]
    assert made.bodies() == [b"quick /q/a", b"quick /q/b"]


@pytest.mark.parametrize(
    "paths",
    [
        ("/q/a", "/q/b", "/q/c"),
        ("/q/a", "/other", "/q/b"),
        ("/other", "/q/a", "/q/b"),
        ("/q/a", "/q/later", "/q/b", "/other", "/q/c"),
        ("/q/later", "/q/a"),
        ("/other", "/q/later", "/other", "/q/a"),
    ],
)
def test_requests_in_one_piece_are_answered_in_their_order(paths: tuple[str, ...]) -> None:
    made = one_after_the_other(b"".join([asked(path) for path in paths]))
    assert [body.split()[1].decode() for body in made.bodies()] == list(paths)


def test_behind_a_slow_one_the_quick_ones_wait() -> None:
    async def case(made: Connection) -> None:
        made.app.may_answer.clear()
        made.receive(asked("/slow"))
        await asyncio.sleep(0)
        made.receive(asked("/q/a"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert made.transport.written == b""
        made.app.may_answer.set()

    assert connected(case).bodies() == [b"asgi /slow", b"asgi /q/a"]


def test_what_is_not_answered_at_once_is_asked_for_with_its_body() -> None:
    made = one_after_the_other(asked("/q/later", b"abc"))
    assert made.app.asgi == [("POST", b"/q/later", b"abc")]


def test_a_body_over_the_limit_is_handed_over_with_one_byte_more() -> None:
    body = b"x" * 50
    made = one_after_the_other(asked("/q/a", body)[:-30], *[b"x"] * 30)
    assert made.app.quick == [("POST", b"/q/a", b"x" * 11)]


def test_who_closes_is_closed() -> None:
    made = one_after_the_other(asked("/q/a", b"", "connection: close") + asked("/q/b"))
    assert made.transport.closed
    assert b"connection: close\r\n" in made.transport.written
    assert len(made.app.quick) == 1


def test_a_reader_that_does_not_keep_up_is_waited_for() -> None:
    async def case(made: Connection) -> None:
        made.protocol.pause_writing()
        made.receive(asked("/q/a"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert made.transport.written == b""
        made.protocol.resume_writing()

    assert connected(case).bodies() == [b"asgi /q/a"]


def test_a_header_of_many_lines_is_never_written() -> None:
    async def case(made: Connection) -> None:
        made.app.answer_now = lambda *_: Answer(200, ((b"x-said", b"a\r\nb: c"),), b"")  # type: ignore[method-assign]
        with pytest.raises(ValueError, match="header"):
            made.receive(asked("/q/say"))
        assert made.transport.written == b""

    connected(case)


def test_nonsense_is_refused_as_ever() -> None:
    made = one_after_the_other(b"nonsense\r\n\r\n")
    assert made.transport.written.startswith(b"HTTP/1.1 400")
    assert made.transport.closed


def test_a_bug_is_no_mistake_of_the_caller() -> None:
    async def case(made: Connection) -> None:
        with pytest.raises(RuntimeError, match="a bug"):
            made.receive(asked("/q/bug"))
        assert b"400" not in made.transport.written

    connected(case)


@pytest.mark.parametrize("path", ["/q/a", "/other"])
def test_an_idle_connection_is_closed(path: str) -> None:
    async def case(made: Connection) -> None:
        made.receive(asked(path))
        closed = asyncio.Event()
        made.protocol.transport.close = closed.set  # type: ignore[method-assign]
        await asyncio.wait_for(closed.wait(), 5)

    connected(case, timeout_keep_alive=0.05)
