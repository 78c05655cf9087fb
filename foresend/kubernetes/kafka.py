"""Strimzi's topics and users, from the table of topics and from one of who may do what with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foresend.jobs import group_of
from schemas import topics
from schemas.topics import TOPICS, Topic

API = "kafka.strimzi.io/v1"
CLUSTER = "foresend"
REPLICAS = 3
IN_SYNC_MIN = 2
"""One broker of three may be away, and everything acknowledged is on two disks."""
LABELS = {"app.kubernetes.io/name": "foresend", "app.kubernetes.io/part-of": "foresend", "strimzi.io/cluster": CLUSTER}
EVERY = "*"


@dataclass(frozen=True)
class Access:
    """What one program may do. All may see which topics there are, for each looks whether they are as they must be.

    reads, writes  topics
    groups         consumer groups in which it reads, or of which it asks how far they are
    """

    program: str
    reads: Sequence[Topic]
    writes: Sequence[Topic]
    groups: Sequence[str] = field(default=())

    @property
    def user(self) -> str:
        """Its name in Kafka, which is that of its Secret too."""
        return f"foresend-{self.program}"


_WORLD = (topics.LIBRARY, topics.MODELS, topics.CATALOGUE)
JOB_GROUP = group_of(topics.EVENTS.name)
ACCESS = (
    Access(
        "collect",
        # A sweep of an erased person reads what it then removes.
        reads=(*_WORLD, topics.RELAYS, topics.ERASED, topics.EVENTS, topics.COMMUNICATIONS, topics.EXAMPLES),
        writes=(
            *(topics.EVENTS, topics.WEBHOOKS, topics.DEAD_LETTERS, topics.CATALOGUE),
            *(topics.COMMUNICATIONS, topics.EXAMPLES, topics.ERASED),
        ),
        groups=("foresend-collect", "foresend-relay", "foresend-eraser", JOB_GROUP),
    ),
    Access(
        "serve",
        reads=(*_WORLD, topics.COMMUNICATIONS, topics.PROFILES, topics.SUPPRESSIONS, topics.TRIGGERS),
        writes=(topics.EVENTS, topics.DEAD_LETTERS),
    ),
    Access("inbound", reads=_WORLD, writes=(topics.EVENTS, topics.WEBHOOKS, topics.DEAD_LETTERS)),
    Access(
        "job",
        reads=(*_WORLD, topics.EVENTS, topics.ERASED),
        writes=(
            *(topics.COMMUNICATIONS, topics.PROFILES, topics.EXAMPLES, topics.RELAYS, topics.SUPPRESSIONS),
            *(topics.MODELS, topics.DEAD_LETTERS),
        ),
        groups=(JOB_GROUP,),
    ),
    Access("train", reads=(*_WORLD, topics.EVENTS, topics.EXAMPLES), writes=(topics.MODELS,)),
    # Releases, imports, erasures, exports: whoever may start its pod may do all of it.
    Access("tools", reads=TOPICS, writes=TOPICS, groups=(EVERY,)),
)


def topic_manifests() -> list[dict[str, Any]]:
    """A `KafkaTopic` for each row of the table."""
    return [_topic(topic) for topic in TOPICS]


def user_manifests() -> list[dict[str, Any]]:
    """A `KafkaUser` for each program: a password of its own, and no right that it does not use."""
    return [_user(access) for access in ACCESS]


def _topic(topic: Topic) -> dict[str, Any]:
    config: Mapping[str, str | int] = {**topic.config, "min.insync.replicas": IN_SYNC_MIN}
    return {
        "apiVersion": API,
        "kind": "KafkaTopic",
        # Names of Kubernetes know no underscore.
        "metadata": {"name": topic.name.replace("_", "-"), "labels": LABELS},
        "spec": {
            "topicName": topic.name,
            "partitions": topic.partitions,
            "replicas": REPLICAS,
            "config": {name: _number(value) for name, value in sorted(config.items())},
        },
    }


def _number(value: str | int) -> str | int:
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _user(access: Access) -> dict[str, Any]:
    rules = [_rule("topic", EVERY, "Describe")]
    for topic in TOPICS:
        operations = [
            operation
            for operation, allowed in (("Read", access.reads), ("Write", access.writes))
            if any(topic.name == one.name for one in allowed)
        ]
        if operations:
            rules.append(_rule("topic", topic.name, *operations))
    rules += [_rule("group", group, "Describe", "Read") for group in access.groups]
    return {
        "apiVersion": API,
        "kind": "KafkaUser",
        "metadata": {"name": access.user, "labels": LABELS},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": rules},
        },
    }


def _rule(kind: str, name: str, *operations: str) -> dict[str, Any]:
    return {
        "resource": {"type": kind, "name": name, "patternType": "literal"},
        "operations": list(operations),
    }
