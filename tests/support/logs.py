"""Logs in Kafka for tests with the whole path: written with their own times, told apart by user."""

import random
from collections.abc import Iterable, Sequence
from itertools import cycle

from connectors.kafka.clients import make_producer
from connectors.kafka.event_records import event_record, heartbeats
from connectors.kafka.log_reader import read_log
from connectors.kafka.settings import KafkaSettings
from schemas.codec import decode
from schemas.decisions import Communication
from schemas.events import Event
from schemas.topics import COMMUNICATIONS, Topic
from schemas.worlds import WorldRef
from tests.support.events import DAY_MS, START_MS, erased, named, rated

POISON_KEYS = (b"sample|poison|r", b"", b"sample|poison", b"a|b|c|d", b"sample|\xff\xfe|r", b"||")
GENRES = ("comedy", "drama", "horror", "western", "jazz", "sci-fi", "romance", "crime")


def behaviour(seed: int, users: int, count: int, start_ms: int = START_MS) -> list[Event]:
    """Made-up behaviour in order of time: each user has two favourites; some tell a name, a few are erased."""
    chance = random.Random(seed)
    favourites = {f"user-{number}": chance.sample(GENRES, 2) for number in range(users)}
    events: list[Event] = []
    for number in range(count):
        at_ms = start_ms + number * (10 * DAY_MS // count)
        user = chance.choice(list(favourites))
        kind = chance.random()
        if kind < 0.005:
            events.append(erased(user, at_ms))
        elif kind < 0.03:
            events.append(named(chance.choice(("Ana", "Bo", "Cy")), user, at_ms))
        elif kind < 0.05 and events:
            events.append(events[chance.randrange(max(0, len(events) - 50), len(events))])
        else:
            genre = chance.choice(favourites[user]) if chance.random() < 0.8 else chance.choice(GENRES)
            events.append(rated(genre, user, at_ms))
    return events


def write_log(kafka: KafkaSettings, topic: str, events: Iterable[Event], poison: Sequence[bytes] = ()) -> int:
    """Write events with their received times as log times; returns how many were acknowledged."""
    producer = make_producer(kafka, linger_ms=5)
    futures = []
    for event in events:
        record = event_record(event)
        futures.append(producer.send(topic, record.value, record.key, [], record.partition, event.received_ms))
    last_ms = max((event.received_ms for event in events), default=START_MS)
    for value, key in zip(poison, cycle(POISON_KEYS)):
        futures.append(producer.send(topic, value, key, [], 0, last_ms))
    acknowledged = [future.get(60) for future in futures]
    producer.close()
    return len(acknowledged)


def write_heartbeats(kafka: KafkaSettings, topic: str, at_ms: int) -> None:
    """Let time go on in each partition."""
    producer = make_producer(kafka)
    futures = [producer.send(topic, b.value, b.key, [], b.partition, at_ms) for b in heartbeats(at_ms, WorldRef())]
    for future in futures:
        future.get(60)
    producer.close()


def written_communications(kafka: KafkaSettings) -> dict[bytes, list[bytes | None]]:
    """All communications that the job wrote, for each key in order."""
    return written_to(kafka, COMMUNICATIONS)


def written_to(kafka: KafkaSettings, topic: Topic) -> dict[bytes, list[bytes | None]]:
    """All that is in a topic, for each key in order."""
    written: dict[bytes, list[bytes | None]] = {}
    for record in read_log(kafka, topic.name):
        written.setdefault(record.key, []).append(record.value or None)
    return written


def settled(written: dict[bytes, list[bytes | None]]) -> dict[bytes, bytes]:
    """What a cache keeps of it: lower versions ignored, tombstones obeyed, graves left out."""
    kept: dict[bytes, bytes] = {}
    for key, values in written.items():
        for value in values:
            if value is None:
                kept.pop(key, None)
            elif key not in kept or decode(Communication, value).version >= decode(Communication, kept[key]).version:
                kept[key] = value
    return {key: value for key, value in kept.items() if not decode(Communication, value).grave}
