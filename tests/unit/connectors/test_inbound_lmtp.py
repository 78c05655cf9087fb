"""LMTP as mail servers speak it, and as nobody should."""

import asyncio
import smtplib
import threading
from collections.abc import Callable, Iterator

import pytest

from connectors.inbound.lmtp import MISTAKES_MAX, OK, RECIPIENTS_MAX, SIZE_MAX, Handed, LmtpServer
from connectors.inbound.lmtp_input import KEPT_BYTES, LINE_MAX

OURS = "bounces@in.shop.example"


class Served:
    """A server in a thread of its own. `is_safe`: what becomes of the next mails."""

    def __init__(self, idle_s: float = 5.0) -> None:
        self.handed: list[Handed] = []
        self.is_safe = True
        self._loop = asyncio.new_event_loop()
        self._server = LmtpServer(self._take, lambda address: address.endswith("@in.shop.example"), idle_s=idle_s)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.port = self._call(lambda: self._server.start("127.0.0.1", 0))

    def close(self) -> None:
        self._call(lambda: self._server.close(1.0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, make: Callable[[], object]) -> int:
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result(10)  # type: ignore[arg-type]

    async def _take(self, handed: Handed) -> bool:
        self.handed.append(handed)
        return self.is_safe


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served()
    yield found
    found.close()


@pytest.fixture
def client(served: Served) -> Iterator[smtplib.LMTP]:
    """The standard library's, which is not ours."""
    with smtplib.LMTP("127.0.0.1", served.port) as found:
        yield found


def said(served: Served, data: bytes) -> bytes:
    """Everything that is answered to some bytes, until the server hangs up."""

    async def talk() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(data)
        try:
            return await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            return b"reset"
        finally:
            writer.close()

    return asyncio.run(talk())


def conversation(mail: bytes, *, to: str = OURS) -> bytes:
    """A whole one, sent at once."""
    start = f"LHLO a.example\r\nMAIL FROM:<> BODY=8BITMIME SIZE=100\r\nRCPT TO:<{to}>\r\nDATA\r\n"
    return start.encode() + mail + b"\r\n.\r\nQUIT\r\n"


@pytest.mark.parametrize(
    "text", ["", "a", ".", "..", ".a\r\n..b\r\n.", "a\r\n\r\n.\r\n", "x" * 100_000, "é\r\n", "a\r\n" * 50_000]
)
def test_a_mail_arrives_as_it_was_sent(served: Served, client: smtplib.LMTP, text: str) -> None:
    sent = b"Subject: x\r\n\r\n" + text.encode()
    client.sendmail("", [OURS], sent)
    assert served.handed[0].data.rstrip(b"\r\n") == sent.rstrip(b"\r\n")
    assert served.handed[0][1:] == ("", OURS)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 4_000])
def test_the_end_of_a_mail_is_found_wherever_it_is_cut(served: Served, size: int) -> None:
    data = conversation(b"Subject: x\r\n\r\n..a\r\n" + b"b\r\n" * 100)

    async def talk() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
        answers = await reader.read()
        writer.close()
        return answers

    assert asyncio.run(talk()).count(b"250 2.1.5 taken") == 1
    assert served.handed[0].data == b"Subject: x\r\n\r\n.a\r\n" + b"b\r\n" * 100 + b"\r\n"


def test_each_recipient_has_an_answer_of_its_own(served: Served) -> None:
    commands = b"".join(b"RCPT TO:<%s>\r\n" % to for to in (b"a@in.shop.example", b"who@else.example"))
    answers = said(served, conversation(b"x").replace(b"DATA\r\n", commands + b"DATA\r\n"))
    assert answers.count(b"550 5.1.2 not an address of ours\r\n") == 1
    assert answers.count(OK.encode()) == 2
    assert [one.recipient for one in served.handed] == [OURS, "a@in.shop.example"]


