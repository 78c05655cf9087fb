"""What every channel promises, whatever is at its other end: a new one adds a row to `KINDS`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connectors.delivery.channels.files import FileChannel
from connectors.delivery.channels.interface import Channel
from connectors.delivery.channels.outbound import Outbound
from connectors.delivery.channels.sendgrid import SendGridChannel
from connectors.delivery.channels.smtp import SmtpChannel
from connectors.delivery.channels.webhook import Endpoint, WebhookChannel
from connectors.delivery.lease import Attempt, Lease, Unsendable
from schemas.library import MessageClass
from schemas.sending import Headers, Outcome
from tests.support.delivery import AT_MS, SHOP, a_grant, long_lease, relay_settings, stationery
from tests.support.http_stand_in import HttpStandIn
from tests.support.relay import Act, Relay

SECRET = b"a secret of the shop's endpoint"


@dataclass
class Rig:
    """A channel, and what is at its other end.

    arrived  how many messages did
    refuse, lose, vanish  let the other end refuse each; take each, and never answer; be gone. None: it cannot
    """

    channel: Channel
    arrived: Callable[[], int]
    refuse: Callable[[], None] | None = None
    lose: Callable[[], None] | None = None
    vanish: Callable[[], None] | None = None
    changed: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def _files(folder: Path) -> AsyncIterator[Rig]:
    channel = FileChannel(folder / "mail", stationery())

    def vanish() -> None:
        (folder / "mail").write_text("no folder")

    yield Rig(channel, lambda: len(list((folder / "mail").rglob("*.eml"))), vanish=vanish)


@asynccontextmanager
async def _smtp(_folder: Path) -> AsyncIterator[Rig]:
    async with Relay().running() as relay:
        channel = SmtpChannel(relay_settings(relay.port), stationery())
        yield Rig(
            channel,
            lambda: len(relay.seen),
            refuse=lambda: relay.script.update(RCPT=b"550 5.6.0 no\r\n"),
            lose=lambda: relay.script.update(DOT=Act.RESET),
            vanish=lambda: relay.script.update(BANNER=Act.CLOSE),
        )
        await channel.close()


def _http_rig(server: HttpStandIn, channel: Channel) -> Rig:
    return Rig(
        channel,
        lambda: len(server.received),
        refuse=lambda: setattr(server, "status", 422),
        lose=lambda: setattr(server, "status", 0),
        vanish=server.stop,
    )


@asynccontextmanager
async def _sendgrid(_folder: Path) -> AsyncIterator[Rig]:
    async with HttpStandIn(202).running() as server:
        outbound = Outbound(frozenset({server.authority}), timeout_s=0.5)
        yield _http_rig(server, SendGridChannel("SG.key", outbound, stationery(), url=f"{server.url}/v3/mail/send"))


@asynccontextmanager
async def _webhook(_folder: Path) -> AsyncIterator[Rig]:
    async with HttpStandIn(200).running() as server:
        outbound = Outbound(frozenset({server.authority}), timeout_s=0.5)
        endpoints = {SHOP: Endpoint(f"{server.url}/hook", SECRET)}
        yield _http_rig(server, WebhookChannel(endpoints, outbound, stationery(), lambda: AT_MS))


KINDS = {"file": _files, "smtp": _smtp, "api": _sendgrid, "webhook": _webhook}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def tried(kind: str, folder: Path, test: Callable[[Rig], Awaitable[None]]) -> None:
    async def run() -> None:
        async with KINDS[kind](folder) as rig:
            await test(rig)

    asyncio.run(run())


def test_it_is_named_as_grants_name_it_and_says_how_much_it_takes(kind: str, tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        assert rig.channel.name == kind
        assert rig.channel.connections >= 1
        assert await rig.channel.ready()

    tried(kind, tmp_path, test)


def test_a_message_arrives_once_and_is_told_as_sent(kind: str, tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        lease = long_lease()
        attempt = await rig.channel.send(a_grant(channel=kind), lease)
        assert (attempt.outcome, rig.arrived(), lease.has_begun) == (Outcome.SENT, 1, True)

    tried(kind, tmp_path, test)


def test_as_many_as_it_takes_arrive_side_by_side(kind: str, tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        count = rig.channel.connections
        sends = (rig.channel.send(a_grant(number, channel=kind), long_lease()) for number in range(count))
        found = await asyncio.gather(*sends)
        assert {attempt.outcome for attempt in found} == {Outcome.SENT}
        assert rig.arrived() == count

    tried(kind, tmp_path, test)


def test_nothing_arrives_after_the_lease(kind: str, tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        lease = Lease(0.0, clock=lambda: 1.0)
        assert await rig.channel.send(a_grant(channel=kind), lease) == Attempt(Outcome.NOT_BEGUN)
        assert (rig.arrived(), lease.has_begun) == (0, False)

    tried(kind, tmp_path, test)


def test_what_the_receiver_refuses_is_not_sent_and_not_doubtful(kind: str, tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        if rig.refuse is None:
            return
        rig.refuse()
        attempt = await rig.channel.send(a_grant(channel=kind), long_lease())
        assert attempt.outcome is Outcome.REFUSED
        assert attempt.status in {"5.6.0", "422"}

    tried(kind, tmp_path, test)


def test_an_answer_that_is_lost_is_unknown_and_it_is_not_sent_again(kind: str, tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        if rig.lose is None:
            return
        rig.lose()
        attempt = await rig.channel.send(a_grant(channel=kind), long_lease())
        assert (attempt, rig.arrived()) == (Attempt(Outcome.UNKNOWN), 1)

    tried(kind, tmp_path, test)


def test_a_receiver_that_is_gone_is_soft_and_is_left_alone_for_a_while(kind: str, tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        assert rig.vanish is not None
        rig.vanish()
        lease = long_lease()
        attempt = await rig.channel.send(a_grant(channel=kind), lease)
        assert (attempt, lease.has_begun) == (Attempt(Outcome.SOFT), False)
        assert await rig.channel.ready() is (kind == "file")

    tried(kind, tmp_path, test)


def test_marketing_that_cannot_be_left_is_never_sent(kind: str, tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        headers = Headers("a@shop.example", "r1")
        with pytest.raises(Unsendable):
            await rig.channel.send(a_grant(channel=kind, headers=headers), long_lease())
        assert rig.arrived() == 0
        receipt = a_grant(channel=kind, headers=headers, message_class=MessageClass.TRANSACTIONAL)
        assert (await rig.channel.send(receipt, long_lease())).outcome is Outcome.SENT

    tried(kind, tmp_path, test)


def test_a_block_is_sent_where_there_is_a_place_for_it(kind: str, tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        block = a_grant(channel=kind, html="", text="", block='{"title": "Hello"}')
        if kind in {"file", "webhook"}:
            assert (await rig.channel.send(block, long_lease())).outcome is Outcome.SENT
        else:
            with pytest.raises(Unsendable):
                await rig.channel.send(block, long_lease())

    tried(kind, tmp_path, test)
