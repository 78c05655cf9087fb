"""How far a node is behind the ends of its topics: in records of each topic, and in time."""

from collections import Counter
from collections.abc import Callable, Mapping

from kafka import TopicPartition

SILENT_MS = 5_000
"""Kafka is asked several times a second. Where it has not answered for so long, there may be more than is known."""


class Behind:
    """Tells how old what is not applied yet can be, at most. Used by the follower's thread; read by any.

    lag_records  of each topic that was looked at
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._looked_ms = clock_ms()
        self._since_ms: dict[TopicPartition, int] = {}
        self.lag_records: dict[str, int] = {}

    def look(
        self,
        ends: Mapping[TopicPartition, int],
        positions: Mapping[TopicPartition, int],
        applied_ms: Mapping[TopicPartition, int],
    ) -> None:
        """Note how far each partition is.

        What waits came after the last record that was applied, and after the last time that nothing waited: the later
        of both is how old it can be.

        applied_ms  of partitions that were read just now, when their last record was written
        """
        looked_ms, self._looked_ms = self._looked_ms, self._clock_ms()
        lags: Counter[str] = Counter(dict.fromkeys({part.topic for part in ends}, 0))
        since: dict[TopicPartition, int] = {}
        for part, end in ends.items():
            lag = end - positions[part]
            if lag > 0:
                lags[part.topic] += lag
                since[part] = max(self._since_ms.get(part, looked_ms), applied_ms.get(part, 0))
        self._since_ms = since
        self.lag_records = dict(lags)

    @property
    def seconds(self) -> float:
        """For how long the oldest record that is not applied has been waiting, at most; 0: none is known."""
        now_ms, looked_ms, since = self._clock_ms(), self._looked_ms, self._since_ms
        oldest_ms = min(since.values(), default=now_ms)
        if now_ms - looked_ms > SILENT_MS:
            oldest_ms = min(oldest_ms, looked_ms)
        return max(0, now_ms - oldest_ms) / 1000
