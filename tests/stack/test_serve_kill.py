"""SIGKILL of `foresend serve` at any moment: entries, offsets and exposures neither lost nor repeated."""

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from connectors.kafka.clients import make_producer
from connectors.kafka.log_reader import read_log
from connectors.kafka.partitioning import event_partition
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import end_offsets, ensure_topics
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from foresend.verification import reading
from schemas.codec import decode
from schemas.decisions import Communication
from schemas.events import decode_event
from schemas.ids import UserId
from schemas.topics import COMMUNICATIONS, DEAD_LETTERS, EVENTS
from tests.support.messages import NEWS, WORKSPACE, communication, record_of, release
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

SEED = 7
KILLS = 20
USERS = [f"user-{number}" for number in range(40)]
BAD_EVERY = 97
"""Each 97th record is rubbish: its dead letter must be one, too."""
PATIENCE_S = 60.0


class Stream:
    """Writes entries for as long as it is told to: new ones, repeats of old ones, and now and then rubbish."""

    def __init__(self, producer: KafkaProducer) -> None:
        self._producer = producer
        self._chance = random.Random(SEED)
        self._numbers = dict.fromkeys(USERS, 0)
        self._written = 0
        self.rubbish = 0
        self.ending = threading.Event()

    def first(self) -> None:
        """One entry for each user, so that every draw is of somebody known."""
        for user in USERS:
            self._write(user, 1)
        self._producer.flush()

    def run(self) -> None:
        while not self.ending.wait(0.002):
            user = self._chance.choice(USERS)
            # As after a restart of the job: what was written before comes again, or late.
            is_old = self._chance.random() < 0.3
            number = self._chance.randint(1, self._numbers[user]) if is_old else self._numbers[user] + 1
            self._write(user, number)
        self._producer.flush()

    def _write(self, user: str, number: int) -> None:
        self._numbers[user] = max(number, self._numbers[user])
        key, value = record_of(communication(user, number))
        self._written += 1
        if self._written % BAD_EVERY == 0:
            self.rubbish += 1
            value = b"rubbish"
        self._producer.send(COMMUNICATIONS.name, key=key, value=value)


class Client:
    """Draws with one send id until it is answered, then now and then asks again for an older one."""

    def __init__(self, serve: ServeProcess) -> None:
        self._serve = serve
        self._chance = random.Random(SEED + 1)
        self.answers: dict[str, tuple[str, bytes]] = {}
        self.changed: list[str] = []
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            send_id = f"send-{len(self.answers)}"
            user = self._chance.choice(USERS)
            self.answers[send_id] = (user, self._draw(user, send_id))
            self.ask_again(self._chance.choice(list(self.answers)))

    def ask_again(self, send_id: str) -> None:
        user, first = self.answers[send_id]
        if self._draw(user, send_id) != first:
            self.changed.append(send_id)

    def _draw(self, user: str, send_id: str) -> bytes:
        found: list[bytes] = []

        def is_answered() -> bool:
            status, body = self._serve.draw(NEWS, user, send_id)
            assert status in {0, 200, 503}, body
            found.append(body)
            return status == 200

        wait_until(is_answered, PATIENCE_S, f"an answer to {send_id}")
        return found[-1]


@pytest.fixture
def kafka(own_broker: Broker) -> KafkaSettings:
    settings = KafkaSettings(own_broker.bootstrap)
    ensure_topics(settings)
    publish_release(settings, release(1))
    return settings


@pytest.fixture
def stream(kafka: KafkaSettings) -> Iterator[Stream]:
    producer = make_producer(kafka)
    yield Stream(producer)
    producer.close()


@pytest.fixture
def serve(tmp_path: Path, kafka: KafkaSettings) -> Iterator[ServeProcess]:
    made = ServeProcess(tmp_path, free_port(), kafka.bootstrap)
    yield made
    made.kill()


