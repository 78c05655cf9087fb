"""Follows the topics of the world, so that each event can name the world it was received in, and is reduced by it."""

from kafka import KafkaConsumer, TopicPartition

from connectors.collector.workspace_rules import WorkspaceRules
from connectors.kafka.clients import make_consumer
from connectors.kafka.reader_thread import ReaderThread
from connectors.kafka.settings import KafkaSettings
from schemas.topics import CATALOGUE, LIBRARY, MODELS
from schemas.worlds import WorldRef

POLL_MS = 200
RETRY_S = 0.5
STOP_S = 2.0
_LIBRARY = TopicPartition(LIBRARY.name, 0)
_MODELS = TopicPartition(MODELS.name, 0)
_CATALOGUE = TopicPartition(CATALOGUE.name, 0)


class WorldTail:
    """The topics, read to their ends all the time, in a thread of its own.

    Of a world only its end offsets are kept, for what it consists of is the job's business; and of each workspace's
    newest release what it lets through of events. `library` is read from its beginning for that, and the world is
    told once it has been: so no trait is lost to a collector that has just begun.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._thread = ReaderThread("world-tail", self._read_on, retry_s=RETRY_S, stop_s=STOP_S)
        self._world: WorldRef | None = None
        self.rules = WorkspaceRules()

    @property
    def world(self) -> WorldRef | None:
        """The world as far as it was read; None before it is known."""
        return self._world

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following; returns when the thread has ended, or waits for a broker that is away."""
        self._thread.stop()

    def _read_on(self) -> None:
        consumer: KafkaConsumer = make_consumer(self._settings, client_id="foresend-world-tail")
        try:
            consumer.assign([_LIBRARY, _MODELS, _CATALOGUE])
            consumer.seek_to_beginning(_LIBRARY)
            consumer.seek_to_end(_MODELS, _CATALOGUE)
            end = consumer.end_offsets([_LIBRARY])[_LIBRARY]
            while not self._thread.stopping.is_set():
                now = WorldRef(*map(consumer.position, (_LIBRARY, _MODELS, _CATALOGUE)))
                if now.library >= end:
                    self._world = now if self._world is None else now.join(self._world)
                for record in consumer.poll(timeout_ms=POLL_MS).get(_LIBRARY, ()):
                    self.rules.learn(record.key or b"", record.value or b"")
        finally:
            consumer.close()
