"""Prometheus' rules as resources of its operator: the same groups that deploy/prometheus loads from files."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

API = "monitoring.coreos.com/v1"
LABELS = {"app.kubernetes.io/name": "foresend", "app.kubernetes.io/part-of": "foresend"}


def rule_manifests(folder: Path) -> list[dict[str, Any]]:
    """A `PrometheusRule` for each file of rules."""
    return [
        {
            "apiVersion": API,
            "kind": "PrometheusRule",
            "metadata": {"name": f"foresend-{file.stem}", "labels": LABELS},
            "spec": {"groups": YAML(typ="safe").load(file)["groups"]},
        }
        for file in sorted(folder.glob("*.yaml"))
    ]
