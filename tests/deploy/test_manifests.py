"""Every rendered manifest is one that Kubernetes takes, field by field; a wrong field in any kind is caught."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import ROOT
from tests.support.kubernetes import CUSTOM_KINDS, NEWEST, OLDEST, Manifest, at, mappings, problems, rendered
from tests.support.manifests import OVERLAYS

KINDS = (
    "ConfigMap",
    "CronJob",
    "Deployment",
    "FlinkDeployment",
    "Ingress",
    "Kafka",
    "KafkaNodePool",
    "KafkaTopic",
    "KafkaUser",
    "Namespace",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "PodMonitor",
    "PrometheusRule",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
    "StatefulSet",
)
POD = ("spec", "template", "spec")
WRONG: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "ConfigMap": (("data", "A"), 1),
    "CronJob": (("spec", "schedule"), 5),
    "Deployment": (("spec", "replicas"), "two"),
    "FlinkDeployment": (("spec", "job", "upgradeMode"), "newest-state"),
    "Ingress": (("spec", "rules", 0, "http", "paths", 0, "pathType"), None),
    "Kafka": (("spec", "kafka", "listeners", 0, "port"), 80),
    "KafkaNodePool": (("spec", "roles"), ["brokers"]),
    "KafkaTopic": (("spec", "partitions"), 0),
    "KafkaUser": (("spec", "authorization", "acls", 0, "operations"), ["Reads"]),
    "Namespace": (("metadata", "labels"), ["enforce"]),
    "NetworkPolicy": (("spec", "policyTypes"), "Ingress"),
    "PersistentVolumeClaim": (("spec", "accessModes"), "ReadWriteOnce"),
    "PodDisruptionBudget": (("spec", "selector", "matchLabels"), "serve"),
    "PodMonitor": (("spec", "podMetricsEndpoints", 0, "interval"), "often"),
    "PrometheusRule": (("spec", "groups", 0, "rules", 0, "expr"), None),
    "Role": (("rules", 0, "verbs"), "get"),
    "RoleBinding": (("roleRef", "name"), None),
    "Service": (("spec", "ports", 0, "port"), "http"),
    "ServiceAccount": (("automountServiceAccountToken",), "no"),
    "StatefulSet": ((*POD, "containers", 0, "ports", 0, "containerPort"), "http"),
}
"""A value of each kind that is refused. None: the field is taken away."""


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_is_valid(overlay: str, version: str) -> None:
    manifests = rendered(overlay)

    assert manifests
    assert [problem for one in manifests for problem in problems(one, version)] == []


def test_the_kinds_are_those_that_are_tested() -> None:
    assert sorted({one["kind"] for overlay in OVERLAYS for one in rendered(overlay)}) == sorted(KINDS) == sorted(WRONG)


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_nobody_knows_is_caught_wherever_it_stands(kind: str) -> None:
    manifest = _first(kind)
    places = list(mappings(manifest))
    taken = [place for place in places if not _with(manifest, (*place, "unheardOf"), 1)]

    assert places
    assert taken == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_value_is_caught(kind: str) -> None:
    manifest = _first(kind)
    path, value = WRONG[kind]

    assert problems(manifest) == []
    assert _with(manifest, path, value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_version_of_a_kind_is_caught(kind: str) -> None:
    manifest = _first(kind)
    manifest["apiVersion"] = manifest["apiVersion"].rpartition("/")[0] + "/v9"

    with pytest.raises((FileNotFoundError, AssertionError)):
        assert problems(manifest) == []


@pytest.mark.stack
def test_schemas_of_custom_kinds_are_those_of_the_published_packages(tmp_path: Path) -> None:
    program = ROOT / "tests/support/custom_kinds.py"

    subprocess.run([sys.executable, str(program), str(tmp_path / "made.json")], check=True, timeout=280)

    made = json.loads((tmp_path / "made.json").read_text(encoding="utf-8"))
    assert made == json.loads(CUSTOM_KINDS.read_text(encoding="utf-8"))


def _first(kind: str) -> Manifest:
    return next(one for overlay in reversed(OVERLAYS) for one in rendered(overlay) if one["kind"] == kind)


def _with(manifest: Manifest, path: tuple[str | int, ...], value: Any) -> list[str]:
    """The problems of it with one value changed, and changed back."""
    holder, key = at(manifest, path[:-1]), path[-1]
    before = holder.get(key, ...) if isinstance(holder, dict) else holder[key]
    if value is None:
        del holder[key]
    else:
        holder[key] = value
    found = problems(manifest)
    if before is ...:
        del holder[key]
    else:
        holder[key] = before
    return found
