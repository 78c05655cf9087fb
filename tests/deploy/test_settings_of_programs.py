"""Every program of an overlay would start: what it is told, with first secrets, are settings that it accepts."""

from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.settings import KafkaSettings
from foresend.kubernetes.kafka import ACCESS
from foresend.kubernetes.secrets import secret_manifests
from foresend.settings.collect import CollectSettings
from foresend.settings.deliver import DeliverSettings
from foresend.settings.inbound import InboundSettings
from foresend.settings.installation import InstallationSettings
from foresend.settings.loading import load
from foresend.settings.serve import ServeSettings
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from tests.support.manifests import OVERLAYS, of_kind, one, pod_of, rendered

IN_IMAGE = {f"FORESEND_{program}_HOST": "0.0.0.0" for program in ("COLLECT", "SERVE", "DELIVER", "INBOUND")}  # noqa: S104
"""As deploy/docker/python.Dockerfile sets them."""
GIVEN = {
    # By Strimzi, and by whoever installs it: docs/deploy/kubernetes.md.
    "foresend-cluster-ca-cert": {"ca.crt": "a certificate"},
    "foresend-storage": {"aws-credentials": "[default]"},
    "foresend-smtp": {"password": "of the relay"},
    **{access.user: {"password": "of a user"} for access in ACCESS},
}
CACHE_ON_DISK = 1.4
"""A folder at its largest, over the limit of its entries: docs/cache.md."""

every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


@pytest.fixture(scope="module")
def secrets() -> dict[str, dict[str, str]]:
    made = {one["metadata"]["name"]: one["stringData"] for one in secret_manifests([WorkspaceId("shop")])}
    return {**GIVEN, **made}


def environment(
    overlay: str, pod: dict[str, Any], container: dict[str, Any], secrets: dict[str, dict[str, str]], folder: Path
) -> dict[str, str]:
    """What the container finds, its secrets as files in `folder`."""
    found = dict(IN_IMAGE)
    for source in container["envFrom"]:
        found |= one(overlay, "ConfigMap", source["configMapRef"]["name"])["data"]
    found |= {one["name"]: one["value"] for one in container["env"] if "value" in one}
    for volume in pod["volumes"]:
        for source in volume.get("projected", {}).get("sources", ()):
            for item in source["secret"]["items"]:
                (folder / item["path"]).write_text(secrets[source["secret"]["name"]][item["key"]])
    (secrets_at,) = [
        mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in {"secrets", "job-secrets"}
    ]
    return {name: value.replace(secrets_at, str(folder)) for name, value in found.items()}


def loaded(overlay: str, name: str, secrets: dict[str, dict[str, str]], folder: Path, kind: Any, **own: str) -> Any:
    manifest = next(one for one in rendered(overlay) if one["metadata"]["name"] == name and "template" in one["spec"])
    pod = pod_of(manifest)
    (container,) = pod["containers"]
    told = environment(overlay, pod, container, secrets, folder) | own
    return load(kind, container["args"][0], environment=told)


