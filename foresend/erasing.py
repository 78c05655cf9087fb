"""Erasing a person on request: ask for it, wait until it is done, look once more, and say in writing what was found."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from connectors.collector.record_ids import new_record_id
from connectors.collector.rights_used import GatewayOwner, UsedRight
from connectors.erasure.erased import Erased, erased_record, read_erased, user_hmac
from connectors.erasure.eraser import wait_until_applied
from connectors.erasure.sweep import SWEPT, living_records, sweep
from connectors.http.client import HttpClient, HttpUnavailable
from connectors.kafka.clients import broker_errors, make_producer
from connectors.kafka.event_records import event_record
from connectors.kafka.log_reader import newest_of, read_log
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import current_world
from schemas import topics
from schemas.codec import decode
from schemas.errors import ConfigError
from schemas.events import Event, EventKind
from schemas.ids import EventId, UserId, WorkspaceId
from schemas.keys import user_key
from schemas.profiles import ToldProfile
from schemas.rights import Asked, RightKind
from schemas.versions import TOMBSTONE_AFTER_MS

ACKNOWLEDGE_S = 30.0
HTTP_PORT, HTTPS_PORT = 80, 443


@dataclass(frozen=True)
class Place:
    """One place where a person may be found.

    found   living records, 0 for nothing; None where nobody could look
    due_by  when the last of it ages out by itself; None where nothing need
    """

    name: str
    found: int | None
    checked_at: str
    due_by: str | None


@dataclass(frozen=True)
class Certificate:
    """What `foresend erase --certificate` prints. It names the person by an HMAC only."""

    user_hmac: str
    requested_at: str
    places: tuple[Place, ...]
    complete: bool

    def as_json(self) -> dict[str, Any]:
        """The keys of figures.md."""
        return asdict(self)


@dataclass(frozen=True)
class Installation:
    """Where to look.

    source     the topic that the job reads
    job_group  the group under which it says how far it has come
    gateway    address of a gateway: erasures hold there before anything else, and it is asked what it still knows;
               empty: neither
    api_key    for it, with the rights `rights` and `read`
    """

    kafka: KafkaSettings
    secret: bytes
    job_group: str
    source: topics.Topic = topics.EVENTS
    gateway: str = ""
    api_key: str = ""


def erase(
    where: Installation, workspace: WorkspaceId, user: UserId, *, wait_s: float, clock_ms: Callable[[], int]
) -> Certificate:
    """Erase a person and every id that is linked to the person.

    wait_s  how long the job may take until a checkpoint of it knows

    Raises:
        OwnerUnavailable: the gateway that is named did not say that it holds there; nothing was asked for, do it again.
        BrokerUnavailable: Kafka does not answer; do it again.
    """
    requested_ms = clock_ms()
    ids = [user, *_linked(where, workspace, user)]
    _hold(where, workspace, ids, requested_ms)
    _ask(where, [Erased(workspace, one, requested_ms) for one in ids])
    is_applied = all(
        wait_until_applied(
            where.kafka, where.job_group, Erased(workspace, one, requested_ms), threading.Event(), wait_s, where.source
        )
        for one in ids
    )
    if is_applied:
        for one in ids:
            # A gateway writes to `events`, also where the job reads a replay.
            for topic in SWEPT:
                sweep(where.kafka, topic, workspace, one)
            if where.source is not topics.EVENTS:
                sweep(where.kafka, where.source, workspace, one, clock_ms())
    places = _places(where, workspace, ids, is_applied=is_applied, clock_ms=clock_ms)
    return Certificate(
        user_hmac(where.secret, workspace, user),
        _text(requested_ms),
        tuple(places),
        is_applied and all(place.found == 0 or place.due_by for place in places),
    )


def reapply(where: Installation, clock_ms: Callable[[], int]) -> int:
    """Ask once more for every erasure on the list: for a job that was restored from before some of them.

    Returns how many were asked for.

    Raises:
        StateCorrupt: a row was sealed with another secret.
        BrokerUnavailable: Kafka does not answer; do it again.
    """
    rows = {record.key: record.value for record in read_log(where.kafka, topics.ERASED.name) if record.value}
    listed = [read_erased(where.secret, key, value) for key, value in rows.items()]
    _ask(where, [one._replace(at_ms=clock_ms()) for one in listed])
    return len(listed)


def _hold(where: Installation, workspace: WorkspaceId, ids: Sequence[UserId], at_ms: int) -> None:
    """Have the erasure hold at the node that acts for each id: from then on nothing is sent to the person."""
    if not where.gateway:
        return
    _gateway_of(where)
    asked = Asked(RightKind.ERASE, at_ms)
    keys = {workspace: where.api_key} if where.api_key else {}

    async def ask() -> None:
        owner = GatewayOwner(where.gateway, keys)
        try:
            await owner.ask([UsedRight(workspace, one, asked) for one in ids])
        finally:
            owner.close()

    asyncio.run(ask())


def _linked(where: Installation, workspace: WorkspaceId, user: UserId) -> tuple[UserId, ...]:
    """Other ids of the person, as the job told them last."""
    told = newest_of(where.kafka, topics.PROFILES, user_key(workspace, user))
    return tuple(UserId(one) for one in decode(ToldProfile, told).linked) if told else ()


def _ask(where: Installation, erasures: Sequence[Erased]) -> None:
    """Put people on the list, and the event that forgets them into the log: both or the list alone, never less."""
    world = current_world(where.kafka)
    producer = make_producer(where.kafka, linger_ms=5)
    try:
        with broker_errors("an erasure is asked for"):
            rows = [erased_record(where.secret, one) for one in erasures]
            listed = [producer.send(topics.ERASED.name, key=key, value=value, partition=0) for key, value in rows]
            for future in listed:
                future.get(ACKNOWLEDGE_S)
            asked = []
            for one in erasures:
                record_id = new_record_id(one.at_ms)
                event = Event(
                    workspace=one.workspace,
                    user=one.user,
                    record_id=record_id,
                    id=EventId(record_id),
                    kind=EventKind.ERASE,
                    at_ms=one.at_ms,
                    received_ms=one.at_ms,
                    world=world,
                    properties={"listed": True},
                )
                partition, key, value = event_record(event)
                asked.append(
                    producer.send(where.source.name, key=key, value=value, partition=partition, timestamp_ms=one.at_ms)
                )
            for future in asked:
                future.get(ACKNOWLEDGE_S)
    finally:
        producer.close()


def _places(
    where: Installation,
    workspace: WorkspaceId,
    ids: Sequence[UserId],
    *,
    is_applied: bool,
    clock_ms: Callable[[], int],
) -> list[Place]:
    def aged(found: int | None, name: str, after_ms: int | None) -> Place:
        now_ms = clock_ms()
        return Place(name, found, _text(now_ms), None if after_ms is None else _text(now_ms + after_ms))

    compacted_ms = topics.COMPACTION_LAG_MAX_MS + topics.DAY_MS
    places = []
    for topic in SWEPT if where.source is topics.EVENTS else (where.source, *SWEPT):
        found = sum(len(living_records(where.kafka, topic, workspace, one)) for one in ids)
        places.append(aged(found, f"topic {topic.name}", compacted_ms if is_applied else None))
    for topic in (topics.COMMUNICATIONS, topics.PROFILES):
        # What is there now are graves: they hold a version and no content, and are removed in an hour.
        found = sum(len(living_records(where.kafka, topic, workspace, one)) for one in ids)
        places.append(aged(found, f"topic {topic.name}", TOMBSTONE_AFTER_MS + compacted_ms if is_applied else None))
    places += [
        aged(None, f"topic {topic.name}", _retention_ms(topic) + topics.DAY_MS)
        for topic in (topics.RELAYS, topics.WEBHOOKS, topics.DEAD_LETTERS)
    ]
    places.append(aged(0 if is_applied else None, "state of the job", TOMBSTONE_AFTER_MS if is_applied else None))
    places.append(aged(None, "checkpoints and savepoints from before", None if not is_applied else TOMBSTONE_AFTER_MS))
    places.append(aged(_found_in_cache(where, ids), "cache", None))
    return places


def _retention_ms(topic: topics.Topic) -> int:
    return int(topic.config["retention.ms"])


def _found_in_cache(where: Installation, ids: Sequence[UserId]) -> int | None:
    """How many of the ids a gateway still knows; None where none was asked or none answered."""
    if not where.gateway:
        return None
    try:
        return asyncio.run(_known(where, ids))
    except HttpUnavailable:
        return None


async def _known(where: Installation, ids: Sequence[UserId]) -> int:
    host, port, tls = _gateway_of(where)
    headers = [("authorization", f"Bearer {where.api_key}")] if where.api_key else []
    known = 0
    async with HttpClient(host, port, tls=tls) as client:
        for one in ids:
            reply = await client.request("GET", f"/v1/users/{quote(one, safe='')}/features", headers=headers)
            known += reply.status not in (HTTPStatus.GONE, HTTPStatus.NOT_FOUND)
    return known


def _gateway_of(where: Installation) -> tuple[str, int, ssl.SSLContext | None]:
    parts = urlsplit(where.gateway)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"--gateway: expected an address as http://127.0.0.1:8090, got {where.gateway!r}")
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    return parts.hostname, parts.port or (HTTP_PORT if tls is None else HTTPS_PORT), tls


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
