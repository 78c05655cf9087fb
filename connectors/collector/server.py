"""The collector as a process: HTTP, heartbeats, the tail of the world, and Kafka in, from start to stop."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import uvicorn
import uvloop
from kafka.errors import KafkaError

from connectors.collector.app import CollectorApp, now_ms
from connectors.collector.event_log import EventLog
from connectors.collector.heart import beat
from connectors.collector.kafka_in import KafkaIn, Understand, mapped, relayed
from connectors.collector.keys import WriteKeys
from connectors.collector.meters import Meters
from connectors.collector.rights_used import GatewayOwner, Nobody, Owner
from connectors.collector.threads import in_daemon_thread
from connectors.collector.web.door import WebDoor
from connectors.collector.world_tail import WorldTail
from connectors.erasure.eraser import Eraser
from connectors.erasure.listing import listing, nobody
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from connectors.mappings.events import EventMaker
from connectors.webhooks.intake import Webhooks
from schemas.errors import BrokerUnavailable, ConfigError
from schemas.ids import WorkspaceId
from schemas.topics import RELAYS

STOP_GRACE_S = 8
CLOSE_GRACE_S = 3.0
KEEP_ALIVE_S = 75
"""Clients send every few seconds; one that finds its connection closed under it has to send again."""
RETRY_S = 1.0
RELAY_GROUP = "foresend-relay"
"""All collectors share the partitions of `relays`."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KafkaInOrder:
    """Which topic of other producers is read, as which group and member of it, and what its records mean."""

    topic: str
    group: str
    instance: str
    maker: EventMaker


@dataclass(frozen=True)
class CollectorOrder:
    """What a collector is to do."""

    kafka: KafkaSettings
    host: str
    port: int
    keys: WriteKeys
    kafka_in: KafkaInOrder | None = None
    webhooks: Webhooks | None = None
    origins: tuple[str, ...] = ()
    secret: bytes = b""
    """The installation's; with none no list of the erased is kept, and nothing is swept."""
    job_group: str = ""
    gateway: str = ""
    """Where rights must hold before they are acknowledged; empty: nobody is asked."""
    gateway_keys: Mapping[WorkspaceId, str] = field(default_factory=dict, repr=False)


def run_collector(order: CollectorOrder) -> None:
    """Collect until SIGTERM or SIGINT; requests under way are answered first.

    Raises:
        ConfigError: the address is taken, or a topic is not as it must be.
    """
    # uvicorn raises the signal once more when it is done; by then it has been obeyed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _obeyed)
    with _listening(order.host, order.port) as listener, _runner() as runner:
        runner.run(_Collector(order).run(listener))


def _runner() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _obeyed(_number: int, _frame: object) -> None:
    """Nothing is left to do."""


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise ConfigError(f"expected to listen on {host}:{port}: {error.strerror}") from error


class _Collector:
    """The parts, in one event loop."""

    def __init__(self, order: CollectorOrder) -> None:
        self._order = order
        self._meters = Meters()
        self._tail = WorldTail(order.kafka)
        self._readers: list[KafkaIn | Eraser] = []
        self._listed = listing(order.secret) if order.secret else nobody

    async def run(self, listener: socket.socket) -> None:
        log = EventLog(self._order.kafka)
        app = CollectorApp(
            self._order.keys,
            log,
            self._tail,
            self._meters,
            rules_of=self._tail.rules.of,
            webhooks=self._order.webhooks,
            listed=self._listed,
            owner=self._owner(),
        )
        server = uvicorn.Server(
            uvicorn.Config(
                WebDoor(app, self._order.origins),
                http="httptools",
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=STOP_GRACE_S,
            )
        )
        address = listener.getsockname()
        _log.info("collecting on http://%s:%d", address[0], address[1])
        parts = asyncio.create_task(self._run_parts(log, server))
        try:
            await server.serve(sockets=[listener])
            parts.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await parts
        finally:
            await self._stop(log)

    def _owner(self) -> Owner:
        if self._order.gateway:
            return GatewayOwner(self._order.gateway, self._order.gateway_keys)
        _log.warning(
            "no gateway is set (FORESEND_COLLECT_GATEWAY): unsubscriptions, withdrawals and erasures are acknowledged "
            "when Kafka has them, and hold once the job has answered"
        )
        return Nobody()

    async def _run_parts(self, log: EventLog, server: uvicorn.Server) -> None:
        """Everything behind HTTP, which answers 503 until this is up."""
        try:
            await self._prepare_topics()
            await log.connect()
            self._tail.start()
            self._readers.append(self._start_reader(RELAYS.name, RELAY_GROUP, "", relayed))
            if self._order.secret:
                eraser = Eraser(self._order.kafka, self._order.secret, self._order.job_group)
                eraser.start()
                self._readers.append(eraser)
            if self._order.kafka_in is not None:
                given = self._order.kafka_in
                understand = mapped(given.maker, self._tail.rules.of)
                self._readers.append(self._start_reader(given.topic, given.group, given.instance, understand))
            await beat(log, self._tail, now_ms)
        finally:
            # Reached by cancelling, and by a mistake of the operator that no waiting mends.
            server.should_exit = True

    async def _prepare_topics(self) -> None:
        while True:
            try:
                await in_daemon_thread(partial(ensure_topics, self._order.kafka))
            except (BrokerUnavailable, KafkaError) as error:
                _log.warning("topics are not there yet: %s", error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    def _start_reader(self, topic: str, group: str, instance: str, understand: Understand) -> KafkaIn:
        started = KafkaIn(
            self._order.kafka,
            topic=topic,
            group=group,
            instance=instance,
            understand=understand,
            world=self._tail,
            meters=self._meters,
            clock=now_ms,
            listed=self._listed,
        )
        started.start()
        return started

    async def _stop(self, log: EventLog) -> None:
        for reader in self._readers:
            await in_daemon_thread(reader.stop)
        await in_daemon_thread(self._tail.stop)
        await log.close(CLOSE_GRACE_S)
