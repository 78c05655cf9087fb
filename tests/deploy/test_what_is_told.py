"""What docs/deploy/kubernetes.md says of things in the cluster is so: their names, kinds, keys and settings."""

import re

import pytest

from foresend.kubernetes.kafka import ACCESS
from foresend.kubernetes.secrets import secret_manifests
from schemas.ids import WorkspaceId
from tests.support import documents
from tests.support.manifests import one, pod_of, rendered

PAGE = documents.ROOT / "docs/deploy/kubernetes.md"
COMMANDS = [command.text for command in documents.commands(PAGE) if "kubectl" in command.text]
MADE_THERE = {("Job", "tools"), ("Pod", "tools")}
KINDS = {
    "kafka": "Kafka",
    "statefulset": "StatefulSet",
    "deployment": "Deployment",
    "cronjob": "CronJob",
    "job": "Job",
    "service": "Service",
    "flinkdeployment": "FlinkDeployment",
}
_THING = re.compile(rf"\b({'|'.join(KINDS)})[/ ]([a-z][a-z0-9-]+)")


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_names_is_there(command: str) -> None:
    there = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in rendered("dev")} | MADE_THERE
    named = {(KINDS[kind], name) for kind, name in _THING.findall(command) if (kind, name) != ("job", "tools")}

    assert named <= there


def test_the_commands_name_most_of_what_is_there() -> None:
    named = {(KINDS[kind], name) for command in COMMANDS for kind, name in _THING.findall(command)}

    assert {("Kafka", "foresend"), ("CronJob", "foresend-tools"), ("StatefulSet", "foresend-serve")} <= named


def test_the_keys_that_are_asked_for_are_made() -> None:
    asked = {match for command in COMMANDS for match in re.findall(r'index \.data "([^"]+)"', command)}
    (operators,) = (
        m for m in secret_manifests([WorkspaceId("sample")]) if m["metadata"]["name"] == "foresend-operator"
    )

    assert asked
    assert asked <= operators["stringData"].keys()


def test_the_page_tells_every_secret_that_a_pod_mounts() -> None:
    text = PAGE.read_text(encoding="utf-8")
    mounted = {
        source["secret"]["name"]
        for manifest in rendered("prod")
        if manifest["kind"] in {"Deployment", "StatefulSet", "CronJob"}
        for volume in pod_of(manifest)["volumes"]
        for source in volume.get("projected", {}).get("sources", ())
    }
    of_users = {access.user for access in ACCESS}
    (users,) = re.findall(r"^\| (`foresend-collect`, .*?) \| `password` ", text, re.MULTILINE)

    assert all(f"`{name}`" in text for name in mounted - of_users)
    assert {f"foresend{part}" for part in re.findall(r"`(?:foresend)?(-[a-z]+)`", users)} == of_users


def test_the_unpacked_workspace_lies_where_the_commands_look_for_it() -> None:
    for name in ("foresend-train", "foresend-tools"):
        pod = pod_of(one("dev", "CronJob", name))
        (unpacks,) = pod["initContainers"]

        assert unpacks["command"][-1] == "/var/lib/foresend/workspace"
    assert any("release --workspace workspace" in command for command in COMMANDS)
