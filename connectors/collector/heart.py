"""One heartbeat for each partition of `events` each second: time goes on where nothing happens."""

import asyncio
import logging
from collections.abc import Callable

from connectors.collector.app import Log, World
from connectors.collector.event_log import Outgoing
from connectors.kafka.event_records import heartbeats
from schemas.errors import BrokerUnavailable
from schemas.topics import EVENTS

BEAT_S = 1.0

_log = logging.getLogger(__name__)


async def beat(log: Log, world: World, clock: Callable[[], int]) -> None:
    """Beat until cancelled. One that Kafka has not acknowledged holds back the next."""
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        now = world.world
        if now is not None and log.is_writable:
            records = [Outgoing(EVENTS.name, *record) for record in heartbeats(clock(), now)]
            try:
                await log.write(records)
            except BrokerUnavailable as error:
                _log.warning("no heartbeat: %s", error)
        await asyncio.sleep(max(0.0, started + BEAT_S - loop.time()))