def test_nothing_is_acknowledged_that_kafka_has_not(served: Served, client: smtplib.LMTP) -> None:
    served.is_safe = False
    client.ehlo("a.example")
    client.mail("")
    client.rcpt(OURS)
    assert client.data(b"x")[0] == 451
    served.is_safe = True
    client.mail("")
    client.rcpt(OURS)
    assert client.data(b"x")[0] == 250


def test_of_a_long_mail_the_beginning_is_kept(served: Served, client: smtplib.LMTP) -> None:
    client.sendmail("", [OURS], b"Subject: x\r\n\r\n" + b"a" * 10_000_000)
    assert len(served.handed[0].data) == KEPT_BYTES


def test_a_mail_that_is_too_long_is_refused_and_the_next_is_not(served: Served, client: smtplib.LMTP) -> None:
    with pytest.raises(smtplib.SMTPSenderRefused, match=r"5\.3\.4"):
        client.sendmail("", [OURS], b"a" * (SIZE_MAX + 10))
    client.esmtp_features.pop("size")
    with pytest.raises(smtplib.SMTPDataError, match=r"5\.3\.4"):
        client.sendmail("", [OURS], b"a\r\n" * (SIZE_MAX // 3 + 10))
    client.sendmail("", [OURS], b"x")
    assert [one.data for one in served.handed] == [b"x\r\n"]


def test_a_lone_line_feed_ends_no_mail(served: Served) -> None:
    """Else whoever writes a mail could write commands, and a second mail."""
    for end in (b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r"):
        smuggled = b"x" + end + b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<bounces@in.shop.example>\r\nDATA\r\ny"
        assert said(served, conversation(smuggled)).count(b"354 ") == 1
    assert len(served.handed) == 4


@pytest.mark.parametrize(
    ("commands", "answer"),
    [
        (b"EHLO a", b"500 "),
        (b"HELO a", b"500 "),
        (b"MAIL FROM:<>", b"503 "),
        (b"LHLO a\r\nRCPT TO:<bounces@in.shop.example>", b"503 "),
        (b"LHLO a\r\nDATA", b"503 "),
        (b"LHLO a\r\nMAIL FROM:<>\r\nMAIL FROM:<>", b"503 "),
        (b"LHLO a\r\nMAIL FROM:evil", b"501 "),
        (b"LHLO a\r\nMAIL FROM:<a>b>", b"501 "),
        (b"LHLO a\r\nMAIL TO:<a@b.example>", b"501 "),
        (b"LHLO a\r\nMAIL FROM:<> SIZE=999999999999", b"552 "),
        (b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@else.example>", b"550 "),
        (b"LHLO a\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<bounces@in.shop.example>\r\n" * (RECIPIENTS_MAX + 1), b"452 "),
        (b"NOOP\r\nVRFY a\r\nRSET\r\n\xff\xfe", b"500 "),
        (b"", b"500 "),
    ],
)
def test_what_is_out_of_order_is_refused(served: Served, commands: bytes, answer: bytes) -> None:
    assert b"\r\n" + answer in said(served, commands + b"\r\nQUIT\r\n")
    assert served.handed == []


def test_who_makes_too_many_mistakes_is_hung_up_on(served: Served) -> None:
    assert said(served, b"X\r\n" * (MISTAKES_MAX + 5)).endswith(b"421 4.7.0 too many mistakes\r\n")


def test_a_command_without_end_is_hung_up_on(served: Served) -> None:
    assert b"354" not in said(served, b"A" * (LINE_MAX + 2 * 64 * 1024))


def test_who_says_nothing_is_hung_up_on_and_others_are_served() -> None:
    served = Served(idle_s=0.2)
    try:
        assert said(served, b"LHLO a\r\nMAIL FROM:<>\r\n").endswith(b"go on\r\n")
        assert OK.encode() in said(served, conversation(b"x"))
    finally:
        served.close()


def test_who_hangs_up_in_the_middle_of_a_mail_has_sent_none(served: Served) -> None:
    async def talk() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(conversation(b"x")[:-10])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    asyncio.run(talk())
    assert OK.encode() in said(served, conversation(b"y"))
    assert [one.data for one in served.handed] == [b"y\r\n"]
