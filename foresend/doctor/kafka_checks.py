"""Whether Kafka answers, its topics are those of the table, and its clock is ours. Nothing is written."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from connectors.kafka.clients import admin
from connectors.kafka.settings import KafkaSettings
from foresend.doctor.findings import Finding, fault, fine, unasked
from schemas.errors import BrokerUnavailable
from schemas.topics import TOPICS, Topic

CONNECT_MS = 5_000
SKEW_MS_MAX = 2_000
"""A grant may wait 15 s, a freshness of a second is promised: two seconds between clocks spoil neither."""
BROKER, TOPIC_NAMES, PARTITION_COUNTS = "kafka.broker", "kafka.topics", "kafka.partitions"
LEADERS, TOPIC_SETTINGS, CLOCK = "kafka.leaders", "kafka.topic_settings", "kafka.clock"
EXPECTED = {
    BROKER: "every bootstrap server answers",
    TOPIC_NAMES: f"{len(TOPICS)} topics",
    PARTITION_COUNTS: "each topic with its number of partitions, which is fixed for life",
    LEADERS: "a leader for each partition",
    TOPIC_SETTINGS: "each topic with the settings of schemas/topics.py",
    CLOCK: f"at most {SKEW_MS_MAX / 1000:g} s between Kafka's clock and this machine's",
}
FACTS = "docs/doctor.md#kafka"


def kafka_findings(settings: KafkaSettings, now_ms: Callable[[], int]) -> Iterator[Finding]:
    """All that is asked of Kafka. `now_ms`: this machine's clock."""
    patient = replace(settings, connect_ms=min(settings.connect_ms, CONNECT_MS))
    reached = _reached(patient)
    if not reached.ok:
        yield reached
        yield from (unasked(name, EXPECTED[name], BROKER) for name in EXPECTED if name != BROKER)
        return
    try:
        with admin(patient) as client:
            yield reached
            yield from _topics(client)
            yield _clock(client, now_ms)
    except (BrokerUnavailable, KafkaError, OSError) as error:
        yield _not_spoken(settings, error)


def _reached(settings: KafkaSettings) -> Finding:
    servers = [server.strip() for server in settings.bootstrap.split(",")]
    wrong = [f"{server}: {words}" for server in servers if (words := _unreachable(server, settings.connect_ms))]
    if not wrong:
        return fine(BROKER, f"{settings.bootstrap} answers", EXPECTED[BROKER])
    mend = (
        "start it (on this machine: `foresend local up`), or mend FORESEND_KAFKA_BOOTSTRAP, the name in DNS, "
        "or the firewall between here and there"
    )
    return fault(BROKER, "; ".join(wrong), EXPECTED[BROKER], mend)


def _unreachable(server: str, timeout_ms: int) -> str:
    """Why nobody can be spoken to there; empty where somebody can."""
    host, _, port = server.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_ms / 1000):
            return ""
    except socket.gaierror:
        return "no such name"
    except ConnectionRefusedError:
        return "nobody listens there"
    except TimeoutError:
        return f"no answer in {timeout_ms / 1000:g} s"
    except OSError as error:
        return error.strerror or "no connection"


def _not_spoken(settings: KafkaSettings, error: Exception) -> Finding:
    """Something listens, but it does not answer as Kafka does, or not to us."""
    found = f"{settings.bootstrap} listens, but: {type(error).__name__}: {error}"
    mend = (
        f"see that it is Kafka, that its listener speaks {settings.security_protocol} "
        "(FORESEND_KAFKA_SECURITY_PROTOCOL), and that user, password and certificates are right; then its own log"
    )
    return fault(BROKER, found, EXPECTED[BROKER], mend)


def _topics(client: KafkaAdminClient) -> Iterator[Finding]:
    there = set(client.list_topics())
    missing = [topic.name for topic in TOPICS if topic.name not in there]
    found = f"missing: {', '.join(missing)}" if missing else f"{len(TOPICS)} topics"
    mend = (
        "start `foresend collect` or `foresend serve` once with the right to create topics (on this machine: "
        "`foresend local up`), or create them as schemas/topics.py says; one that may not be described looks missing"
    )
    yield Finding(TOPIC_NAMES, not missing, found, EXPECTED[TOPIC_NAMES], mend if missing else "")
    topics = [topic for topic in TOPICS if topic.name in there]
    told = {one["name"]: one["partitions"] for one in client.describe_topics([topic.name for topic in topics])}
    yield _counts(topics, {name: len(parts) for name, parts in told.items()})
    yield _leaders(
        [f"{name}-{part['partition_index']}" for name in told for part in told[name] if part["leader_id"] < 0]
    )
    yield _settings(client, topics)


