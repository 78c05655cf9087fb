"""What Flink's reporter says of the running job: our names by Prometheus's own rule, and numbers that are true."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from connectors.metrics.job import DEAD_LETTERS, DECISIONS, EVENTS, EXAMPLES, EXPOSURES, JOB, REWARDS, STEP_TIME
from foresend.jobs import job_order
from foresend.local.broker import Broker
from foresend.local.mini_cluster import MiniCluster
from schemas.codec import decode
from schemas.decisions import Communication
from schemas.library import Release
from schemas.topics import replay_topic
from schemas.worlds import WorldRef
from tests.support.events import DAY_MS, MINUTE_MS, START_MS, rated, served
from tests.support.logs import write_heartbeats, write_log, written_communications
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
LOG = replay_topic("counted")
KEY = b"sample|newsletter|ana"
ROOT = Path(__file__).parents[2]
WAIT_S = 90.0
LATE_MS = START_MS + 90 * DAY_MS
Samples = dict[tuple[str, ...], float]


@pytest.fixture
def kafka(own_broker: Broker, sample_release: Release) -> KafkaSettings:
    settings = KafkaSettings(own_broker.bootstrap)
    ensure_topics(settings)
    ensure_topics(settings, [LOG])
    publish_release(settings, sample_release)
    return settings


@pytest.fixture
def job(kafka: KafkaSettings, tmp_path: Path) -> Iterator[MiniCluster]:
    with MiniCluster(tmp_path / "job", {"execution.checkpointing.interval": "1 s"}) as flink:
        flink.run(job_order(kafka, LOG.name, tmp_path / "job"))
        yield flink


def page(job: MiniCluster) -> str:
    (port,) = job.home.metrics.running().values()
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def ours(job: MiniCluster) -> Samples:
    """What Prometheus keeps of it: named by the rule of our own configuration, by the labels of our table."""
    settings = YAML(typ="safe").load(ROOT / "deploy/prometheus/prometheus.yml")
    rule = settings["scrape_configs"][0]["metric_relabel_configs"][0]["regex"]
    labels = {metric.name: metric.labels for metric in JOB}
    found: Samples = {}
    for family in text_string_to_metric_families(page(job)):
        for sample in family.samples:
            if named := re.fullmatch(rule, sample.name):
                own = labels.get(named[1], ("step", "le") if "le" in sample.labels else ("step",))
                key = (named[1], *[sample.labels[label] for label in own])
                assert key not in found, f"two series of one name: {key}"
                found[key] = sample.value
    return found


def test_the_reporter_tells_what_happened_by_the_names_of_the_table(kafka: KafkaSettings, job: MiniCluster) -> None:
    # given a person with a message, who gets it, and a record that nobody can use
    write_log(kafka, LOG.name, [replace(rated("canary"), world=WorldRef(1, 0))], [b"sample|poison|r"])
    wait_until(lambda: KEY in written_communications(kafka), WAIT_S, "a message")
    entry = decode(Communication, written_communications(kafka)[KEY][-1] or b"")
    assert entry.decision is not None
    sent_ms = START_MS + MINUTE_MS
    write_log(kafka, LOG.name, [replace(served(entry.decision, "s1", sent_ms), world=WorldRef(1, 0))])
    # when the time for a reward is over
    write_log(kafka, LOG.name, [replace(rated("jazz", at_ms=LATE_MS), world=WorldRef(1, 0))])
    slots = [slot.slot for slot in entry.decision.slots]
    wait_until(lambda: judged(ours(job)) >= len(slots), WAIT_S, "the learner to judge what was told")
    # then the counters say so, each once
    wait_until(lambda: told_by_beats(kafka, job) == 3, WAIT_S, "the counts of the last second", every_s=1.1)
    found = ours(job)
    assert found[EXPOSURES, "sample", "newsletter"] == 1
    assert found[REWARDS, "sample", "newsletter", "none"] == 1
    assert found[DECISIONS, "sample", "newsletter", "new"] == 1
    assert sum(number for key, number in found.items() if key[:2] == (DEAD_LETTERS, "personalize")) == 1
    assert judged(found) == len(slots)
    assert found[f"{STEP_TIME}_count", "personalize"] == found[f"{STEP_TIME}_bucket", "personalize", "+Inf"] > 0
    # and the table names all of it, and nothing else
    names = {metric.name for metric in JOB} | {f"{STEP_TIME}_{part}" for part in ("bucket", "count", "sum")}
    assert {key[0] for key in found} <= names
    assert "canary" not in page(job), "nothing that people do is a label"


def told_by_beats(kafka: KafkaSettings, job: MiniCluster) -> float:
    """The events that are told. Counts are handed on with a record, once a second: of a quiet log with a heartbeat."""
    write_heartbeats(kafka, LOG.name, LATE_MS)
    return ours(job).get((EVENTS, "sample"), 0)


def judged(found: Samples) -> float:
    return sum(number for key, number in found.items() if key[0] == EXAMPLES)
