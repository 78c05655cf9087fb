"""Fills a cache folder as the follower would, but from memory: many users, each with a model person's messages."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from connectors.cache.applying import Applier, LogRecord
from connectors.cache.derived import derived_fact
from connectors.cache.follower import CATCH_UP_RECORDS, now_ms
from connectors.cache.meters import CacheMeters
from connectors.cache.releases import Releases
from connectors.cache.store import CacheStore
from connectors.kafka.clients import admin
from connectors.kafka.settings import KafkaSettings
from foresend.bench.people import START_MS, ModelPerson, user_number
from foresend.bench.telling import Moved
from schemas.codec import encode
from schemas.keys import join_key
from schemas.library import Release
from schemas.topics import COMMUNICATIONS, LIBRARY, PROFILES

MODEL_PEOPLE_MAX = 1_000
_NOTHING: Mapping[str, bytes] = MappingProxyType({})


class Filled(NamedTuple):
    """What a folder holds. `seconds`: in the applying path alone, without making the records."""

    entries: int
    seconds: float
    entry_bytes: float


def entries_of(people: list[ModelPerson], users: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of all users' entries, user by user."""
    for number in range(users):
        yield from people[number % len(people)].entries_of(user_number(number))


def topic_facts(kafka: KafkaSettings) -> dict[str, bytes]:
    """By which facts a node knows the topics that it has read for the same ones, and does not rebuild."""
    names = [COMMUNICATIONS.name, PROFILES.name, LIBRARY.name]
    with admin(kafka) as client:
        found = client.describe_topics(names)
    return {f"topic_id:{one['name']}": str(one["topic_id"]).encode() for one in found} | derived_fact()


def fill(
    folder: Path,
    release: Release,
    people: list[ModelPerson],
    users: int,
    moved: Moved,
    facts: Mapping[str, bytes] = _NOTHING,
    limit_bytes: int = 0,
) -> Filled:
    """Make the folder a cache that has read a release and all entries, up to offset 0 of every topic.

    facts        of the topics, where a node is to start on the folder; it reads what they hold beyond that
    limit_bytes  of all entries; 0: none
    """
    store = CacheStore(folder, limit_bytes)
    try:
        store.forget_followed(dict(facts), unlogged=True)
        applier = Applier(store, Releases(store), CacheMeters(CollectorRegistry()), limit_bytes)
        key = join_key(release.workspace, "0")
        applier.apply([_record(LIBRARY.name, key, encode(release))], {(LIBRARY.name, 0): 0}, now_ms())
        entries = stored_bytes = 0
        seconds = 0.0
        rest = entries_of(people, users)
        while found := list(islice(rest, CATCH_UP_RECORDS)):
            records = [_record(COMMUNICATIONS.name, key, value) for key, value in found]
            started = perf_counter()
            applier.apply(records, {(COMMUNICATIONS.name, 0): 0}, now_ms(), live=False, logged=False)
            seconds += perf_counter() - started
            entries += len(found)
            stored_bytes += sum(len(value) for _, value in found)
            moved(entries)
        started = perf_counter()
        store.finish_unlogged()
        seconds += perf_counter() - started
    finally:
        store.close()
    return Filled(entries, seconds, stored_bytes / entries)


def _record(topic: str, key: bytes, value: bytes) -> LogRecord:
    return LogRecord(topic, 0, 0, START_MS, key, value)
