"""What the tests with real programs share: one broker for the run, and topics of one's own in it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from foresend.local.broker import Broker

# A shell starts what it runs in the background deaf to SIGINT, and children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NewTopicName = Callable[..., str]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The run's broker. A test that kills one starts its own: `own_broker`."""
    with Broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that only this test uses, started."""
    with Broker(tmp_path / "own-broker") as running:
        yield running


@pytest.fixture(scope="session")
def admin(broker: Broker) -> Iterator[KafkaAdminClient]:
    """An admin client of the run's broker."""
    client = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    yield client
    client.close()


_numbers = count(1)


@pytest.fixture
def new_topic(admin: KafkaAdminClient) -> NewTopicName:
    """Makes a topic with a name nobody else has, and returns the name: `new_topic("events", partitions=4)`."""

    def make(stem: str, partitions: int = 1, **settings: str) -> str:
        name = f"{stem}-{os.getpid()}-{next(_numbers)}"
        configs = {key.replace("_", "."): value for key, value in settings.items()}
        admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        return name

    return make


@pytest.fixture
def now_ms() -> int:
    """The wall clock: real programs refuse events that are too old or from the future."""
    return time.time_ns() // 1_000_000
