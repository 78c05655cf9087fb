"""Kafka clients with the options on which the promises of this project rest."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError, RetriableError

from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerUnavailable
from schemas.topics import RECORD_BYTES_MAX

RECONNECT_MS_MAX = 1_000
"""Longest pause between attempts to reach a broker that is away: it bounds how long a recovery goes unseen."""
REQUEST_OVERHEAD_BYTES = 64 * 1024


def _common(settings: KafkaSettings) -> dict[str, Any]:
    optional = {
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": settings.sasl_password,
        "ssl_cafile": settings.ssl_cafile,
        "ssl_certfile": settings.ssl_certfile,
        "ssl_keyfile": settings.ssl_keyfile,
    }
    return {
        "bootstrap_servers": settings.bootstrap.split(","),
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": settings.connect_ms,
        "reconnect_backoff_max_ms": RECONNECT_MS_MAX,
        **{name: value for name, value in optional.items() if value},
    }


@contextmanager
def broker_errors(what: str) -> Iterator[None]:
    """Name the errors of kafka-python that only say that Kafka does not answer, for now.

    Raises:
        BrokerUnavailable: in their place.
    """
    try:
        yield
    except RetriableError as error:
        raise BrokerUnavailable(f"expected Kafka to answer while {what}, got {_named(error)}") from error


def _named(error: KafkaError) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def make_producer(settings: KafkaSettings, **options: Any) -> KafkaProducer:
    """A producer whose future resolves when every replica that must have the record has it.

    Raises:
        BrokerUnavailable: no broker answers.
    """
    chosen = {
        "acks": "all",
        "enable_idempotence": True,
        "allow_auto_create_topics": False,
        "max_request_size": 2 * RECORD_BYTES_MAX + REQUEST_OVERHEAD_BYTES,
        "metrics_enabled": False,
        **options,
    }
    with broker_errors("a producer connects"):
        return KafkaProducer(**_common(settings), **chosen)


def close_behind(producer: KafkaProducer, delivery_ms: int) -> None:
    """Close a producer without waiting for it: what it still holds it delivers or gives up in time.

    kafka-python's own `close` leaves its thread running for ever when it is given less time than that.
    """
    grace_s = 2 * delivery_ms / 1000
    threading.Thread(target=producer.close, args=(grace_s,), name="close-producer", daemon=True).start()


def make_consumer(settings: KafkaSettings, **options: Any) -> KafkaConsumer:
    """A consumer that commits only when told to.

    Raises:
        BrokerUnavailable: no broker answers.
    """
    chosen = {
        "enable_auto_commit": False,
        "allow_auto_create_topics": False,
        "max_partition_fetch_bytes": RECORD_BYTES_MAX + REQUEST_OVERHEAD_BYTES,
        "metrics_enabled": False,
        **options,
    }
    with broker_errors("a consumer connects"):
        return KafkaConsumer(**_common(settings), **chosen)


@contextmanager
def admin(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """An admin client for the length of a `with` block.

    Raises:
        BrokerUnavailable: no broker answers.
    """
    with broker_errors("an admin client connects"):
        client = KafkaAdminClient(**_common(settings))
    try:
        yield client
    finally:
        client.close()
