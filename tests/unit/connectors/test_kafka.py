"""Settings of Kafka and who owns a user; the clients themselves are tested in tests/stack."""

from dataclasses import replace

import pytest
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from connectors.kafka.clients import broker_errors
from connectors.kafka.partitioning import event_partition, partition_of_key
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable
from schemas.ids import RecordId, UserId, WorkspaceId
from schemas.keys import event_key
from schemas.topics import PARTITIONS

SHOP = WorkspaceId("shop")


@pytest.mark.parametrize(
    ("key", "java_hash"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"abc", 479470107),
    ],
)
def test_a_key_goes_where_javas_partitioner_sends_it(key: bytes, java_hash: int) -> None:
    # The hashes are those of Kafka's own UtilsTest.
    assert partition_of_key(key, PARTITIONS) == (java_hash & 0x7FFFFFFF) % PARTITIONS


def test_all_records_of_a_user_are_in_one_partition_whatever_their_keys() -> None:
    owner = event_partition(SHOP, UserId("anna"))
    by_record = {partition_of_key(event_key(SHOP, UserId("anna"), RecordId(str(number)))) for number in range(100)}
    assert owner == partition_of_key(b"shop|anna")
    assert len(by_record) > 1


def test_good_settings_have_no_problems() -> None:
    assert KafkaSettings("one:9092,two:9092").problems() == []


def test_all_problems_are_told_together() -> None:
    settings = KafkaSettings("nowhere", security_protocol="SASL_SSL", sasl_mechanism="MAGIC", replication=0)
    assert [problem.split(":")[0] for problem in settings.problems()] == [
        "kafka.bootstrap",
        "kafka.replication",
        "kafka.sasl_mechanism",
        "kafka.sasl_username, kafka.sasl_password",
    ]


@pytest.mark.parametrize("bootstrap", ["", "host", "host:", ":9092", "host:0", "host:70000", "host:x", "a:1,"])
def test_an_address_without_host_or_port_is_refused(bootstrap: str) -> None:
    assert len(KafkaSettings(bootstrap).problems()) == 1


def test_a_mechanism_without_sasl_would_be_ignored_and_is_refused() -> None:
    settings = KafkaSettings("host:9092", sasl_mechanism="PLAIN")
    assert settings.problems()
    assert replace(settings, sasl_mechanism="").problems() == []


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(KafkaSettings("host:9092", sasl_password="secret"))


def test_an_error_that_will_pass_is_named_so_and_another_is_not() -> None:
    with pytest.raises(BrokerUnavailable), broker_errors("testing"):
        raise KafkaTimeoutError
    with pytest.raises(TopicAuthorizationFailedError), broker_errors("testing"):
        raise TopicAuthorizationFailedError
