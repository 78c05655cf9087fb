"""The generated files of deploy/k8s/base, as texts."""

from pathlib import Path

from foresend.kubernetes.kafka import topic_manifests, user_manifests
from foresend.kubernetes.rules import rule_manifests
from foresend.kubernetes.yaml_text import yaml_text

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy/k8s/base"
RULES = ROOT / "deploy/prometheus/rules"
_HEAD = "# Written by `python -m foresend.kubernetes` from {source}.\n"


def files(rules: Path = RULES) -> dict[str, str]:
    """Each generated file by its name."""
    made = {
        "kafka-topics.yaml": ("schemas/topics.py", topic_manifests()),
        "kafka-users.yaml": ("foresend/kubernetes/kafka.py", user_manifests()),
        "prometheus-rules.yaml": ("deploy/prometheus/rules", rule_manifests(rules)),
    }
    return {name: _HEAD.format(source=source) + yaml_text(manifests) for name, (source, manifests) in made.items()}
