"""Inbound mail as a process: LMTP, the way to Kafka, a small door for health and metrics; or mails of files, once."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterable
from functools import partial

import uvicorn
import uvloop
from kafka.errors import KafkaError

from connectors.collector.app import now_ms
from connectors.collector.event_log import EventLog
from connectors.collector.threads import in_daemon_thread
from connectors.collector.world_tail import WorldTail
from connectors.inbound.intake import Inbound, InboundMail, Taken
from connectors.inbound.lmtp import Handed, LmtpServer
from connectors.inbound.meters import InboundFigures, InboundMeters
from connectors.inbound.owners import OwnerAway
from connectors.kafka.topics import current_world, ensure_topics
from foresend.http_server import MetricsDoor, server_config
from foresend.settings.inbound import InboundSettings
from schemas.errors import BrokerUnavailable, ConfigError
from schemas.worlds import WorldRef

RETRY_S = 1.0
GRACE_S = 2
STOP_S = 8.0
CLOSE_S = 3.0
AT_ONCE = 64
"""Mails of a file that are under way at once."""

_log = logging.getLogger(__name__)


def serve_inbound(settings: InboundSettings) -> None:
    """Take mails in until SIGTERM or SIGINT; those under way are answered first.

    Raises:
        ConfigError: an address is taken, or a topic is not as it must be.
    """
    # uvicorn raises the signal once more when it is done; by then it has been obeyed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _obeyed)
    if not settings.gateway:
        _log.warning("no inbound.gateway: an unsubscription by mail holds once the job has passed it on, seconds later")
    with (
        _listening(settings.host, settings.metrics_port) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_InboundProcess(settings).run(listener))


def _obeyed(_number: int, _frame: object) -> None:
    """Nothing is left to do."""


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(f"inbound.metrics_port: cannot listen on {host}:{port}: {error.strerror}") from error


class _InboundProcess:
    """The parts, in one event loop."""

    def __init__(self, settings: InboundSettings) -> None:
        self._settings = settings
        self._rules = settings.rules(b"")
        self._inbound = settings.inbound()
        self._meters = InboundMeters()
        self._tail = WorldTail(settings.kafka)

    async def run(self, listener: socket.socket) -> None:
        """Serve until told to stop."""
        log = EventLog(self._settings.kafka)
        lmtp = LmtpServer(partial(self._take, log), lambda address: bool(self._rules.workspace_of([address])))
        host = self._settings.host
        try:
            port = await lmtp.start(host, self._settings.port)
        except OSError as error:
            told = f"inbound.port: cannot listen on {host}:{self._settings.port}: {error.strerror}"
            raise ConfigError(told) from error

        def is_ready() -> bool:
            return self._tail.world is not None and log.is_writable

        self._meters.ready.set_function(is_ready)
        _log.info("LMTP on %s:%d; metrics on http://%s:%d", host, port, host, listener.getsockname()[1])
        server = uvicorn.Server(
            server_config(MetricsDoor(self._meters.page, is_ready), loop="none", timeout_graceful_shutdown=GRACE_S)
        )
        preparing = asyncio.create_task(self._prepare(log))
        # A mistake of the operator that no waiting mends.
        preparing.add_done_callback(lambda _: setattr(server, "should_exit", True))
        try:
            await server.serve(sockets=[listener])
        finally:
            await lmtp.close(STOP_S)
            preparing.cancel()
            self._tail.stop()
            await log.close(CLOSE_S)
        with contextlib.suppress(asyncio.CancelledError):
            await preparing

    async def _prepare(self, log: EventLog) -> None:
        """Everything behind LMTP, which answers 451 until this is up."""
        is_there = False
        while not is_there:
            try:
                await in_daemon_thread(partial(ensure_topics, self._settings.kafka))
                is_there = True
            except (BrokerUnavailable, KafkaError) as error:
                _log.warning("topics are not there yet: %s", error)
                await asyncio.sleep(RETRY_S)
        await log.connect()
        self._tail.start()
        await asyncio.Event().wait()

    async def _take(self, log: EventLog, handed: Handed) -> bool:
        """Whether a mail is safe: in Kafka, and heeded by the person's node where it unsubscribes."""
        world = self._tail.world
        if world is None or not log.is_writable:
            self._meters.not_now.labels("kafka").inc()
            return False
        mail = InboundMail(handed.data, now_ms(), world, handed.sender, (handed.recipient,))
        try:
            taken = await taken_in(self._inbound, mail, log)
        except OwnerAway as error:
            _log.warning("a mail is left to its sender for now: %s", error)
            self._meters.not_now.labels("owner").inc()
            return False
        except BrokerUnavailable:
            self._meters.not_now.labels("kafka").inc()
            return False
        self._meters.count(taken)
        return True


async def taken_in(inbound: Inbound, mail: InboundMail, log: EventLog) -> Taken:
    """Take a mail in, and return once Kafka has it.

    Raises:
        OwnerAway: a person's node cannot be asked.
        BrokerUnavailable: Kafka has not all of it.
    """
    taken = await inbound.take(mail)
    if taken.records:
        await log.write(taken.records)
    return taken


def take_files(settings: InboundSettings, mails: Iterable[bytes]) -> InboundFigures:
    """Take mails of files in; the same again changes nothing.

    Raises:
        ConfigError: a file cannot be read, or a topic is not as it must be.
        OwnerAway, BrokerUnavailable: not all are; do it again.
    """
    ensure_topics(settings.kafka)
    return asyncio.run(_take_all(settings, mails, current_world(settings.kafka)))


def look_at_files(settings: InboundSettings, mails: Iterable[bytes]) -> InboundFigures:
    """What `take_files` would do, without Kafka or nodes."""

    async def look() -> InboundFigures:
        figures, inbound = InboundFigures(), settings.looking()
        for data in mails:
            figures.count(await inbound.take(InboundMail(data, now_ms(), WorldRef())))
        return figures

    return asyncio.run(look())


async def _take_all(settings: InboundSettings, mails: Iterable[bytes], world: WorldRef) -> InboundFigures:
    figures, inbound, log = InboundFigures(), settings.inbound(), EventLog(settings.kafka)
    await log.connect()
    try:
        under_way: list[asyncio.Task[Taken]] = []
        for data in mails:
            mail = InboundMail(data, now_ms(), world)
            under_way.append(asyncio.create_task(taken_in(inbound, mail, log)))
            if len(under_way) >= AT_ONCE:
                figures.count_all(await asyncio.gather(*under_way))
                under_way = []
        figures.count_all(await asyncio.gather(*under_way))
    finally:
        await log.close(CLOSE_S)
    return figures
