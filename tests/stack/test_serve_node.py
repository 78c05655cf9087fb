"""The serving process as an operator meets it: starts, refusals, a broker that goes away, and caches begun anew."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.cache.applying import KEPT_UP
from connectors.cache.families import META
from connectors.cache.follower import ABSENT_MS_MAX, now_ms
from connectors.cache.rows import pack_number
from connectors.cache.store import CacheStore
from connectors.kafka.clients import admin, make_producer
from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from foresend.verification import reading
from schemas.codec import encode
from schemas.decisions import Communication
from schemas.events import decode_event
from schemas.ids import UserId
from schemas.keys import communication_key, split_key
from schemas.topics import COMMUNICATIONS, EVENTS
from tests.support.messages import NEWS, WORKSPACE, communication, record_of, release, version
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack
USERS = [f"user-{number}" for number in range(20)]
PATIENCE_S = 60.0


@pytest.fixture
def serve(tmp_path: Path, broker: Broker) -> Iterator[ServeProcess]:
    """A node at the run's broker."""
    yield from running(tmp_path, broker)


@pytest.fixture
def own_serve(tmp_path: Path, own_broker: Broker) -> Iterator[ServeProcess]:
    """A node at a broker that only this test uses."""
    yield from running(tmp_path, own_broker)


def running(folder: Path, at: Broker) -> Iterator[ServeProcess]:
    kafka = KafkaSettings(at.bootstrap)
    ensure_topics(kafka)
    publish_release(kafka, release(1))
    write_entries(kafka, USERS)
    made = ServeProcess(folder, free_port(), at.bootstrap)
    made.start()
    made.wait_ready()
    yield made
    made.kill()


def write_entries(kafka: KafkaSettings, users: list[str], number: int = 1) -> None:
    producer = make_producer(kafka)
    for user in users:
        key, value = record_of(communication(user, number))
        producer.send(COMMUNICATIONS.name, key=key, value=value)
    producer.close()


def cached_users(serve: ServeProcess) -> list[str]:
    with reading(serve.cache) as reader:
        return sorted(split_key(key, 3)[2] for key, _ in reader.entries())


def test_two_on_one_folder_or_one_port_are_refused_and_the_first_goes_on(
    tmp_path: Path, broker: Broker, serve: ServeProcess
) -> None:
    same_folder = ServeProcess(tmp_path, free_port(), broker.bootstrap)
    child = same_folder.start()
    assert child.wait(PATIENCE_S) == 1
    assert "give this one another folder" in child.log.read_text()
    same_port = ServeProcess(tmp_path / "other", serve.port, broker.bootstrap)
    child = same_port.start()
    assert child.wait(PATIENCE_S) == 2
    assert "choose another by --port" in child.log.read_text()
    assert serve.is_ready()


def test_while_the_broker_is_away_draws_go_on_and_nothing_of_them_is_lost(
    own_broker: Broker, own_serve: ServeProcess
) -> None:
    serve = own_serve
    own_broker.kill()
    for user in USERS:
        assert serve.draw(NEWS, user, f"away-{user}")[0] == 200
    assert serve.metric("foresend_outbox_pending_records") == len(USERS)
    # A stop does not wait for the broker for ever, and the rows are still there after it.
    assert serve.stop() == 0
    serve.start()
    wait_until(lambda: serve.request("GET", "/healthz")[0] == 200, PATIENCE_S, "serve to answer without a broker")
    assert serve.request("GET", "/readyz")[0] == 503
    assert serve.draw(NEWS, USERS[0], "still-away")[0] == 503
    own_broker.start()
    serve.wait_ready()
    wait_until(lambda: serve.metric("foresend_outbox_pending_records") == 0, PATIENCE_S, "the outbox to empty")
    assert exposed_sends(own_broker) == {f"away-{user}" for user in USERS}