def _counts(topics: list[Topic], counts: dict[str, int]) -> Finding:
    """Mutant: hold `>=` against the table; then `test_a_broker_where_all_is_well_and_then_each_fault` fails."""
    wrong = [
        f"{topic.name} has {counts.get(topic.name, 0)}, not {topic.partitions}"
        for topic in topics
        if counts.get(topic.name, 0) != topic.partitions
    ]
    if not wrong:
        return fine(PARTITION_COUNTS, "as in schemas/topics.py", EXPECTED[PARTITION_COUNTS])
    mend = (
        "stop collect, job and serve at once: a person's records go to another partition now. Kafka takes no "
        "partition back: make a topic with the right number anew and bring its records there, or begin in "
        f"another cluster ({FACTS})"
    )
    return fault(PARTITION_COUNTS, "; ".join(wrong), EXPECTED[PARTITION_COUNTS], mend)


def _leaders(without: list[str]) -> Finding:
    if not without:
        return fine(LEADERS, "all have one", EXPECTED[LEADERS])
    return fault(LEADERS, f"none for {', '.join(without)}", EXPECTED[LEADERS], "start the brokers that hold them")


def _settings(client: KafkaAdminClient, topics: list[Topic]) -> Finding:
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name, dict.fromkeys(topic.config)) for topic in topics]
    told = client.describe_configs(asked, config_filter="all").get("topic", {}) if asked else {}
    wrong = []
    commands = []
    for topic in topics:
        values = {name: one["value"] for name, one in told.get(topic.name, {}).items()}
        for name, value in topic.config.items():
            if _parts(values.get(name, "")) != _parts(value):
                wrong.append(f"{topic.name}: {name} is {values.get(name, 'not told')}, not {value}")
                commands.append(f"{topic.name} {name}={value}")
    if not wrong:
        return fine(TOPIC_SETTINGS, "as in schemas/topics.py", EXPECTED[TOPIC_SETTINGS])
    mend = f"set them by kafka-configs --alter --add-config, or where the topics are managed: {'; '.join(commands)}"
    return fault(TOPIC_SETTINGS, "; ".join(wrong), EXPECTED[TOPIC_SETTINGS], mend)


def _parts(value: str) -> set[str]:
    """Of `compact,delete` the order says nothing."""
    return set(value.split(","))


def _clock(client: KafkaAdminClient, now_ms: Callable[[], int]) -> Finding:
    """The quorum's leader tells of itself as caught up *now*, by its own clock (KIP-836)."""
    before = now_ms()
    try:
        told = client.describe_metadata_quorum()["topics"][0]["partitions"][0]
    except KafkaError as error:
        mend = "grant this user DESCRIBE on the cluster; Kafka must be of 3.3 or newer, by KRaft"
        return fault(CLOCK, f"Kafka does not tell its time: {type(error).__name__}", EXPECTED[CLOCK], mend)
    after = now_ms()
    theirs = [
        one["last_caught_up_timestamp"] for one in told["current_voters"] if one["replica_id"] == told["leader_id"]
    ]
    if not theirs or theirs[0] <= 0:
        return fine(CLOCK, "Kafka does not tell its time", EXPECTED[CLOCK])
    # It read its clock between our two readings: only what is outside of them is certainly wrong.
    skew = max(before - theirs[0], 0) or min(after - theirs[0], 0)
    found = f"this machine's is {abs(skew) / 1000:.1f} s {'ahead' if skew > 0 else 'behind'}" if skew else "even"
    if abs(skew) <= SKEW_MS_MAX:
        return fine(CLOCK, found, EXPECTED[CLOCK])
    mend = "let chrony or systemd-timesyncd set the clocks of this machine and of Kafka's (`chronyc tracking` tells)"
    return fault(CLOCK, found, EXPECTED[CLOCK], mend)
