"""Sweeps the topics after each erasure, in a thread of the collector: whoever asked need not stay."""

import logging
import threading

from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from connectors.erasure.erased import Erased, read_erased
from connectors.erasure.sweep import SWEPT, sweep
from connectors.kafka.clients import make_consumer
from connectors.kafka.log_reader import GroupProgress
from connectors.kafka.partitioning import event_partition
from connectors.kafka.reader_thread import ReaderThread
from connectors.kafka.settings import KafkaSettings
from schemas.errors import StateError
from schemas.topics import ERASED, EVENTS, Topic

GROUP = "foresend-eraser"
POLL_MS = 1_000
RETRY_S = 2.0
LOOK_S = 1.0
STOP_S = 5.0
SESSION_MS = 300_000
"""A sweep of a large topic takes minutes, in which nothing is heard of us."""

_log = logging.getLogger(__name__)


class Eraser:
    """Follows the topic `erased`. A sweep that a crash cut short is done again; doing it twice is harmless.

    job_group  the group under which the job says how far it has come: its checkpoint must know of an erasure before
               the event that asked for it is removed
    """

    def __init__(self, settings: KafkaSettings, secret: bytes, job_group: str) -> None:
        self._settings = settings
        self._secret = secret
        self._job_group = job_group
        self._thread = ReaderThread("eraser", self._read_on, retry_s=RETRY_S, stop_s=STOP_S)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; a sweep under way is done again by the next that starts."""
        self._thread.stop()

    def _read_on(self) -> None:
        consumer: KafkaConsumer = make_consumer(
            self._settings,
            group_id=GROUP,
            auto_offset_reset="earliest",
            max_poll_records=1,
            max_poll_interval_ms=2 * SESSION_MS,
        )
        try:
            consumer.subscribe([ERASED.name])
            while not self._thread.stopping.is_set():
                for part, records in consumer.poll(timeout_ms=POLL_MS).items():
                    for record in records:
                        if record.value is not None:
                            self._erase(record.key or b"", record.value)
                        if self._thread.stopping.is_set():
                            return
                        consumer.commit({part: OffsetAndMetadata(record.offset + 1)})
        finally:
            consumer.close(autocommit=False)

    def _erase(self, key: bytes, value: bytes) -> None:
        try:
            erased = read_erased(self._secret, key, value)
        except StateError as error:
            _log.error("a row of the topic erased was passed over: %s", error)
            return
        if wait_until_applied(self._settings, self._job_group, erased, self._thread.stopping):
            found = {topic.name: sweep(self._settings, topic, erased.workspace, erased.user) for topic in SWEPT}
            _log.info("swept one erased person: %s", ", ".join(f"{count} in {name}" for name, count in found.items()))


def wait_until_applied(
    settings: KafkaSettings,
    job_group: str,
    erased: Erased,
    stop: threading.Event,
    timeout_s: float = float("inf"),
    source: Topic = EVENTS,
) -> bool:
    """Wait until a checkpoint of the job holds what stands in a person's partition now; False where it does not."""
    number = event_partition(erased.workspace, erased.user)
    consumer = make_consumer(settings)
    try:
        part = TopicPartition(source.name, number)
        end = consumer.end_offsets([part])[part]
    finally:
        consumer.close()
    progress = GroupProgress(settings, job_group, source.name)
    waited_s = 0.0
    try:
        while progress.offsets().get(number, 0) < end:
            if waited_s >= timeout_s or stop.wait(LOOK_S):
                return False
            waited_s += LOOK_S
    finally:
        progress.close()
    return not stop.is_set()