@every_overlay
def test_the_collector_accepts_what_it_is_told(
    overlay: str, secrets: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    found = loaded(overlay, "foresend-collect", secrets, tmp_path, CollectSettings)

    assert set(found.keys.values()) == {"shop"}
    assert found.key_by_workspace.keys() == {"shop"}
    assert found.kafka.sasl_username == "foresend-collect"
    assert found.kafka.sasl_password == "of a user"


@every_overlay
def test_every_node_accepts_what_it_is_told_and_knows_all_others(
    overlay: str, secrets: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    replicas = one(overlay, "StatefulSet", "foresend-serve")["spec"]["replicas"]
    pods = [f"foresend-serve-{number}" for number in range(replicas)]

    found = [
        loaded(overlay, "foresend-serve", secrets, tmp_path, ServeSettings, FORESEND_SERVE_NODE=pod) for pod in pods
    ]

    # Mutant: scale the StatefulSet and forget the list; then this fails.
    assert all(list(one.nodes) == pods for one in found)
    service = one(overlay, "StatefulSet", "foresend-serve")["spec"]["serviceName"]
    assert list(found[0].nodes.values()) == [f"http://{pod}.{service}:8090" for pod in pods]
    assert {grant.workspace for grant in found[0].key_grants} == {"shop"}


@every_overlay
def test_every_worker_accepts_what_it_is_told_and_asks_every_node(
    overlay: str, secrets: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    node = loaded(overlay, "foresend-serve", secrets, tmp_path, ServeSettings, FORESEND_SERVE_NODE="foresend-serve-0")

    found = loaded(overlay, "foresend-deliver", secrets, tmp_path, DeliverSettings)

    assert found.gateways == tuple(node.nodes.values())
    assert not found.live
    assert (
        found.stop_s
        < one(overlay, "Deployment", "foresend-deliver")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    )


def test_what_takes_mails_in_accepts_what_it_is_told(secrets: dict[str, dict[str, str]], tmp_path: Path) -> None:
    found = loaded("prod", "foresend-inbound", secrets, tmp_path, InboundSettings)

    assert set(found.workspaces.values()) == set(found.gateway_keys) == {"shop"}
    assert (
        found.signing_keys
        == load(
            ServeSettings,
            "serve",
            environment={
                "FORESEND_KAFKA_BOOTSTRAP": "kafka:1",
                "FORESEND_SERVE_SIGNING_KEYS_FILE": f"{tmp_path}/signing-keys",
            },
        ).signing_keys
    )


@every_overlay
@pytest.mark.parametrize("name", ["foresend-train", "foresend-tools"])
def test_what_runs_now_and_then_accepts_what_it_is_told(
    overlay: str, name: str, secrets: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    pod = pod_of(one(overlay, "CronJob", name))
    told = environment(overlay, pod, pod["containers"][0], secrets, tmp_path)

    assert load(KafkaSettings, "kafka", environment=told).sasl_username == name
    assert load(InstallationSettings, "installation", environment=told).secret


@every_overlay
def test_the_job_accepts_what_it_is_told(overlay: str, secrets: dict[str, dict[str, str]], tmp_path: Path) -> None:
    pod = one(overlay, "FlinkDeployment", "foresend-personalize")["spec"]["jobManager"]["podTemplate"]["spec"]
    told = environment(overlay, pod, pod["initContainers"][0], secrets, tmp_path)

    kafka = load(KafkaSettings, "kafka", environment=told)

    assert (kafka.sasl_username, kafka.sasl_password) == ("foresend-job", "of a user")
    assert load(InstallationSettings, "installation", environment=told).secret


@every_overlay
def test_a_node_has_room_for_what_comes_on_top_of_its_cache(
    overlay: str, secrets: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    node = loaded(overlay, "foresend-serve", secrets, tmp_path, ServeSettings, FORESEND_SERVE_NODE="foresend-serve-0")
    claim = one(overlay, "StatefulSet", "foresend-serve")["spec"]["volumeClaimTemplates"][0]["spec"]
    size = claim["resources"]["requests"]["storage"]

    assert size.endswith("Gi")
    assert int(size.removesuffix("Gi")) * 2**30 >= CACHE_ON_DISK * node.cache_bytes > 0


@every_overlay
def test_every_user_of_kafka_that_a_program_is_exists(overlay: str) -> None:
    users = {user["metadata"]["name"] for user in of_kind(overlay, "KafkaUser")}
    asked = {
        source["secret"]["name"]
        for manifest in rendered(overlay)
        if manifest["kind"] in {"Deployment", "StatefulSet", "CronJob"}
        for volume in pod_of(manifest)["volumes"]
        for source in volume.get("projected", {}).get("sources", ())
        if source["secret"]["items"][0]["key"] == "password" and source["secret"]["name"] != "foresend-smtp"
    }

    # The job's pods are Flink's; only prod has a mail server.
    assert asked == users - ({"foresend-job"} if overlay == "prod" else {"foresend-job", "foresend-inbound"})


def test_a_setting_that_no_program_knows_is_found(secrets: dict[str, dict[str, str]], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such setting of serve"):
        loaded(
            "dev",
            "foresend-serve",
            secrets,
            tmp_path,
            ServeSettings,
            FORESEND_SERVE_NODE="foresend-serve-0",
            FORESEND_SERVE_CACHE_SIZE="1",
        )


@every_overlay
def test_dev_has_one_copy_of_each_topic_and_prod_three(overlay: str) -> None:
    brokers = one(overlay, "KafkaNodePool", "brokers")["spec"]["replicas"]

    assert {topic["spec"]["replicas"] for topic in of_kind(overlay, "KafkaTopic")} == {brokers}
    assert {topic["spec"]["config"]["min.insync.replicas"] for topic in of_kind(overlay, "KafkaTopic")} == {
        max(1, brokers - 1)
    }
