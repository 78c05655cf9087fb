"""What the cache node's store holds, and how fast it is filled, rebuilt from Kafka, and read."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from shutil import rmtree
from time import perf_counter

from prometheus_client import CollectorRegistry

from connectors.cache.applying import Applier
from connectors.cache.follower import Follower, now_ms
from connectors.cache.meters import CacheMeters
from connectors.cache.releases import Releases
from connectors.cache.store import CacheStore
from connectors.kafka.partitioning import partition_of_key
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.bench.cache_day import Timed, day, disk_bytes, figures, read_figures, read_one, reads_of_a_day
from foresend.bench.figures import Run
from foresend.bench.filling import MODEL_PEOPLE_MAX, entries_of, fill
from foresend.bench.people import ModelPerson, model_people, user_number
from foresend.bench.programs import scratch, wait_for
from foresend.bench.sizes import size
from foresend.bench.telling import Tell
from foresend.bench.writing import Record, write_records
from foresend.local.broker import Broker
from schemas.keys import communication_key
from schemas.library import Release
from schemas.topics import COMMUNICATIONS, PARTITIONS
from templates.compiler import compile_release
from templates.send_marks import Opener
from templates.workspace import SAMPLE, load_marketing

REBUILD_S = 3_600.0
STOP_S = 30.0


@dataclass(frozen=True)
class CacheSizes:
    """How much is cached and read."""

    users: int = size(100_000, "users, each with an entry of every template")
    reads: int = size(100_000, "reads of one candidate, uniformly at random")
    limit: bool = size(False, "also a day under a limit of a quarter of the bytes; reads are told of it")
    day_reads: int = size(1_000_000, "reads of that day")
    runs: int = size(1, "medians are told of so many runs")
    workspace: Path = size(SAMPLE, "the workspace whose messages are cached")


@dataclass(frozen=True)
class _Setting:
    """What all runs share."""

    sizes: CacheSizes
    release: Release
    people: list[ModelPerson]
    kafka: KafkaSettings
    tell: Tell


def measure(sizes: CacheSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line: filled directly, read after a restart, and rebuilt from the topic as after a lost disk."""
    release = compile_release(load_marketing(sizes.workspace))
    people = model_people(release, min(sizes.users, MODEL_PEOPLE_MAX))
    with scratch() as folder:
        tell("starting a broker ...")
        with Broker(folder / "broker") as broker:
            setting = _Setting(sizes, release, people, KafkaSettings(broker.bootstrap), tell)
            entries = _publish(setting)
            yield [_run(setting, entries, folder / "cache") for _ in range(sizes.runs)]


def _publish(setting: _Setting) -> int:
    """Write release and entries to their topics; how many entries there are."""
    ensure_topics(setting.kafka)
    publish_release(setting.kafka, setting.release)
    pairs = entries_of(setting.people, setting.sizes.users)
    records = (Record(partition_of_key(key), key, value) for key, value in pairs)
    with setting.tell.bar("writing the topic communications", _expected(setting)) as moved:
        return write_records(setting.kafka, COMMUNICATIONS.name, records, moved)


def _run(setting: _Setting, entries: int, folder: Path) -> Run:
    with setting.tell.bar("filling a store", entries) as moved:
        filled = fill(folder, setting.release, setting.people, setting.sizes.users, moved)
    store = CacheStore(folder)
    try:
        disk, live_bytes = disk_bytes(folder), store.live.size
        setting.tell(f"reading {setting.sizes.reads} candidates ...")
        times = list(_reads(setting, store))
    finally:
        store.close()
        rmtree(folder)
    rebuild_s = _rebuild_s(setting, entries, folder)
    rmtree(folder)
    measured = {
        "disk_bytes": disk,
        "load_entries_per_s": filled.entries / filled.seconds,
        "rebuild_entries_per_s": entries / rebuild_s,
    } | read_figures(times)
    if setting.sizes.limit:
        measured |= _limited(setting, entries, live_bytes // 4, folder)
    given = {"users": setting.sizes.users, "entries": entries, "entry_bytes": round(filled.entry_bytes)}
    return Run(given, measured)


def _limited(setting: _Setting, entries: int, limit_bytes: int, folder: Path) -> dict[str, float]:
    """A day in a cache that has room for a quarter of the entries."""
    with setting.tell.bar("filling a store under the limit", entries) as moved:
        fill(folder, setting.release, setting.people, setting.sizes.users, moved, limit_bytes=limit_bytes)
    trace = reads_of_a_day(entries, setting.sizes.day_reads)
    store = CacheStore(folder, limit_bytes)
    try:
        with setting.tell.bar("living through a day", len(trace)) as moved:
            found = day(store, setting.release, setting.people, trace, limit_bytes, moved, setting.tell)
    finally:
        store.close()
        rmtree(folder)
    return figures(found, limit_bytes)


def _reads(setting: _Setting, store: CacheStore) -> Iterator[Timed]:
    """How long each read took."""
    chance = Random(setting.sizes.reads)
    opener = Opener(setting.release)
    names = [template.name for template in setting.release.templates]
    for _ in range(setting.sizes.reads):
        user = user_number(chance.randrange(setting.sizes.users))
        key = communication_key(setting.release.workspace, chance.choice(names), user)
        place = chance.random()
        timed = read_one(store, opener, key, place)
        if timed is not None:
            yield timed


def _rebuild_s(setting: _Setting, entries: int, folder: Path) -> float:
    """How long the follower takes from an empty folder until the node would answer."""
    store = CacheStore(folder)
    meters, releases = CacheMeters(CollectorRegistry()), Releases(store)
    follower = Follower(
        store,
        releases,
        Applier(store, releases, meters),
        meters,
        setting.kafka,
        partitions=range(PARTITIONS),
        clock_ms=now_ms,
    )
    stopping = threading.Event()
    thread = threading.Thread(target=follower.run, args=(stopping,), name="follower", daemon=True)
    try:
        setting.tell(f"rebuilding {entries} entries from the topic ...")
        started = perf_counter()
        thread.start()
        wait_for(lambda: follower.is_ready, f"the follower to read {entries} entries", REBUILD_S)
        return perf_counter() - started
    finally:
        stopping.set()
        thread.join(STOP_S)
        store.close()


def _expected(setting: _Setting) -> int:
    return setting.sizes.users * len(setting.release.templates)
