"""The worker: what it asks for, what it tells, and that it stops with everything told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from connectors.delivery.channels.smtp import SmtpChannel
from connectors.delivery.lease import Attempt, Lease, Unsendable
from connectors.delivery.worker import Pace, Worker
from connectors.delivery.worker_meters import WorkerMeters
from schemas.sending import Grant, Outcome
from tests.support.delivery import AT_MS, NodeStandIn, a_grant, relay_settings, stationery
from tests.support.relay import Act, Relay

SOON = Pace(idle_s=0.001, stop_s=0.3)


@dataclass
class ChannelStandIn:
    """Does with each message what it is told to."""

    act: Callable[[Grant, Lease], Awaitable[Attempt]]
    name: str = "smtp"
    connections: int = 4
    is_ready: bool = True
    under_way: int = 0
    most: int = 0
    sent: list[str] = field(default_factory=list)

    async def ready(self) -> bool:
        return self.is_ready

    async def send(self, grant: Grant, lease: Lease, /) -> Attempt:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            attempt = await self.act(grant, lease)
            self.sent.append(grant.send_id)
            return attempt
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        assert self.under_way == 0, "nothing is under way when it is closed"


async def sending(_grant: Grant, lease: Lease) -> Attempt:
    await asyncio.sleep(0)
    return Attempt(Outcome.SENT, "250") if lease.begin() else Attempt(Outcome.NOT_BEGUN)


def worked(channel: ChannelStandIn, *nodes: NodeStandIn, until: Callable[[], bool], pace: Pace = SOON) -> None:
    """Run a worker until something holds, then stop it."""

    async def run() -> None:
        stopping = asyncio.Event()
        for node in nodes:
            node.on_told = lambda: stopping.set() if until() else None
        worker = Worker(nodes, {channel.name: channel}, WorkerMeters(), clock_ms=lambda: AT_MS, pace=pace)
        if until():
            stopping.set()
        async with asyncio.timeout(20):
            await worker.run(stopping)

    asyncio.run(run())


def test_all_that_is_granted_is_sent_once_and_told() -> None:
    channel = ChannelStandIn(sending)
    node = NodeStandIn([a_grant(number) for number in range(100)])

    worked(channel, node, until=lambda: len(node.told) == 100)

    assert sorted(channel.sent) == sorted(grant.send_id for grant in node.granted)
    assert set(node.outcomes().values()) == {Outcome.SENT}
    assert {(one.attempt, one.status, one.at_ms) for one in node.told} == {(1, "250", AT_MS)}
    assert channel.most <= channel.connections


def test_every_node_has_its_turn() -> None:
    channel = ChannelStandIn(sending, connections=2)
    nodes = [NodeStandIn([a_grant(number) for number in range(start, start + 50)], str(start)) for start in (0, 50)]

    worked(channel, *nodes, until=lambda: min(len(node.told) for node in nodes) >= 20)

    assert abs(len(nodes[0].granted) - len(nodes[1].granted)) <= 10


def test_outcomes_are_told_until_the_node_acknowledges_them() -> None:
    node = NodeStandIn([a_grant(number) for number in range(3)])
    node.refuse = {"grant": 1, "tell": 2}

    worked(ChannelStandIn(sending), node, until=lambda: len(node.told) >= 3)

    assert len(node.outcomes()) == 3


def test_nothing_is_asked_for_while_the_channel_is_not_ready() -> None:
    channel = ChannelStandIn(sending, is_ready=False)
    node = NodeStandIn([a_grant()])
    asked = 0

    async def run() -> None:
        nonlocal asked
        stopping = asyncio.Event()
        worker = Worker([node], {"smtp": channel}, WorkerMeters(), clock_ms=lambda: AT_MS, pace=SOON)
        running = asyncio.create_task(worker.run(stopping))
        for _ in range(50):
            await asyncio.sleep(0)
        asked = len(node.granted)
        stopping.set()
        await running

    asyncio.run(run())
    assert asked == 0


def test_what_can_never_be_sent_is_told_as_refused_and_quoted_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    async def act(_grant: Grant, _lease: Lease) -> Attempt:
        raise Unsendable("5.1.3", "expected an address")

    node = NodeStandIn([a_grant(address="no address of mine")])

    worked(ChannelStandIn(act), node, until=lambda: bool(node.told))

    assert [(one.outcome, one.status) for one in node.told] == [(Outcome.REFUSED, "5.1.3")]
    assert "mine" not in caplog.text


def test_a_grant_for_another_channel_is_given_back() -> None:
    node = NodeStandIn([])
    granted = [a_grant(channel="webhook")]

    async def grant(channel: str, most: int) -> list[Grant]:
        return [granted.pop()] if granted else []

    node.grant = grant  # type: ignore[method-assign]
    channel = ChannelStandIn(sending)

    worked(channel, node, until=lambda: bool(node.told))

    assert (node.told[0].outcome, channel.sent) == (Outcome.NOT_BEGUN, [])


def test_a_lease_that_ran_out_on_the_way_is_not_begun() -> None:
    node = NodeStandIn([a_grant(lease_ms=0)])
    channel = ChannelStandIn(sending)

    worked(channel, node, until=lambda: bool(node.told))

    assert (node.told[0].outcome, channel.sent) == (Outcome.NOT_BEGUN, [])


@pytest.mark.parametrize(("step", "outcome"), [("RCPT", Outcome.NOT_BEGUN), ("DOT", Outcome.UNKNOWN)])
def test_a_stop_breaks_off_what_does_not_end_and_tells_what_is_known(step: str, outcome: Outcome) -> None:
    """Given a relay that never answers at a step, when the worker is stopped, then each send is told all the same."""
    node = NodeStandIn([a_grant()])

    async def run() -> None:
        reached, stopping = asyncio.Event(), asyncio.Event()

        def hang(_line: str) -> Act:
            reached.set()
            return Act.HANG

        async with Relay({step: hang}).running() as relay:
            timeouts = relay_settings(relay.port, timeouts=relay_settings(1).timeouts.__class__())
            channel = SmtpChannel(timeouts, stationery())
            worker = Worker([node], {"smtp": channel}, WorkerMeters(), clock_ms=lambda: AT_MS, pace=SOON)
            running = asyncio.create_task(worker.run(stopping))
            await reached.wait()
            stopping.set()
            await running

    asyncio.run(run())
    assert [one.outcome for one in node.told] == [outcome]


def test_a_stop_lets_what_is_under_way_come_to_its_end() -> None:
    channel = ChannelStandIn(sending)
    node = NodeStandIn([a_grant(number) for number in range(4)])
    asking: list[int] = []

    async def run() -> None:
        stopping = asyncio.Event()
        usual = node.grant

        async def grant(channel: str, most: int) -> list[Grant]:
            # It stops while the node answers: what the node then grants must not be lost.
            asking.append(most)
            stopping.set()
            await asyncio.sleep(0)
            return await usual(channel, most)

        node.grant = grant  # type: ignore[method-assign]
        await Worker([node], {"smtp": channel}, WorkerMeters(), clock_ms=lambda: AT_MS, pace=SOON).run(stopping)

    asyncio.run(run())
    assert len(node.told) == len(node.granted) == 4
    assert {one.outcome for one in node.told} <= {Outcome.SENT, Outcome.NOT_BEGUN}
    assert len(asking) == 1


def test_an_error_that_nobody_expected_ends_the_worker_and_its_send_is_told() -> None:
    async def act(_grant: Grant, _lease: Lease) -> Attempt:
        raise ZeroDivisionError

    node = NodeStandIn([a_grant()])

    with pytest.raises(ZeroDivisionError):
        worked(ChannelStandIn(act), node, until=lambda: False)
    assert [one.outcome for one in node.told] == [Outcome.NOT_BEGUN]


def test_meters_name_nobody() -> None:
    meters = WorkerMeters()
    meters.count(a_grant(), Outcome.SENT)

    page = meters.page().decode()

    assert 'foresend_deliver_attempts_total{channel="smtp",message_class="marketing",outcome="sent"' in page
    assert "people.example" not in page
    assert 'u1"' not in page
