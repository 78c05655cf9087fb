"""Every Kafka topic in one table: key, partitions, clean-up, retention, purpose, erasure of a person."""

from dataclasses import dataclass, field
from types import MappingProxyType

PARTITIONS = 12
"""Partitions of topics keyed by user. Fixed for life: who owns a key is murmur2 of it modulo this number."""
RECORD_BYTES_MAX = 8 * 1024 * 1024
DAY_MS = 86_400_000
COMPACTION_LAG_MAX_MS = 7 * DAY_MS
"""After this time a tombstone has removed what stood before it, however little is written meanwhile."""


@dataclass(frozen=True)
class Topic:
    """One row of the table.

    key         shape of the record's key (`schemas.keys`)
    config      Kafka's own settings of the topic
    personal    holds data of persons; then `erasure` says how one is removed
    """

    name: str
    key: str
    partitions: int
    purpose: str
    retention: str
    personal: bool
    erasure: str
    config: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))


def _config(**settings: str | int) -> MappingProxyType[str, str]:
    named = {name.replace("_", "."): str(value) for name, value in settings.items()}
    return MappingProxyType({"max.message.bytes": str(RECORD_BYTES_MAX)} | named)


EVENTS = Topic(
    name="events",
    key="workspace|user|record",
    partitions=PARTITIONS,
    purpose="behaviour, exposures, rewards and rights of users, as received",
    retention="90 days",
    personal=True,
    erasure="a tombstone for each record of the user; compaction removes it",
    config=_config(
        cleanup_policy="compact,delete",
        message_timestamp_type="LogAppendTime",
        retention_ms=90 * DAY_MS,
        segment_ms=DAY_MS,
        max_compaction_lag_ms=COMPACTION_LAG_MAX_MS,
    ),
)
COMMUNICATIONS = Topic(
    name="communications",
    key="workspace|template|user",
    partitions=PARTITIONS,
    purpose="each user's finished messages, from the job to the cache",
    retention="newest of each key",
    personal=True,
    erasure="a versioned grave at once, a tombstone after it",
    config=_config(
        cleanup_policy="compact",
        message_timestamp_type="LogAppendTime",
        segment_ms=DAY_MS,
        max_compaction_lag_ms=COMPACTION_LAG_MAX_MS,
        # A cache node that was away for longer must be rebuilt: tombstones it has not read are gone.
        delete_retention_ms=30 * DAY_MS,
    ),
)
LIBRARY = Topic(
    name="library",
    key="workspace|release number",
    partitions=1,
    purpose="releases of variant libraries; an offset names a state of it for ever",
    retention="for ever: keys are unique",
    personal=False,
    erasure="holds no person",
    config=_config(cleanup_policy="compact", message_timestamp_type="LogAppendTime"),
)
MODELS = Topic(
    name="models",
    key="workspace|snapshot number",
    partitions=1,
    purpose="population weights; an offset names a state of it for ever",
    retention="for ever: keys are unique",
    personal=False,
    erasure="holds aggregates only",
    config=_config(cleanup_policy="compact", message_timestamp_type="LogAppendTime"),
)
CATALOGUE = Topic(
    name="catalogue",
    key="workspace|catalogue|item",
    partitions=1,
    purpose="versions of the items of catalogues; an offset names a state of them for as long as events are kept",
    retention="for ever: the newest of each item; older ones for 90 days, as long as an event may name them",
    personal=False,
    erasure="holds no person",
    config=_config(
        cleanup_policy="compact",
        message_timestamp_type="LogAppendTime",
        min_compaction_lag_ms=90 * DAY_MS,
    ),
)
PROFILES = Topic(
    name="profiles",
    key="workspace|user",
    partitions=PARTITIONS,
    purpose="each person's contact part, consent and features in words, from the job to the cache",
    retention="newest of each key",
    personal=True,
    erasure="a versioned grave at once, a tombstone after it",
    config=COMMUNICATIONS.config,
)
EXAMPLES = Topic(
    name="examples",
    key="workspace|user|send",
    partitions=PARTITIONS,
    purpose="what was shown, the features at its decision, and what it earned: what `train` learns from",
    retention="90 days",
    personal=True,
    erasure="a tombstone for each record of the user; compaction removes it",
    config=EVENTS.config,
)
RELAYS = Topic(
    name="relays",
    key="workspace|user",
    partitions=PARTITIONS,
    purpose="events of a linked profile, from the job to the collector, which writes them to `events` for the person",
    retention="1 day",
    personal=True,
    erasure="ages out",
    config=_config(
        cleanup_policy="delete",
        message_timestamp_type="LogAppendTime",
        retention_ms=DAY_MS,
        segment_ms=DAY_MS // 4,
    ),
)
WEBHOOKS = Topic(
    name="webhooks",
    key="workspace|provider|record",
    partitions=PARTITIONS,
    purpose="what mail providers told, whole, before it is understood",
    retention="7 days",
    personal=True,
    erasure="ages out",
    config=_config(
        cleanup_policy="delete",
        message_timestamp_type="LogAppendTime",
        retention_ms=7 * DAY_MS,
        segment_ms=DAY_MS,
    ),
)
TRIGGERS = Topic(
    name="triggers",
    key="workspace|user",
    partitions=PARTITIONS,
    purpose="asks for a message to a person (`schemas.sending.Trigger`), from the brand's services",
    retention="7 days",
    personal=True,
    erasure="ages out",
    config=WEBHOOKS.config,
)
ERASED = Topic(
    name="erased",
    key="HMAC of workspace and person",
    partitions=1,
    purpose="who was erased and when, so that a restored job forgets them again",
    retention="for ever: Art. 17(3)(b) GDPR",
    personal=False,
    erasure="holds nobody's id in clear: an HMAC, and the id sealed with the installation's secret",
    config=_config(cleanup_policy="compact", message_timestamp_type="LogAppendTime"),
)
SUPPRESSIONS = Topic(
    name="suppressions",
    key="workspace|channel|HMAC of the address|reason",
    partitions=1,
    purpose="why an address may not be written to, whoever it belongs to, from the job to every node that sends",
    retention="for ever: Art. 17(3)(b) and 21 GDPR",
    personal=False,
    erasure="holds nobody's address: an HMAC under the installation's secret, a reason and times; it outlives erasure",
    config=_config(cleanup_policy="compact", message_timestamp_type="LogAppendTime"),
)
DEAD_LETTERS = Topic(
    name="dead_letters",
    key="source|partition|offset",
    partitions=1,
    purpose="input that could not be used, whole, with the reason",
    retention="7 days",
    personal=True,
    erasure="ages out",
    config=_config(
        # A refused record of any size that a topic may hold fits in with what stands around it.
        max_message_bytes=2 * RECORD_BYTES_MAX,
        cleanup_policy="delete",
        message_timestamp_type="LogAppendTime",
        retention_ms=7 * DAY_MS,
        # Kafka deletes whole segments, and only those of which the newest record is old enough.
        segment_ms=DAY_MS,
    ),
)

TOPICS = (
    EVENTS,
    COMMUNICATIONS,
    PROFILES,
    EXAMPLES,
    RELAYS,
    TRIGGERS,
    WEBHOOKS,
    ERASED,
    SUPPRESSIONS,
    LIBRARY,
    MODELS,
    CATALOGUE,
    DEAD_LETTERS,
)


def replay_topic(name: str) -> Topic:
    """A topic like `events` whose records carry their own times, for history of any age.

    Retention by time is off: Kafka would compare those times with now and delete at once.
    """
    return Topic(
        name=name,
        key=EVENTS.key,
        partitions=EVENTS.partitions,
        purpose="history, replayed through the job",
        retention="until the topic is deleted",
        personal=True,
        erasure=EVENTS.erasure,
        config=_config(
            cleanup_policy="compact",
            message_timestamp_type="CreateTime",
            segment_ms=(1 << 62),
        ),
    )