def test_killed_twenty_times_while_it_reads_and_draws(
    kafka: KafkaSettings, stream: Stream, serve: ServeProcess
) -> None:
    client = Client(serve)
    stream.first()
    threads = [threading.Thread(target=work) for work in (stream.run, client.run)]
    for thread in threads:
        thread.start()
    try:
        for number in range(KILLS):
            kill_at_random(serve, client, random.Random(SEED * 1000 + number), while_reading=number % 4 == 0)
        serve.start()
        serve.wait_ready()
    finally:
        stream.ending.set()
        client.ending.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    for send_id in list(client.answers):
        client.ask_again(send_id)
    wait_until(lambda: is_even(kafka, serve), PATIENCE_S, "the cache to be even with its topics")
    wait_until(lambda: serve.metric("foresend_outbox_pending_records") == 0, PATIENCE_S, "the outbox to empty")
    assert serve.stop() == 0

    assert client.changed == []
    assert len(client.answers) > KILLS
    assert cached(serve) == newest(kafka)
    assert exposures(kafka) == {send_id: (user, 1) for send_id, (user, _) in client.answers.items()}
    letters = [record.key for record in read_log(kafka, DEAD_LETTERS.name)]
    assert len(set(letters)) == stream.rubbish


def kill_at_random(serve: ServeProcess, client: Client, chance: random.Random, while_reading: bool) -> None:
    """Start it, and kill it while it starts and catches up, or while it draws."""
    child = serve.start()
    if while_reading:
        assert child.wait(chance.uniform(0.3, 1.5)) is None, child.log
    else:
        answered = len(client.answers)
        wait_until(lambda: len(client.answers) > answered, PATIENCE_S, "a draw between two kills")
        assert child.wait(chance.uniform(0.0, 0.3)) is None, child.log
    serve.kill()


def is_even(kafka: KafkaSettings, serve: ServeProcess) -> bool:
    """Whether the cache says that it holds all that the topic does."""
    with reading(serve.cache) as reader:
        offsets = reader.offsets()
    ends = end_offsets(kafka, COMMUNICATIONS)
    return all(offsets.get((COMMUNICATIONS.name, part), 0) == end for part, end in ends.items())


def cached(serve: ServeProcess) -> dict[bytes, bytes]:
    with reading(serve.cache) as reader:
        return dict(reader.entries())


def newest(kafka: KafkaSettings) -> dict[bytes, bytes]:
    """A plain fold of the topic: of each key the record with the highest version, the later of equal ones."""
    found: dict[bytes, bytes] = {}
    for record in read_log(kafka, COMMUNICATIONS.name):
        if record.value != b"rubbish":
            before = found.get(record.key)
            version = decode(Communication, record.value).version
            if before is None or decode(Communication, before).version <= version:
                found[record.key] = record.value
    return found


def exposures(kafka: KafkaSettings) -> dict[str, tuple[str, int]]:
    """For each send: whose it is, and how many distinct exposures of it there are."""
    ids: dict[str, set[tuple[str, bytes]]] = {}
    users: dict[str, str] = {}
    for record in read_log(kafka, EVENTS.name):
        event = decode_event(record.value)
        assert event.exposure is not None
        assert record.position.partition == event_partition(WORKSPACE, UserId(event.user))
        ids.setdefault(event.exposure.send_id, set()).add((event.id, record.key))
        users[event.exposure.send_id] = event.user
    return {send_id: (users[send_id], len(found)) for send_id, found in ids.items()}


def test_what_a_draw_answers_is_what_its_exposure_tells(
    kafka: KafkaSettings, stream: Stream, serve: ServeProcess
) -> None:
    stream.first()
    serve.start()
    serve.wait_ready()
    answers = {f"s{number}": json.loads(serve.draw(NEWS, user, f"s{number}")[1]) for number, user in enumerate(USERS)}
    wait_until(lambda: serve.metric("foresend_outbox_pending_records") == 0, PATIENCE_S, "the outbox to empty")
    assert serve.stop() == 0
    told = [decode_event(record.value) for record in read_log(kafka, EVENTS.name)]
    assert len(told) == len(answers)
    for event in told:
        assert event.exposure is not None
        answer = answers[event.exposure.send_id]
        assert (event.user, event.exposure.candidate) == (answer["user"], answer["candidate"])
        assert list(event.exposure.probabilities) == answer["probabilities"]
        assert event.world.library == 1
