"""What every manifest must keep to: each policy names the faults that it finds in a rendered overlay."""

from collections.abc import Iterator
from typing import Any

from schemas.topics import TOPICS
from tests.support.kubernetes import Manifest, of_kind

Pod = dict[str, Any]
Port = int | str
FLINK_MAIN = "flink-main-container"
FLINK_PORTS = (
    "jobmanager.rpc.port",
    "blob.server.port",
    "taskmanager.rpc.port",
    "taskmanager.data.port",
    "metrics.internal.query-service.port",
    "metrics.reporter.prom.port",
)
OURS_ON_TOP = {"min.insync.replicas"}
"""Settings of a topic that follow from how many brokers there are, not from the table."""


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Pod]]:
    """Each template of a pod, with its name: `metadata` and `spec`. Of Flink, with what its operator lays over it."""
    for one in manifests:
        spec, name = one.get("spec", {}), f"{one['kind']} {one['metadata']['name']}"
        match one["kind"]:
            case "Deployment" | "StatefulSet" | "Job":
                yield name, spec["template"]
            case "CronJob":
                yield name, spec["jobTemplate"]["spec"]["template"]
            case "FlinkDeployment":
                yield name, spec["podTemplate"]
                for part in ("jobManager", "taskManager"):
                    own = spec[part].get("podTemplate", {}).get("spec", {})
                    begins = list(own.get("initContainers", ()))
                    yield (
                        f"{name} {part}",
                        spec["podTemplate"] | {"spec": spec["podTemplate"]["spec"] | {"initContainers": begins}},
                    )


def containers(pod: Pod) -> list[dict[str, Any]]:
    """All of a pod's, those that begin it too."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def privileges(manifests: list[Manifest]) -> list[str]:
    """Restricted pods: nobody is root, may become it, writes into the image or sees the machine."""
    found = [
        f"{one['metadata']['name']}: pods may be anything"
        for one in of_kind(manifests, "Namespace")
        if one["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted"
    ]
    for name, pod in pods(manifests):
        spec, context = pod["spec"], pod["spec"].get("securityContext", {})
        wanted = context.get("runAsNonRoot") is True and context.get("runAsUser", 0) > 0
        wanted = wanted and context.get("seccompProfile") == {"type": "RuntimeDefault"}
        found += [] if wanted else [f"{name}: may run as root, or with every system call"]
        hosts = [key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
        hosts += ["hostPath" for volume in spec.get("volumes", ()) if "hostPath" in volume]
        found += [f"{name}: {key}" for key in hosts]
        found += [f"{name}, {one['name']}: privileges" for one in containers(pod) if not _is_restricted(one)]
    return found


def _is_restricted(container: dict[str, Any]) -> bool:
    context = container.get("securityContext", {})
    return (
        context.get("allowPrivilegeEscalation") is False
        and context.get("privileged", False) is False
        and context.get("readOnlyRootFilesystem") is True
        and context.get("runAsNonRoot", True) is True
        and context.get("capabilities") == {"drop": ["ALL"]}
        and not any("hostPort" in port for port in container.get("ports", ()))
    )


def limits(manifests: list[Manifest]) -> list[str]:
    """Everything asks for what it needs and may not take more. Flink's main container has its operator's."""
    found = []
    for name, pod in pods(manifests):
        for one in containers(pod):
            told = one.get("resources", {})
            missing = [
                f"{name}, {one['name']}: {kind} of {what}"
                for kind in ("requests", "limits")
                for what in ("cpu", "memory")
                if what not in told.get(kind, {}) and one["name"] != FLINK_MAIN
            ]
            found += missing
    for one in of_kind(manifests, "FlinkDeployment"):
        parts = (one["spec"][part].get("resource", {}) for part in ("jobManager", "taskManager"))
        found += [f"{one['metadata']['name']}: resource" for part in parts if not {"cpu", "memory"} <= set(part)]
    for one in of_kind(manifests, "KafkaNodePool"):
        found += [] if {"requests", "limits"} <= set(one["spec"].get("resources", {})) else ["brokers: resources"]
    return found


def probes(manifests: list[Manifest]) -> list[str]:
    """What runs on is asked whether it lives and is ready; what ends has a time by which it must."""
    found = [
        f"{name}, {one['name']}: {probe}"
        for name, pod in pods(of_kind(manifests, "Deployment", "StatefulSet", "FlinkDeployment"))
        for one in pod["spec"]["containers"]
        for probe in ("livenessProbe", "readinessProbe")
        if probe not in one
    ]
    jobs = of_kind(manifests, "CronJob")
    return found + [
        f"{one['metadata']['name']}: no deadline"
        for one in jobs
        if "activeDeadlineSeconds" not in one["spec"]["jobTemplate"]["spec"]
    ]


def images(manifests: list[Manifest]) -> list[str]:
    """Every image has a tag that stays what it is."""
    named = [(name, one["image"]) for name, pod in pods(manifests) for one in containers(pod) if "image" in one]
    named += [(one["metadata"]["name"], one["spec"]["image"]) for one in of_kind(manifests, "FlinkDeployment")]
    tags = [(name, image, image.rpartition("/")[2].partition(":")[2]) for name, image in named]
    return [f"{name}: {image}" for name, image, tag in tags if tag in {"", "latest", "main", "edge", "stable"}]


def ports(manifests: list[Manifest]) -> list[str]:
    """Nothing may talk by default, and every port that a pod opens stands in a policy of that pod."""
    policies = of_kind(manifests, "NetworkPolicy")
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    found = [] if any(one["spec"] == closed for one in policies) else ["nothing is denied by default"]
    for name, pod in pods(manifests):
        labels = pod["metadata"]["labels"]
        allowed = _allowed(policies, labels)
        opened = [port for one in containers(pod) for port in one.get("ports", ())]
        found += [
            f"{name}: {port['containerPort']}"
            for port in opened
            if not {port["containerPort"], port.get("name")} & allowed
        ]
    for one in of_kind(manifests, "FlinkDeployment"):
        allowed = _allowed(policies, one["spec"]["podTemplate"]["metadata"]["labels"])
        told = {name: one["spec"]["flinkConfiguration"].get(name, "0") for name in FLINK_PORTS}
        found += [f"{name}: {port}" for name, port in told.items() if int(port) not in allowed]
    for one in of_kind(manifests, "Kafka"):
        labels = {"strimzi.io/cluster": one["metadata"]["name"], "strimzi.io/kind": "Kafka"}
        listeners = one["spec"]["kafka"]["listeners"]
        found += [f"kafka: {each['port']}" for each in listeners if each["port"] not in _allowed(policies, labels)]
    return found


def _allowed(policies: list[Manifest], labels: dict[str, str]) -> set[Port | None]:
    """The ports at which pods with these labels may be asked."""
    rules = [
        rule
        for one in policies
        if selects(one["spec"]["podSelector"], labels)
        for rule in one["spec"].get("ingress", ())
        if rule.get("from")
    ]
    return {port["port"] for rule in rules for port in rule.get("ports", ())}


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a selector means something with these labels."""
    same = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return same and all(_matches(one, labels) for one in selector.get("matchExpressions", ()))


