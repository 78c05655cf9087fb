"""The HTTP client: whole answers, connections that are kept and replaced, ends that are told."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvloop

from connectors.http.client import HttpClient, HttpUnavailable, Reply

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request as it is told, and keeps what it was sent."""

    def __init__(self, *answers: bytes, close_after: int = 10**9) -> None:
        self._answers = list(answers)
        self._close_after = close_after
        self.requests: list[bytes] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        for _ in range(self._close_after):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0] or b"0")
            self.requests.append(head + await reader.readexactly(length))
            answer = self._answers.pop(0) if self._answers else ok(b"more")
            writer.write(answer)
            if not answer.startswith(b"HTTP"):
                break


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Kind: Test\r\n\r\n%b" % (len(body), body)


@asynccontextmanager
async def serving(server: Serve, **options: Any) -> Any:
    connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        await server(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        async with HttpClient("127.0.0.1", port, **options) as client:
            yield client
    finally:
        listening.close()
        await listening.wait_closed()
        await asyncio.gather(*connections)


def run(
    talk: Callable[[HttpClient], Awaitable[Any]],
    server: Serve,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    **options: Any,
) -> Any:
    async def all_of_it() -> Any:
        async with serving(server, **options) as client:
            return await talk(client)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(all_of_it())


def test_a_request_arrives_whole_and_its_answer_comes_back_whole() -> None:
    server = Server(ok(b"hello"))

    reply = run(lambda client: client.request("POST", "/a?b=c", b"body", [("x-name", "value")]), server)

    assert reply == Reply(200, {b"content-length": b"5", b"x-kind": b"Test"}, b"hello")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"POST /a?b=c HTTP/1.1"
    assert {b"host: 127.0.0.1", b"content-length: 4", b"x-name: value"} <= set(head.splitlines())
    assert body == b"body"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_requests_one_after_the_other_share_a_connection(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    server = Server(ok(b"1"), ok(b"2"))

    async def talk(client: HttpClient) -> list[bytes]:
        return [(await client.request("GET", "/")).body for _ in range(2)]

    assert run(talk, server, loop) == [b"1", b"2"]
    assert server.connections == 1


def test_no_more_requests_are_under_way_than_there_may_be_connections() -> None:
    server = Server()

    async def talk(client: HttpClient) -> int:
        return len(await asyncio.gather(*(client.request("GET", "/") for _ in range(20))))

    assert run(talk, server, connections=3) == 20
    assert 1 <= server.connections <= 3


def test_a_kept_connection_that_the_server_has_closed_is_replaced() -> None:
    server = Server(close_after=1)

    async def talk(client: HttpClient) -> list[int]:
        return [(await client.request("GET", "/")).status for _ in range(3)]

    assert run(talk, server) == [200, 200, 200]
    assert server.connections == 3


def test_an_answer_that_says_to_close_is_taken_and_the_connection_let_go() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")

    async def talk(client: HttpClient) -> bytes:
        return (await client.request("GET", "/")).body + (await client.request("GET", "/")).body

    assert run(talk, server) == b"xmore"
    assert server.connections == 2


def test_pieces_and_an_answer_before_the_answer_make_one_answer() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    chunked = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"

    reply = run(lambda client: client.request("GET", "/"), Server(early + chunked))

    assert (reply.status, reply.body, b"link" in reply.headers) == (404, b"abc", False)


@pytest.mark.parametrize("answer", [b"", b"rubbish\r\n\r\n"])
def test_no_answer_and_no_http_are_told_as_unavailable(answer: bytes) -> None:
    with pytest.raises(HttpUnavailable, match=r"GET at 127\.0\.0\.1"):
        run(lambda client: client.request("GET", "/"), Server(answer, *[answer] * 3, close_after=1))


def test_half_an_answer_is_none() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", close_after=1)

    with pytest.raises(HttpUnavailable, match="half an answer"):
        run(lambda client: client.request("GET", "/"), server)


def test_nobody_listening_is_told_as_unavailable() -> None:
    async def talk() -> None:
        probe = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = probe.sockets[0].getsockname()[1]
        probe.close()
        await probe.wait_closed()
        await HttpClient("127.0.0.1", port).request("GET", "/")

    with pytest.raises(HttpUnavailable):
        asyncio.run(talk())


def test_an_answer_that_does_not_come_in_time_is_told_and_its_turn_is_given_on() -> None:
    class Slow(Server):
        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self.connections:
                await super().__call__(reader, writer)
                return
            self.connections += 1
            await reader.read()

    async def talk(client: HttpClient) -> int:
        with pytest.raises(HttpUnavailable, match=r"expected an answer in 0\.1 s"):
            await client.request("GET", "/")
        return (await client.request("GET", "/")).status

    assert run(talk, Slow(), connections=1, timeout_s=0.1) == 200
