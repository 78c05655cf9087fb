"""Make `custom_kinds.json` anew from the published packages, as `python tests/support/custom_kinds.py FILE`.

Needs Java, Maven, and uv, and what they download. tests/deploy/schemas/README.md says which package tells which kind.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests/deploy/schemas"
Schema = dict[str, Any]
STRIMZI = ("kafka.Kafka", "nodepool.KafkaNodePool", "topic.KafkaTopic", "user.KafkaUser")
ANNOTATIONS = {
    "Minimum": "int",
    "Maximum": "int",
    "Pattern": "String",
    "PresentInVersions": "String",
    "RequiredInVersions": "String",
}
PROMETHEUS_MODELS = "cloudcoil-models-prometheus-operator==0.80.1.0"
PROMETHEUS_PROGRAM = """
import json
from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule
print(json.dumps({m.__name__: m.model_json_schema(by_alias=True) for m in (PodMonitor, PrometheusRule)}))
"""
NEWER_FLINKS = ["v2_0", "v2_1", "v2_2", "v2_3"]
"""Of newer releases of the operator than its newest published package: their reference, FlinkVersion."""
SHARED_FROM = 80
"""Bytes from which a part that stands in a schema more than once is kept once."""


def make() -> dict[str, Schema]:
    """Each kind's schema, strict: a field that it does not name is refused."""
    maven = _program("mvn")
    with tempfile.TemporaryDirectory() as folder:
        jars = Path(folder, "jars")
        _run(
            [
                maven,
                "-q",
                "-B",
                "-f",
                HERE / "strimzi/pom.xml",
                "dependency:copy-dependencies",
                f"-DoutputDirectory={jars}",
            ]
        )
        schemas = _strimzi(Path(folder), jars) | {"FlinkDeployment": _flink(jars)}
    schemas |= _prometheus()
    versions = {"FlinkDeployment": "flink.apache.org/v1beta1"}
    versions |= dict.fromkeys(("PodMonitor", "PrometheusRule"), "monitoring.coreos.com/v1")
    return {kind: _named(schemas[kind], kind, versions.get(kind, "kafka.strimzi.io/v1")) for kind in sorted(schemas)}


def _strimzi(folder: Path, jars: Path) -> dict[str, Schema]:
    """By reflection: the classes are published, the generator of their definitions and its annotations are not."""
    annotations = folder / "io/strimzi/crdgenerator/annotations"
    annotations.mkdir(parents=True)
    for name, value in ANNOTATIONS.items():
        source = "package io.strimzi.crdgenerator.annotations;\nimport java.lang.annotation.*;\n"
        source += f"@Retention(RetentionPolicy.RUNTIME) public @interface {name} {{ {value} value(); }}\n"
        (annotations / f"{name}.java").write_text(source, encoding="utf-8")
    sources: list[str | Path] = [*annotations.glob("*.java")]
    _run([_program("javac"), *sources])
    classes = [f"io.strimzi.api.kafka.model.{name}" for name in STRIMZI]
    program = HERE / "strimzi/StrimziSchemas.java"
    told = json.loads(_run([_program("java"), "-cp", f"{folder}:{jars}/*", str(program), *classes]))
    return {kind: schema["$defs"][kind] | {"$defs": _without(schema["$defs"], kind)} for kind, schema in told.items()}


def _flink(jars: Path) -> Schema:
    """The definition that lies in the operator's package."""
    (jar,) = jars.glob("flink-kubernetes-operator-api-*.jar")
    with zipfile.ZipFile(jar) as archive:
        definition = YAML(typ="safe").load(archive.read("META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"))
    (version,) = [one for one in definition["spec"]["versions"] if one["name"] == "v1beta1"]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"]["flinkVersion"]["enum"] += NEWER_FLINKS
    return _shared(_strict(schema))


def _prometheus() -> dict[str, Schema]:
    """Pydantic's models of the operator's definitions."""
    uv = ROOT / ".uv/bin/uv"
    environment = ["--quiet", "--no-project", "--python", sys.executable, "--with", PROMETHEUS_MODELS]
    told = json.loads(_run([str(uv), "run", *environment, "python", "-c", PROMETHEUS_PROGRAM]))
    return {kind: _strict(schema) for kind, schema in told.items()}


def _strict(schema: Any) -> Any:
    """Without words, null and state; what has named properties has no others."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    choices = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(choices) == 1 and len(choices) < len(schema["anyOf"]):
        return _strict(choices[0])
    kept = {key: _strict(value) for key, value in schema.items() if key in KEPT}
    for key in ("properties", "$defs"):
        if key in schema:
            kept[key] = {name: _strict(one) for name, one in sorted(schema[key].items()) if name != "status"}
    # The dialect of Go's expressions: what Python cannot read is left to the operator.
    if kept.get("pattern", "").startswith("^(?i)"):
        del kept["pattern"]
    if kept.get("properties") and not schema.get("x-kubernetes-preserve-unknown-fields"):
        kept.setdefault("additionalProperties", False)
    return kept


KEPT = set("type items enum required pattern minimum maximum minLength maxLength minItems anyOf $ref const".split())  # noqa: SIM905
KEPT.add("additionalProperties")


def _shared(schema: Schema) -> Schema:
    """The same schema with each larger part that is in it more than once in `$defs`."""
    seen: Counter[str] = Counter()

    def count(part: Any) -> None:
        if isinstance(part, dict):
            text = json.dumps(part, sort_keys=True)
            seen[text] += 1
            if seen[text] > 1 and len(text) >= SHARED_FROM:
                return
        for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            count(one)

    definitions: Schema = {}
    names: dict[str, str] = {}

    def refer(part: Any, *, top: bool = False) -> Any:
        if isinstance(part, list):
            return [refer(one) for one in part]
        if not isinstance(part, dict):
            return part
        text = json.dumps(part, sort_keys=True)
        if top or seen[text] < 2 or len(text) < SHARED_FROM or "type" not in part:
            return {key: refer(one) for key, one in part.items()}
        if text not in names:
            names[text] = f"part{len(names)}"
            definitions[names[text]] = {key: refer(one) for key, one in part.items()}
        return {"$ref": f"#/$defs/{names[text]}"}

    count(schema)
    whole: Schema = refer(schema, top=True)
    return whole | {"$defs": definitions}


def _named(schema: Schema, kind: str, version: str) -> Schema:
    """A manifest of this kind and version, with what every manifest has."""
    metadata = {"type": "object", "required": ["name"], "additionalProperties": False, "properties": METADATA}
    properties = schema["properties"] | {
        "apiVersion": {"const": version},
        "kind": {"const": kind},
        "metadata": metadata,
    }
    required = ["apiVersion", "kind", "metadata", "spec"]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
        "$defs": schema["$defs"],
    }


TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = {
    "name": {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "maxLength": 253},
    "namespace": {"type": "string"},
    "labels": TEXTS,
    "annotations": TEXTS,
}


def _without(parts: Schema, name: str) -> Schema:
    return {key: part for key, part in parts.items() if key not in {name, "ObjectMeta"}}


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"expected {name} on the PATH: it reads the published packages")
    return found


def _run(command: Sequence[str | Path]) -> str:
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Write what the packages tell."""
    text = "{\n" + ",\n".join(f'"{k}": {json.dumps(v, separators=(",", ":"))}' for k, v in make().items()) + "\n}\n"
    Path(sys.argv[1]).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
