"""Everything that topics hold of a person, in words; from the same tables that say where personal data may be."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from connectors.cache.releases import OpenRelease
from connectors.gateway.marks import LOOK_MARKS
from connectors.kafka.log_reader import newest_of, read_log
from connectors.kafka.partitioning import event_partition
from connectors.kafka.settings import KafkaSettings
from schemas import topics
from schemas.codec import decode
from schemas.decisions import Communication
from schemas.errors import SchemaError
from schemas.events import decode_event
from schemas.examples import Example
from schemas.ids import UserId, WorkspaceId
from schemas.keys import split_key, user_key
from schemas.profiles import ToldProfile


def export(kafka: KafkaSettings, source: topics.Topic, workspace: WorkspaceId, user: UserId) -> dict[str, Any]:
    """A person's profile, events, messages as they stand ready, and what was learnt from; empty where nothing is.

    Ids that were linked to the person are exported with it.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    profile = _profile(kafka, workspace, user)
    ids = [user, *(UserId(one) for one in profile.linked)] if profile else [user]
    found: dict[str, Any] = {
        "profile": _in_words(profile) if profile else None,
        "events": [event for one in ids for event in _events(kafka, source, workspace, one)],
        "messages": _messages(kafka, workspace, set(ids)),
        "examples": [example for one in ids for example in _examples(kafka, workspace, one)],
    }
    if not any(found.values()):
        return {}
    return {"workspace": workspace, "user": user, **found}


def _profile(kafka: KafkaSettings, workspace: WorkspaceId, user: UserId) -> ToldProfile | None:
    newest = newest_of(kafka, topics.PROFILES, user_key(workspace, user))
    told = decode(ToldProfile, newest) if newest else None
    return None if told is None or told.grave else told


def _events(kafka: KafkaSettings, source: topics.Topic, workspace: WorkspaceId, user: UserId) -> list[Any]:
    rows = _newest(kafka, source, _begins(workspace, user), [event_partition(workspace, user)])
    return [_in_words(decode_event(value)) for value in rows]


def _messages(kafka: KafkaSettings, workspace: WorkspaceId, ids: set[UserId]) -> list[Any]:
    """The texts of every candidate that stands ready."""
    rows = _newest(kafka, topics.COMMUNICATIONS, lambda key: _user_of(key, workspace) in ids)
    entries = [decode(Communication, value) for value in rows]
    releases = _releases(kafka, workspace) if any(entry.decision for entry in entries) else {}
    found = []
    for entry in entries:
        decision = entry.decision
        release = releases.get(decision.release) if decision else None
        if decision is None or release is None:
            continue
        for body, candidate in zip(entry.bodies, decision.candidates, strict=True):
            message = release.opener.open(body, decision.template, decision.locale).filled(LOOK_MARKS)
            found.append({
                "template": decision.template,
                "probability": candidate.probability,
                "subject": message.subject,
                "text": message.text.decode(),
            })  # fmt: skip
    return found


def _examples(kafka: KafkaSettings, workspace: WorkspaceId, user: UserId) -> list[Any]:
    return [_in_words(decode(Example, value)) for value in _newest(kafka, topics.EXAMPLES, _begins(workspace, user))]


def _newest(
    kafka: KafkaSettings, topic: topics.Topic, is_asked_for: Callable[[bytes], bool], partitions: Sequence[int] = ()
) -> list[bytes]:
    """The newest value of every key that is asked for, without those that were removed."""
    rows = {record.key: record.value for record in read_log(kafka, topic.name, partitions) if is_asked_for(record.key)}
    return [value for value in rows.values() if value]


def _begins(workspace: WorkspaceId, user: UserId) -> Callable[[bytes], bool]:
    beginning = user_key(workspace, user) + b"|"
    return lambda key: key.startswith(beginning)


def _releases(kafka: KafkaSettings, workspace: WorkspaceId) -> dict[str, OpenRelease]:
    found = {}
    for record in read_log(kafka, topics.LIBRARY.name):
        if record.value and split_key(record.key, 2)[0] == workspace:
            opened = OpenRelease.of(record.value)
            found[str(opened.release.id)] = opened
    return found


def _user_of(key: bytes, workspace: WorkspaceId) -> str | None:
    try:
        owner, _, user = split_key(key, 3)
    except SchemaError:
        return None
    return user if owner == workspace else None


def _in_words(value: Any) -> Any:
    """Shapes as maps from the names of their fields."""
    if isinstance(value, msgspec.Struct):
        return {name: _in_words(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {str(key): _in_words(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_words(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value
