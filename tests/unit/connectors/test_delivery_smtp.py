"""Channel `smtp` against a relay that does what a script says: each fault ends in its own outcome."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from connectors.delivery.channels.smtp import SmtpChannel
from connectors.delivery.lease import Attempt, Lease
from schemas.sending import Grant, Outcome
from tests.support.certificates import client_context, server_context
from tests.support.delivery import a_grant, long_lease, relay_settings, stationery
from tests.support.relay import Act, Answer, Relay

FAULTS: dict[str, tuple[Mapping[str, Answer], Outcome, str]] = {
    "banner of garbage": ({"BANNER": b"\xff\xfe\x00 hello?\r\n"}, Outcome.SOFT, ""),
    "banner 554": ({"BANNER": b"554 5.7.1 no\r\n"}, Outcome.POLICY, "5.7.1"),
    "banner 421": ({"BANNER": b"421 4.3.2 later\r\n"}, Outcome.SOFT, "4.3.2"),
    "banner never": ({"BANNER": Act.HANG}, Outcome.SOFT, ""),
    "banner drips": ({"BANNER": Act.DRIP}, Outcome.SOFT, ""),
    "hung up at once": ({"BANNER": Act.CLOSE}, Outcome.SOFT, ""),
    "greeting 550": ({"EHLO": b"550 5.7.0 go away\r\n", "HELO": b"550 5.7.0 go away\r\n"}, Outcome.POLICY, "5.7.0"),
    "mail 451": ({"MAIL": b"451 4.7.1 greylisted\r\n"}, Outcome.SOFT, "4.7.1"),
    "mail 550": ({"MAIL": b"550 5.1.8 who are you\r\n"}, Outcome.POLICY, "5.1.8"),
    "mail reset": ({"MAIL": Act.RESET}, Outcome.SOFT, ""),
    "rcpt 450": ({"RCPT": b"450 4.2.0 busy\r\n"}, Outcome.SOFT, "4.2.0"),
    "rcpt 550 5.1.1": ({"RCPT": b"550 5.1.1 unknown\r\n"}, Outcome.HARD, "5.1.1"),
    "rcpt 550 5.1.10": ({"RCPT": b"556 5.1.10 null mx\r\n"}, Outcome.HARD, "5.1.10"),
    "rcpt 550 in two lines": ({"RCPT": b"550-5.1.2 unknown\r\n550 5.1.2 host\r\n"}, Outcome.HARD, "5.1.2"),
    "rcpt 550 bare": ({"RCPT": b"550 unknown\r\n"}, Outcome.REFUSED, "550"),
    "rcpt 552 5.2.2": ({"RCPT": b"552 5.2.2 full\r\n"}, Outcome.REFUSED, "5.2.2"),
    "rcpt 550 5.7.1": ({"RCPT": b"550 5.7.1 blocked\r\n"}, Outcome.POLICY, "5.7.1"),
    "rcpt 550 4.4.1": ({"RCPT": b"550 4.4.1 two minds\r\n"}, Outcome.REFUSED, "550"),
    "rcpt never": ({"RCPT": Act.HANG}, Outcome.SOFT, ""),
    "rcpt drips": ({"RCPT": Act.DRIP}, Outcome.SOFT, ""),
    "rcpt garbage": ({"RCPT": b"ok then\r\n"}, Outcome.SOFT, ""),
    "data 451": ({"DATA": b"451 4.3.0 no disk\r\n"}, Outcome.SOFT, "4.3.0"),
    "data 554": ({"DATA": b"554 5.6.0 no\r\n"}, Outcome.REFUSED, "5.6.0"),
    "data 250 without a word": ({"DATA": b"250 what\r\n"}, Outcome.SOFT, "250"),
    "data reset": ({"DATA": Act.RESET}, Outcome.SOFT, ""),
    "dot 250": ({"DOT": b"250 2.0.0 ok\r\n"}, Outcome.SENT, "2.0.0"),
    "dot 452": ({"DOT": b"452 4.3.1 full\r\n"}, Outcome.SOFT, "4.3.1"),
    "dot 421": ({"DOT": b"421 4.3.0 stopping\r\n"}, Outcome.SOFT, "4.3.0"),
    "dot 550 5.1.1": ({"DOT": b"550 5.1.1 unknown\r\n"}, Outcome.HARD, "5.1.1"),
    "dot 550 5.7.26": ({"DOT": b"550 5.7.26 dmarc\r\n"}, Outcome.POLICY, "5.7.26"),
    "dot 554 5.6.0": ({"DOT": b"554 5.6.0 no\r\n"}, Outcome.REFUSED, "5.6.0"),
    "dot garbage": ({"DOT": b"\x80\x81\r\n"}, Outcome.UNKNOWN, ""),
    "dot 354": ({"DOT": b"354 more\r\n"}, Outcome.UNKNOWN, "354"),
}


def attempts(relay: Relay, grants: list[Grant], lease: Lease | None = None) -> list[Attempt]:
    """What comes of these, one after the other, by one channel."""

    async def sent() -> list[Attempt]:
        async with relay.running():
            channel = SmtpChannel(relay_settings(relay.port), stationery())
            found = [await channel.send(grant, lease or long_lease()) for grant in grants]
            await channel.close()
            return found

    return asyncio.run(sent())


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_ends_in_its_outcome(fault: str) -> None:
    script, outcome, status = FAULTS[fault]

    (attempt,) = attempts(Relay(script), [a_grant()])

    assert attempt == Attempt(outcome, status)


@pytest.mark.parametrize("act", Act)
def test_an_answer_that_never_comes_after_the_dot_is_told_as_unknown(act: Act) -> None:
    relay = Relay({"DOT": act})

    assert attempts(relay, [a_grant()]) == [Attempt(Outcome.UNKNOWN)]
    assert len(relay.seen) == 1, "it is not sent again"


@pytest.mark.parametrize("act", [Act.RESET, Act.HANG])
def test_a_message_whose_dot_was_never_written_may_be_sent_again(act: Act) -> None:
    """The relay stops reading in the middle of a message that is larger than all buffers on the way."""
    lease = long_lease()
    large = a_grant(html="<p>word </p>" * 1_000_000)

    assert attempts(Relay({"BODY": act}), [large], lease) == [Attempt(Outcome.SOFT)]
    assert not lease.has_begun


def test_a_relay_that_is_not_there_is_soft() -> None:
    async def sent() -> tuple[Attempt, bool]:
        async with Relay().running() as relay:
            port = relay.port
        channel = SmtpChannel(relay_settings(port), stationery())
        return await channel.send(a_grant(), long_lease()), await channel.ready()

    assert asyncio.run(sent()) == (Attempt(Outcome.SOFT), False)


def test_after_a_failure_a_connection_is_tried_before_a_message() -> None:
    async def readiness() -> list[bool]:
        relay = Relay({"BANNER": b"421 later\r\n"})
        async with relay.running():
            channel = SmtpChannel(relay_settings(relay.port), stationery())
            await channel.send(a_grant(), long_lease())
            found = [await channel.ready()]
            channel._rest._until_s = 0.0
            found.append(await channel.ready())
            channel._rest._until_s = 0.0
            relay.script.clear()
            found.append(await channel.ready())
            await channel.close()
            return found

    assert asyncio.run(readiness()) == [False, False, True]


def test_nothing_is_handed_over_after_the_lease() -> None:
    clock = [0.0]

    def slowly(_line: str) -> bytes:
        clock[0] = 10.0
        return b"250 ok\r\n"

    late = Relay({"RCPT": slowly})

    assert attempts(late, [a_grant()], Lease(5.0, lambda: clock[0])) == [Attempt(Outcome.NOT_BEGUN)]
    assert late.seen == []

    before = Relay()
    assert attempts(before, [a_grant()], Lease(5.0, lambda: 5.0)) == [Attempt(Outcome.NOT_BEGUN)]
    assert [line for line in before.commands if line.startswith("MAIL")] == []


def test_a_connection_is_kept_for_the_next_message_also_after_one_was_refused() -> None:
    relay = Relay({"RCPT": lambda line: b"550 5.1.1 no\r\n" if "user2@" in line else b"250 ok\r\n"})

    found = attempts(relay, [a_grant(number) for number in (1, 2, 3)])

    assert [one.outcome for one in found] == [Outcome.SENT, Outcome.HARD, Outcome.SENT]
    assert (relay.sessions, relay.commands.count("RSET")) == (1, 1)
    assert [one.recipient for one in relay.received] == ["user1@people.example", "user3@people.example"]


def test_a_kept_connection_that_the_relay_closed_is_no_failure() -> None:
    relay = Relay()
    writers = relay._writers
    relay.script["MAIL"] = lambda line: Act.CLOSE if "000002" in line and relay.sessions == 1 else b"250 ok\r\n"

    found = attempts(relay, [a_grant(1), a_grant(2)])

    assert [one.outcome for one in found] == [Outcome.SENT, Outcome.SENT]
    assert (relay.sessions, len(relay.received), len(writers)) == (2, 2, 0)


def test_each_send_has_an_envelope_sender_of_its_own() -> None:
    relay = Relay()

    attempts(relay, [a_grant(7)])

    assert relay.received[0].sender == "bounces+r000007aa@in.shop.example"


def test_an_address_beyond_ascii_needs_a_relay_that_knows_it() -> None:
    grant = a_grant(address="grüße@people.example")
    knows = Relay({"EHLO": b"250-relay.example\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"})

    assert attempts(Relay(), [grant]) == [Attempt(Outcome.REFUSED, "5.6.7")]
    assert [one.outcome for one in attempts(knows, [grant])] == [Outcome.SENT]
    assert knows.received[0].recipient == "grüße@people.example"
    assert any("SMTPUTF8" in line for line in knows.commands)


def test_without_starttls_nothing_is_sent() -> None:
    async def sent(relay: Relay) -> Attempt:
        async with relay.running():
            channel = SmtpChannel(relay_settings(relay.port, tls="starttls"), stationery())
            return await channel.send(a_grant(), long_lease())

    relay = Relay()
    assert asyncio.run(sent(relay)) == Attempt(Outcome.SOFT)
    assert [line for line in relay.commands if line.startswith(("MAIL", "AUTH"))] == []


@pytest.mark.parametrize(
    ("tls", "shown", "outcome"),
    [
        ("starttls", "localhost", Outcome.SENT),
        ("implicit", "localhost", Outcome.SENT),
        ("implicit", "evil.example", Outcome.SOFT),
    ],
)
def test_by_tls_only_to_the_relay_that_was_named(tls: str, shown: str, outcome: Outcome, tmp_path: Path) -> None:
    starttls = {"EHLO": b"250-relay.example\r\n250 STARTTLS\r\n"}
    relay = Relay(starttls, server_context(shown, tmp_path), is_implicit=tls == "implicit")

    async def sent() -> Attempt:
        async with relay.running():
            settings = relay_settings(relay.port, host="localhost", tls=tls, context=client_context(shown))
            channel = SmtpChannel(settings, stationery())
            found = await channel.send(a_grant(), long_lease())
            await channel.close()
            return found

    assert asyncio.run(sent()).outcome is outcome
    assert ("MAIL" in {line[:4] for line in relay.commands}) is (outcome is Outcome.SENT)


def test_a_send_that_is_stopped_before_the_dot_has_not_begun() -> None:
    async def stopped(step: str) -> bool:
        reached = asyncio.Event()

        def hang(_line: str) -> Act:
            reached.set()
            return Act.HANG

        async with Relay({step: hang}).running() as relay:
            channel = SmtpChannel(relay_settings(relay.port), stationery())
            lease = long_lease()
            task = asyncio.create_task(channel.send(a_grant(), lease))
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return lease.end()

    assert asyncio.run(stopped("RCPT")) is False
    assert asyncio.run(stopped("DOT")) is True
