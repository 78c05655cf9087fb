"""What no schema asks: who runs as what, with how much, watched how, and who may talk to whom."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support import kubernetes_policies as policies
from tests.support.kubernetes import Manifest, of_kind, rendered
from tests.support.manifests import OVERLAYS

Policy = Callable[[list[Manifest]], list[str]]
Fault = Callable[[list[Manifest]], Any]


@pytest.mark.parametrize("policy", policies.POLICIES, ids=lambda policy: policy.__name__)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_policy_holds(overlay: str, policy: Policy) -> None:
    assert policy(rendered(overlay)) == []


def _one(manifests: list[Manifest], kind: str, name: str = "") -> Manifest:
    return next(one for one in of_kind(manifests, kind) if name in one["metadata"]["name"])


def _container(manifests: list[Manifest], kind: str = "Deployment") -> dict[str, Any]:
    container: dict[str, Any] = _one(manifests, kind)["spec"]["template"]["spec"]["containers"][0]
    return container


def _pod(manifests: list[Manifest]) -> dict[str, Any]:
    pod: dict[str, Any] = _one(manifests, "StatefulSet")["spec"]["template"]["spec"]
    return pod


def _flink(manifests: list[Manifest]) -> dict[str, Any]:
    spec: dict[str, Any] = _one(manifests, "FlinkDeployment")["spec"]
    return spec


FAULTS: dict[str, tuple[Policy, Fault]] = {
    "root": (policies.privileges, lambda all_: _pod(all_)["securityContext"].update(runAsUser=0)),
    "not said to be nobody": (policies.privileges, lambda all_: _pod(all_)["securityContext"].pop("runAsNonRoot")),
    "any system call": (policies.privileges, lambda all_: _pod(all_)["securityContext"].pop("seccompProfile")),
    "the machine's network": (policies.privileges, lambda all_: _pod(all_).update(hostNetwork=True)),
    "a folder of the machine": (
        policies.privileges,
        lambda all_: _pod(all_)["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    ),
    "privileged": (policies.privileges, lambda all_: _container(all_)["securityContext"].update(privileged=True)),
    "a capability": (
        policies.privileges,
        lambda all_: _container(all_)["securityContext"]["capabilities"].update(add=["NET_RAW"]),
    ),
    "Flink may become root": (
        policies.privileges,
        lambda all_: _flink(all_)["podTemplate"]["spec"]["containers"][0]["securityContext"].pop(
            "allowPrivilegeEscalation"
        ),
    ),
    "a namespace that takes any pod": (
        policies.privileges,
        lambda all_: _one(all_, "Namespace")["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "baseline"}
        ),
    ),
    "no limit of memory": (policies.limits, lambda all_: _container(all_)["resources"]["limits"].pop("memory")),
    "no request": (policies.limits, lambda all_: _container(all_, "StatefulSet")["resources"].pop("requests")),
    "a task manager of any size": (policies.limits, lambda all_: _flink(all_)["taskManager"]["resource"].pop("cpu")),
    "brokers of any size": (policies.limits, lambda all_: _one(all_, "KafkaNodePool")["spec"].pop("resources")),
    "not asked whether it lives": (policies.probes, lambda all_: _container(all_).pop("livenessProbe")),
    "not asked whether it is ready": (
        policies.probes,
        lambda all_: _container(all_, "StatefulSet").pop("readinessProbe"),
    ),
    "training without an end": (
        policies.probes,
        lambda all_: _one(all_, "CronJob")["spec"]["jobTemplate"]["spec"].pop("activeDeadlineSeconds"),
    ),
    "the latest image": (
        policies.images,
        lambda all_: _container(all_).update(image="registry.example:5000/foresend:latest"),
    ),
    "an image without a tag": (
        policies.images,
        lambda all_: _flink(all_).update(image="registry.example:5000/foresend"),
    ),
    "a port that no policy names": (
        policies.ports,
        lambda all_: _container(all_)["ports"].append({"name": "debug", "containerPort": 5678}),
    ),
    "a port of Flink's that no policy names": (
        policies.ports,
        lambda all_: _flink(all_)["flinkConfiguration"].update({"blob.server.port": "7777"}),
    ),
    "a listener of Kafka's that no policy names": (
        policies.ports,
        lambda all_: _one(all_, "Kafka")["spec"]["kafka"]["listeners"][0].update(port=9099),
    ),
    "anybody may ask": (
        policies.ports,
        lambda all_: [one["spec"]["ingress"][0].pop("from") for one in _asked(all_)],
    ),
    "nothing denied by default": (policies.ports, lambda all_: all_.remove(_one(all_, "NetworkPolicy", "deny"))),
    "a topic too few": (policies.topics, lambda all_: all_.remove(_one(all_, "KafkaTopic"))),
    "other partitions": (policies.topics, lambda all_: _one(all_, "KafkaTopic")["spec"].update(partitions=13)),
    "another clean-up": (
        policies.topics,
        lambda all_: _one(all_, "KafkaTopic")["spec"]["config"].update({"cleanup.policy": "delete"}),
    ),
    "a secret in a manifest": (
        policies.secrets,
        lambda all_: all_.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}),
    ),
    "a secret in a variable": (
        policies.secrets,
        lambda all_: _container(all_)["env"].append({"name": "FORESEND_INSTALLATION_SECRET", "value": "x"}),
    ),
    "a token of Kubernetes": (policies.secrets, lambda all_: _pod(all_).pop("automountServiceAccountToken")),
    "settings that are not there": (
        policies.references,
        lambda all_: _container(all_)["envFrom"].append({"configMapRef": {"name": "others"}}),
    ),
    "a monitor of another port": (
        policies.references,
        lambda all_: _one(all_, "PodMonitor")["spec"]["podMetricsEndpoints"][0].update(port="admin"),
    ),
    "a service of nobody": (
        policies.references,
        lambda all_: _one(all_, "Service")["spec"]["selector"].update({"app.kubernetes.io/component": "server"}),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught_by_its_policy(fault: str) -> None:
    policy, seed = FAULTS[fault]
    manifests = rendered("prod")

    seed(manifests)

    assert policy(manifests)


def test_the_job_is_run_as_it_was_tested() -> None:
    spec = _flink(rendered("prod"))
    told = spec["flinkConfiguration"]

    assert told["taskmanager.numberOfTaskSlots"] == "1"
    assert told["python.execution-mode"] == "thread"
    assert told["pipeline.max-parallelism"] == "720"
    assert told["execution.checkpointing.incremental"] == "true"
    assert told["execution.checkpointing.dir"].startswith("s3://")
    assert told["high-availability.type"] == "kubernetes"
    assert told["job.autoscaler.enabled"] == "true"
    assert spec["job"]["upgradeMode"] == "last-state"


def test_nodes_keep_their_disk_stand_apart_and_drain() -> None:
    manifests = rendered("prod")
    spec, pod = _one(manifests, "StatefulSet")["spec"], _pod(manifests)
    hooks = pod["containers"][0]["lifecycle"]["preStop"]

    assert spec["volumeClaimTemplates"]
    assert {one["topologyKey"] for one in pod["topologySpreadConstraints"]} >= {"kubernetes.io/hostname"}
    assert 0 < hooks["sleep"]["seconds"] < pod["terminationGracePeriodSeconds"]
    assert any("serve" in one["metadata"]["name"] for one in of_kind(manifests, "PodDisruptionBudget"))


def _asked(manifests: list[Manifest]) -> list[Manifest]:
    """The policies that say who may ask our programs."""
    return [
        one for one in of_kind(manifests, "NetworkPolicy") if one["metadata"]["name"] in {"collect", "serve", "deliver"}
    ]
