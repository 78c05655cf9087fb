"""A Kafka that does not answer; what a living one says is in tests/stack/test_doctor.py."""

import socket
from collections.abc import Iterator

import pytest

from connectors.kafka.settings import KafkaSettings
from foresend.doctor.findings import Finding
from foresend.doctor.kafka_checks import EXPECTED, kafka_findings

HERE = "127.0.0.1"


@pytest.fixture
def closed() -> int:
    with socket.create_server((HERE, 0)) as door:
        return int(door.getsockname()[1])


@pytest.fixture
def mute() -> Iterator[int]:
    """Somebody who listens, takes connections, and says nothing."""
    with socket.create_server((HERE, 0)) as door:
        yield door.getsockname()[1]


def asked(bootstrap: str) -> list[Finding]:
    return list(kafka_findings(KafkaSettings(bootstrap, connect_ms=500), lambda: 0))


def test_a_broker_that_is_down_and_all_that_cannot_be_asked_then(closed: int) -> None:
    found = asked(f"{HERE}:{closed}")

    assert [one.check for one in found] == list(EXPECTED)
    assert not any(one.ok for one in found)
    assert found[0].found == f"{HERE}:{closed}: nobody listens there"
    assert "foresend local up" in found[0].mend
    assert {one.mend for one in found[1:]} == {"mend kafka.broker, and ask again"}


def test_each_server_is_told(closed: int, mute: int) -> None:
    found = asked(f"{HERE}:{mute},{HERE}:{closed}")[0]

    assert not found.ok
    assert str(closed) in found.found
    assert str(mute) not in found.found


def test_a_name_that_nobody_has() -> None:
    assert "no such name" in asked("kafka.invalid:9092")[0].found


def test_something_that_is_not_kafka(mute: int) -> None:
    found = asked(f"{HERE}:{mute}")

    assert [one.ok for one in found] == [False]
    assert "listens, but" in found[0].found
    assert "FORESEND_KAFKA_SECURITY_PROTOCOL" in found[0].mend
