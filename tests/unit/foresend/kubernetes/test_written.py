"""What is generated is what the tables say; what must be the same in two places is."""

from typing import Any

import pytest
from ruamel.yaml import YAML

from foresend.kubernetes.kafka import ACCESS, IN_SYNC_MIN, topic_manifests, user_manifests
from foresend.kubernetes.rules import rule_manifests
from foresend.kubernetes.writing import BASE, ROOT, RULES, files
from foresend.local.flink_home import SETTINGS, shipped_java_options
from foresend.local.jars import RESOURCES
from schemas.topics import TOPICS

OF_ONE_MACHINE = {
    "taskmanager.memory.process.size",
    "jobmanager.memory.process.size",
    "python.executable",
    "python.client.executable",
}
"""Settings of a local Flink that say nothing of another."""


def base(name: str, kind: str) -> dict[str, Any]:
    (found,) = (one for one in YAML(typ="safe").load_all(BASE / name) if one["kind"] == kind)
    return dict(found)


@pytest.mark.parametrize("name", files())
def test_a_generated_file_is_what_the_tables_say(name: str) -> None:
    """Where this fails: `python -m foresend.kubernetes`."""
    assert (BASE / name).read_text(encoding="utf-8") == files()[name]


def test_every_topic_is_as_in_the_table() -> None:
    found = {one["spec"]["topicName"]: one["spec"] for one in topic_manifests()}

    assert {name: (spec["partitions"], settings_of(spec)) for name, spec in found.items()} == {
        topic.name: (topic.partitions, dict(topic.config)) for topic in TOPICS
    }


def settings_of(spec: dict[str, Any]) -> dict[str, str]:
    found = {name: str(value) for name, value in spec["config"].items()}
    assert found.pop("min.insync.replicas") == str(IN_SYNC_MIN)
    return found


def test_no_program_but_the_tools_may_do_what_it_likes() -> None:
    wide = [
        user["metadata"]["name"]
        for user in user_manifests()
        for rule in user["spec"]["authorization"]["acls"]
        if rule["resource"]["name"] == "*" and rule["operations"] != ["Describe"]
    ]

    assert wide == ["foresend-tools"]


def test_what_somebody_writes_somebody_reads_and_the_other_way_round() -> None:
    programs = [access for access in ACCESS if access.program != "tools"]
    read = {topic.name for access in programs for topic in access.reads}
    written = {topic.name for access in programs for topic in access.writes}

    # Webhooks and dead letters are read by the operator; triggers are written by the brand's own services, and releases
    # by the tools.
    assert written - read == {"webhooks", "dead_letters"}
    assert read - written == {"triggers", "library"}


def test_a_rule_file_is_a_resource_with_the_same_groups() -> None:
    names = {one["metadata"]["name"]: one["spec"]["groups"] for one in rule_manifests(RULES)}

    assert names == {
        f"foresend-{file.stem}": YAML(typ="safe").load(file)["groups"] for file in sorted(RULES.glob("*.yaml"))
    }


def test_flink_runs_with_what_every_flink_of_ours_runs_with() -> None:
    told = base("job.yaml", "FlinkDeployment")["spec"]["flinkConfiguration"]
    expected = {name: value for name, value in SETTINGS.items() if name not in OF_ONE_MACHINE}

    assert {name: told.get(name) for name in expected} == expected
    assert told["env.java.opts.all"] == shipped_java_options()


def test_kafka_is_the_version_that_the_tests_run_against() -> None:
    version = base("kafka.yaml", "Kafka")["spec"]["kafka"]["version"]

    assert f"<version>{version}</version>" in (RESOURCES / "broker/pom.xml").read_text()


def test_both_ways_of_scraping_rename_alike() -> None:
    monitors = [one for one in YAML(typ="safe").load_all(BASE / "monitoring.yaml") if "job" in one["metadata"]["name"]]
    scraped = YAML(typ="safe").load(ROOT / "deploy/prometheus/prometheus.yml")["scrape_configs"][0]
    words = {"sourceLabels": "source_labels", "targetLabel": "target_label"}

    told = monitors[0]["spec"]["podMetricsEndpoints"][0]["metricRelabelings"]

    assert [{words.get(k, k): v for k, v in rule.items()} for rule in told] == scraped["metric_relabel_configs"]
