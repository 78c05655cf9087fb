"""Follows `library` and `models`, so that each event can name the world it was received in."""

import logging
import threading

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from connectors.kafka.clients import make_consumer
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable
from schemas.topics import LIBRARY, MODELS
from schemas.worlds import WorldRef

POLL_MS = 200
RETRY_S = 0.5
STOP_S = 2.0
_LIBRARY = TopicPartition(LIBRARY.name, 0)
_MODELS = TopicPartition(MODELS.name, 0)

_log = logging.getLogger(__name__)


class WorldTail:
    """Both topics, read to their ends all the time, in a thread of its own.

    Only the end offsets are kept: what a world consists of is the job's business.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="world-tail", daemon=True)
        self._world: WorldRef | None = None

    @property
    def world(self) -> WorldRef | None:
        """The world as far as it was read; None before it is known."""
        return self._world

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following; returns when the thread has ended, or waits for a broker that is away."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self._read_on()
            except (BrokerUnavailable, KafkaError) as error:
                _log.warning("library and models cannot be read: %s", error)
                self._stop.wait(RETRY_S)

    def _read_on(self) -> None:
        consumer: KafkaConsumer = make_consumer(self._settings, client_id="foresend-world-tail")
        try:
            consumer.assign([_LIBRARY, _MODELS])
            consumer.seek_to_end(_LIBRARY, _MODELS)
            while not self._stop.is_set():
                now = WorldRef(consumer.position(_LIBRARY), consumer.position(_MODELS))
                self._world = now if self._world is None else now.join(self._world)
                consumer.poll(timeout_ms=POLL_MS)
        finally:
            consumer.close()
