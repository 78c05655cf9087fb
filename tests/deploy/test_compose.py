"""The compose file: its own schema, and that every program in it gets settings that the program accepts."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from connectors.metrics.metric import Program
from foresend import cli
from foresend.local.scrape_targets import USUAL_PORTS
from foresend.settings.collect import CollectSettings
from foresend.settings.deliver import DeliverSettings
from foresend.settings.inbound import InboundSettings
from foresend.settings.installation import InstallationSettings
from foresend.settings.loading import load
from foresend.settings.serve import ServeSettings
from schemas.errors import ConfigError
from tests.support.dockerfiles import stages
from tests.support.documents import ROOT

FOLDER = ROOT / "deploy/docker"
FILE = FOLDER / "compose.yaml"
OURS = ("release", "collect", "serve", "job", "deliver", "inbound", "train")
SETTINGS: dict[str, type[Any]] = {
    "collect": CollectSettings,
    "serve": ServeSettings,
    "deliver": DeliverSettings,
    "inbound": InboundSettings,
}
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def compose() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(FILE))


def example() -> dict[str, str]:
    lines = (FOLDER / "env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled(value: object, given: dict[str, str]) -> str:
    """With variables replaced, as an engine does it."""
    return VARIABLE.sub(lambda found: given.get(found[1], found[3] if found[2] == "-" else ""), str(value))


def environment(service: dict[str, Any]) -> dict[str, str]:
    """What the program sees: the image's variables, and the service's."""
    image: dict[str, str] = {}
    if "flink" not in service["image"]:
        base = next(stage for stage in stages(FOLDER / "python.Dockerfile") if stage.name == "base")
        for step in base.instructions:
            image |= step.pairs if step.keyword == "ENV" else {}
    own = {name: filled(value, example()) for name, value in service["environment"].items()}
    return {name: value for name, value in (image | own).items() if name.startswith("FORESEND_")}


def validate(file: Path) -> int:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_the_file_is_as_its_specification_says() -> None:
    assert validate(FILE) == 0


def test_a_misspelt_field_would_be_found(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("cap_drop:", "cap_drops:", 1))

    assert validate(wrong) == 1


@pytest.mark.parametrize("name", SETTINGS)
def test_a_program_accepts_its_settings(name: str) -> None:
    settings: Any = load(SETTINGS[name], name, environment=environment(compose()["services"][name]))

    assert settings.host == "0.0.0.0"  # noqa: S104 - in a network of its own
    assert (settings.metrics_port if name == "inbound" else settings.port) == USUAL_PORTS[Program(name)]


@pytest.mark.parametrize(("name", "missing"), [("collect", "COLLECT_KEYS"), ("serve", "SERVE_KEYS")])
def test_without_keys_a_program_would_refuse_to_start(name: str, missing: str) -> None:
    """The mutant that such settings would pass: a door open to everybody in the network."""
    given = environment(compose()["services"][name])
    given[f"FORESEND_{missing}"] = ""

    with pytest.raises(ConfigError, match="keys"):
        load(SETTINGS[name], name, environment=given)


@pytest.mark.parametrize("name", OURS)
def test_every_command_can_be_typed(name: str) -> None:
    service = compose()["services"][name]
    words = [word for word in service["command"] if word != "foresend"]

    parser, _ = cli._parser(words)

    assert parser.parse_args(words).command == words[0]
    assert load(InstallationSettings, "installation", environment=environment(service)).secret


@pytest.mark.parametrize("name", OURS)
def test_our_programs_have_no_more_rights_than_they_need(name: str) -> None:
    service = compose()["services"][name]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert service["image"].rpartition(":")[2] == version
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "user" not in service
    assert "privileged" not in service


def test_whatever_can_be_asked_is_asked_and_open_to_this_machine_only() -> None:
    services = compose()["services"]

    assert [name for name in services if name in USUAL_PORTS and "healthcheck" not in services[name]] == []
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_images_of_others_have_exact_versions() -> None:
    others = [service["image"] for name, service in compose()["services"].items() if name not in OURS]

    assert [image for image in others if not re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image)] == []


def test_the_example_names_every_variable_and_no_other() -> None:
    used = {found[0] for found in VARIABLE.findall(FILE.read_text(encoding="utf-8"))}

    assert used == set(example())


def test_what_is_mounted_exists() -> None:
    mounts = [mount.split(":") for service in compose()["services"].values() for mount in service.get("volumes", [])]
    here = [filled(":".join(parts[:-2] if parts[-1] == "ro" else parts[:-1]), example()) for parts in mounts]

    assert [place for place in here if place.startswith(".") and not (FOLDER / place).exists()] == []
    assert {place for place in here if not place.startswith(".")} == set(compose()["volumes"])


def test_prometheus_asks_the_services_that_always_run() -> None:
    asked = json.loads((FOLDER / "prometheus/targets.json").read_text(encoding="utf-8"))
    services = compose()["services"]

    for one in asked:
        (address,) = one["targets"]
        host, _, port = address.partition(":")
        assert host == one["labels"]["program"]
        assert "profiles" not in services[host]
        assert f":{port}/" in services[host]["healthcheck"]["test"][-1]
    assert {one["labels"]["program"] for one in asked} == {"collect", "serve", "job"}