def test_a_topic_made_anew_and_a_long_absence_begin_the_cache_anew(own_broker: Broker, own_serve: ServeProcess) -> None:
    kafka, serve = KafkaSettings(own_broker.bootstrap), own_serve
    assert cached_users(serve) == sorted(USERS)
    first = serve.draw(NEWS, USERS[0], "before")
    assert serve.stop() == 0
    with admin(kafka) as client:
        client.delete_topics([COMMUNICATIONS.name])
    wait_until(lambda: COMMUNICATIONS.name not in topics_of(kafka), PATIENCE_S, "the topic to be gone")
    ensure_topics(kafka)
    # As many records as before, so that offsets alone tell no difference.
    others = [f"other-{number}" for number in range(20)]
    write_entries(kafka, others)
    serve.start()
    serve.wait_ready()
    assert cached_users(serve) == sorted(others)
    assert serve.metric('foresend_cache_rebuilds_total{reason="topic_recreated"}') == 1
    assert serve.draw(NEWS, USERS[0], "before") == first

    assert serve.stop() == 0
    pretend_last_seen(serve.cache, now_ms() - ABSENT_MS_MAX - 60_000)
    serve.start()
    serve.wait_ready()
    assert serve.metric('foresend_cache_rebuilds_total{reason="absent_too_long"}') == 1
    assert cached_users(serve) == sorted(others)


def test_a_lost_disk_is_read_anew_to_the_same_bytes(serve: ServeProcess, tmp_path: Path) -> None:
    with reading(serve.cache) as reader:
        before = dict(reader.entries())
    assert serve.stop() == 0
    serve.cache.rename(tmp_path / "lost")
    serve.start()
    serve.wait_ready()
    with reading(serve.cache) as reader:
        assert dict(reader.entries()) == before


def test_an_erased_user_is_out_of_all_files_within_five_seconds(serve: ServeProcess, broker: Broker) -> None:
    # Given: drawn for, so that the user stands in an entry, in a send and in what goes to Kafka.
    kafka, erased = KafkaSettings(broker.bootstrap), "kanarienvogel"
    write_entries(kafka, [erased])
    wait_until(lambda: erased in cached_users(serve), PATIENCE_S, "the entry to be cached")
    assert serve.draw(NEWS, erased, f"of {erased}")[0] == 200
    assert files_that_hold(serve, erased)
    # When
    grave = encode(Communication.of_grave(version(90)))
    producer = make_producer(kafka)
    producer.send(COMMUNICATIONS.name, key=communication_key(WORKSPACE, NEWS, UserId(erased)), value=grave)
    producer.close()
    # Then
    wait_until(lambda: serve.metric("foresend_cache_erasures_total") == 1, PATIENCE_S, "the erasure to be purged")
    assert serve.metric("foresend_cache_erasure_seconds") < 5
    assert files_that_hold(serve, erased) == []
    assert cached_users(serve) == sorted(USERS)
    assert serve.draw(NEWS, erased, f"of {erased}")[0] == 410
    assert serve.draw(NEWS, USERS[0], "another's")[0] == 200


def files_that_hold(serve: ServeProcess, word: str) -> list[str]:
    files = [file for file in serve.cache.rglob("*") if file.is_file()]
    return [file.name for file in files if word.encode() in file.read_bytes()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_the_last_exposure_out(
    broker: Broker, serve: ServeProcess, number: signal.Signals
) -> None:
    assert serve.draw(NEWS, USERS[0], f"last-{number.name}")[0] == 200
    serve.child.signal(number)
    assert serve.child.wait(PATIENCE_S) == 0
    assert f"last-{number.name}" in exposed_sends(broker)


def exposed_sends(broker: Broker) -> set[str]:
    events = (decode_event(record.value) for record in read_log(KafkaSettings(broker.bootstrap), EVENTS.name))
    return {event.exposure.send_id for event in events if event.exposure}


def topics_of(kafka: KafkaSettings) -> list[str]:
    with admin(kafka) as client:
        return list(client.list_topics())


def pretend_last_seen(cache: Path, at_ms: int) -> None:
    store = CacheStore(cache)
    batch = store.batch()
    batch.put(META, KEPT_UP.encode(), pack_number(at_ms))
    store.commit(batch)
    store.close()
