"""When the job has taken all of a log: what follows an event has then been written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from connectors.kafka.log_reader import GroupProgress
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import end_offsets
from foresend.jobs import group_of
from foresend.local.flink_rest import FlinkRest
from schemas.errors import TransientError
from schemas.topics import Topic

LOOK_S = 0.5


class NotStill(TransientError):
    """The path did not come to rest in time; the message says what it waited for."""


@contextmanager
def progress_of_job(kafka: KafkaSettings, source: Topic) -> Iterator[GroupProgress]:
    """How far the job's checkpoints came in its source."""
    progress = GroupProgress(kafka, group_of(source.name), source.name)
    try:
        yield progress
    finally:
        progress.close()


def wait_taken(
    kafka: KafkaSettings,
    source: Topic,
    rest: FlinkRest,
    timeout_s: float,
    progress: Callable[[int, int], None] = lambda _taken, _wanted: None,
) -> None:
    """Wait until the job has taken every record that is in the source now, and what was due by then.

    progress  told how many records were taken, and of how many

    Raises:
        NotStill: it takes too long.
        FlinkUnavailable: the job is gone.
    """
    deadline = monotonic() + timeout_s
    ends = end_offsets(kafka, source)
    wanted = sum(ends.values())

    with progress_of_job(kafka, source) as job:

        def is_taken() -> bool:
            rest.jobs()
            so_far = job.offsets()
            progress(sum(so_far.values()), wanted)
            return all(so_far.get(partition, 0) >= end for partition, end in ends.items())

        wait_for(is_taken, f"the job to take {wanted} records", deadline)
    # Timers follow watermarks, which are sent between records: two checkpoints later they have fired.
    before = _completed(rest)
    wait_for(lambda: _completed(rest) >= before + 2, "two more checkpoints", deadline)


def wait_for(is_so: Callable[[], bool], what: str, deadline: float) -> None:
    """Look until it is so, or the deadline has passed (on the monotonic clock).

    Raises:
        NotStill: it has passed.
    """
    while not is_so():
        if monotonic() > deadline:
            raise NotStill(f"expected {what}, waited in vain")
        sleep(LOOK_S)


def _completed(rest: FlinkRest) -> int:
    return sum(rest.checkpoints(job).completed for job, status in rest.jobs().items() if status == "RUNNING")
