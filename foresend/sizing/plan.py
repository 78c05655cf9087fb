"""From users and events a day to task managers, nodes, partitions and bytes."""

from dataclasses import dataclass
from math import ceil

from foresend.sizing import constants as by
from schemas.errors import ConfigError
from schemas.topics import DAY_MS, EVENTS, PARTITIONS

MAX_PARALLELISM = 720
"""Key groups of the job (`pipeline.max-parallelism`): more task managers would have nothing to do."""
DAY_S = 86_400
NODES_MIN = 2
BROKERS_MIN = 3
EVENTS_DAYS = int(EVENTS.config["retention.ms"]) // DAY_MS


@dataclass(frozen=True)
class Load:
    """What an installation must carry.

    users           persons known, not only the active ones
    events_per_day  all records of `events`: behaviour, and what is told of messages
    templates       that have messages ready for each person
    peak            events a second in the busiest hour, over the day's mean
    """

    users: int
    events_per_day: int
    templates: int = 2
    peak: float = 4.0

    @property
    def peak_per_s(self) -> float:
        """Events in a second of the busiest hour."""
        return self.events_per_day / DAY_S * self.peak


@dataclass(frozen=True)
class Size:
    """How large it must be. Bytes are without units; `cores` are of all programs, Kafka's included.

    state_bytes          of the job, in all its task managers and again in a checkpoint
    cache_nodes          of `foresend serve`; cache_bytes are on all their disks together
    partitions           of topics keyed by user: fixed for life
    kafka_bytes_per_day  written, before replicas; kafka_disk_bytes: kept, with replicas
    """

    task_managers: int
    collectors: int
    cache_nodes: int
    brokers: int
    cores: int
    state_bytes: int
    cache_bytes: int
    partitions: int
    kafka_bytes_per_day: int
    kafka_disk_bytes: int


def size_of(load: Load) -> Size:
    """The least installation that carries the load in its busiest hour and loses one of each program unhurt.

    Raises:
        ConfigError: the load is no load, or more than the job can be divided among.

    >>> size_of(Load(users=1_000_000, events_per_day=20_000_000)).task_managers
    1
    """
    _check(load)
    row_bytes = load.templates * by.ENTRY.value + by.PROFILE.value
    cache_bytes = ceil(load.users * row_bytes * by.COPIES.value * by.FOLDER.value)
    job = _needed(load, by.STEP)
    partitions = _partitions(job)
    rows_per_s = load.peak_per_s * by.ROWS.value * by.COPIES.value
    nodes = max(NODES_MIN, ceil(cache_bytes / by.NODE.value), ceil(rows_per_s / by.APPLY.value))
    collectors = max(NODES_MIN, _needed(load, by.COLLECT))
    kept_events = load.events_per_day * by.EVENT.value * EVENTS_DAYS * by.REPLICAS.value
    kept_newest = load.users * row_bytes * by.REPLICAS.value
    return Size(
        task_managers=job,
        collectors=collectors,
        cache_nodes=nodes,
        brokers=BROKERS_MIN,
        cores=job + collectors + nodes + BROKERS_MIN,
        state_bytes=ceil(load.users * by.STATE.value),
        cache_bytes=cache_bytes,
        partitions=partitions,
        kafka_bytes_per_day=ceil(load.events_per_day * by.RECORDS.value),
        kafka_disk_bytes=ceil(kept_events + kept_newest),
    )


def _needed(load: Load, each: by.Constant) -> int:
    """Processes that carry the busiest hour and still have room."""
    return max(1, ceil(load.peak_per_s / (each.value * by.UTILISATION.value)))


def _partitions(job: int) -> int:
    """The table's, or the next that key groups divide into evenly, so that no task manager has more of them."""
    if job > MAX_PARALLELISM:
        raise ConfigError(
            [f"expected a load for {MAX_PARALLELISM} task managers at most, got one for {job}: divide the installation"]
        )
    return next(
        number for number in range(PARTITIONS, MAX_PARALLELISM + 1) if MAX_PARALLELISM % number == 0 and number >= job
    )


def _check(load: Load) -> None:
    problems = [
        f"expected {name} of {least} at least, got {value}"
        for name, value, least in (
            ("--users", load.users, 1),
            ("--events-per-day", load.events_per_day, 1),
            ("--templates", load.templates, 1),
            ("--peak", load.peak, 1),
        )
        if not value >= least
    ]
    if problems:
        raise ConfigError(problems)