def _matches(expression: dict[str, Any], labels: dict[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case _:
            return value is None


def topics(manifests: list[Manifest]) -> list[str]:
    """Kafka's topics are those of the table: names, partitions, settings."""
    wanted = {one.name: (one.partitions, dict(one.config)) for one in TOPICS}
    told = {
        one["spec"].get("topicName", one["metadata"]["name"]): (
            one["spec"]["partitions"],
            {key: str(value) for key, value in one["spec"]["config"].items() if key not in OURS_ON_TOP},
        )
        for one in of_kind(manifests, "KafkaTopic")
    }
    return sorted(name for name in wanted | told if wanted.get(name) != told.get(name))


def secrets(manifests: list[Manifest]) -> list[str]:
    """Secrets are files: none stands in a manifest, and none is a variable, which every child would see."""
    found = [f"Secret {one['metadata']['name']}" for one in of_kind(manifests, "Secret")]
    for name, pod in pods(manifests):
        for one in containers(pod):
            found += [f"{name}: {env['name']}" for env in one.get("env", ()) if _is_secret(env)]
            found += [f"{name}: envFrom a secret" for source in one.get("envFrom", ()) if "secretRef" in source]
        mounts = pod["spec"].get("automountServiceAccountToken")
        found += [] if mounts is False or name.startswith("FlinkDeployment") else [f"{name}: a token of Kubernetes"]
    return found


def _is_secret(variable: dict[str, Any]) -> bool:
    words = {"PASSWORD", "SECRET", "KEY", "KEYS", "TOKEN"} & set(variable["name"].split("_"))
    return "secretKeyRef" in variable.get("valueFrom", {}) or bool(words and not variable["name"].endswith("_FILE"))


def references(manifests: list[Manifest]) -> list[str]:
    """What a pod, a service, a monitor or a budget names is there."""
    there = {(one["kind"], one["metadata"]["name"]) for one in manifests}
    found = []
    for name, pod in pods(manifests):
        sources = [source for one in containers(pod) for source in one.get("envFrom", ())]
        named = {("ConfigMap", source["configMapRef"]["name"]) for source in sources if "configMapRef" in source}
        account = pod["spec"].get("serviceAccountName")
        named |= {("ServiceAccount", account)} if account else set()
        found += [f"{name}: {kind} {other}" for kind, other in sorted(named - there)]
    labelled = [(pod["metadata"]["labels"], pod) for _, pod in pods(manifests)]
    for one in of_kind(manifests, "Service", "PodMonitor", "PodDisruptionBudget"):
        selector = one["spec"]["selector"]
        selector = {"matchLabels": selector} if one["kind"] == "Service" else selector
        chosen = [pod for labels, pod in labelled if selects(selector, labels)]
        wanted = [port.get("targetPort") for port in one["spec"].get("ports", ())]
        wanted += [end["port"] for end in one["spec"].get("podMetricsEndpoints", ())]
        names = [{port["name"] for each in containers(pod) for port in each.get("ports", ())} for pod in chosen]
        missing = not chosen or any(port not in opened for port in wanted for opened in names)
        found += [f"{one['kind']} {one['metadata']['name']}: nobody, or no such port"] if missing else []
    return found


POLICIES = (privileges, limits, probes, images, ports, topics, secrets, references)
