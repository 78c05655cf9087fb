"""What a Prometheus on this machine scrapes: who told it, who announced itself, what it does not find."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from connectors.metrics.metric import Program
from foresend.local.flink_metrics import MetricsPorts
from foresend.local.prometheus import SHIPPED, Prometheus, find_prometheus, local_config
from foresend.local.scrape_targets import USUAL_PORTS, Target, announce, announced_beside, usual_targets, withdraw
from foresend.settings.collect import CollectSettings
from foresend.settings.deliver import DeliverSettings
from foresend.settings.inbound import InboundSettings
from foresend.settings.serve import ServeSettings
from schemas.errors import ConfigError

SERVE = Target(Program.SERVE, 18_090)


def told(file: Path) -> list[tuple[str, str]]:
    return [(group["labels"]["program"], *group["targets"]) for group in json.loads(file.read_text())]


def test_usual_ports_are_those_of_the_settings() -> None:
    assert {
        Program.COLLECT: CollectSettings.port,
        Program.SERVE: ServeSettings.port,
        Program.DELIVER: DeliverSettings.port,
        Program.INBOUND: InboundSettings.metrics_port,
    } == USUAL_PORTS


def test_a_program_that_is_told_to_be_elsewhere_is_not_looked_for_at_its_usual_port() -> None:
    found = usual_targets([SERVE, Target(Program.SERVE, 18_091, "node-2")])

    assert [target.address for target in found if target.program is Program.SERVE] == [
        "127.0.0.1:18090",
        "node-2:18091",
    ]
    assert len(found) == len(USUAL_PORTS) + 1


@pytest.mark.parametrize("words", ["", "serve", "serve=", "served=80", "serve=http"])
def test_what_is_no_target_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"Program|invalid literal"):
        Target.read(words)


def test_what_starts_after_prometheus_announces_itself_and_withdraws(tmp_path: Path) -> None:
    watched = tmp_path / "prometheus/targets/demo.json"
    watched.parent.mkdir(parents=True)
    announce(tmp_path / "demo", [SERVE])
    assert told(watched) == [("serve", "127.0.0.1:18090")]
    withdraw(tmp_path / "demo")
    assert not watched.exists()
    assert not (tmp_path / "demo/targets.json").exists()


def test_what_started_before_prometheus_is_found_when_it_starts(tmp_path: Path) -> None:
    announce(tmp_path / "demo", [SERVE])
    assert not (tmp_path / "prometheus").exists(), "nobody watches yet"
    announced_beside(tmp_path / "prometheus")
    assert told(tmp_path / "prometheus/targets/demo.json") == [("serve", "127.0.0.1:18090")]


def test_a_flink_announces_each_of_its_programs(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    setting = MetricsPorts(tmp_path / "cluster").give("jobmanager")
    (port,) = setting.values()
    assert told(tmp_path / "cluster/targets.json") == [("job", f"127.0.0.1:{port}")]
    MetricsPorts(tmp_path / "cluster").forget()
    assert not (tmp_path / "cluster/targets.json").exists()


def test_the_local_configuration_is_the_shipped_one_with_other_places(tmp_path: Path) -> None:
    shipped = YAML(typ="safe").load(SHIPPED / "prometheus.yml")
    made = local_config(shipped, tmp_path, 19_090)
    ours, own = made["scrape_configs"]

    assert made["rule_files"] == [str(SHIPPED / "rules/*.yaml")]
    assert ours["file_sd_configs"][0]["files"] == [str(tmp_path / "targets/*.json")]
    assert ours["metric_relabel_configs"] == shipped["scrape_configs"][0]["metric_relabel_configs"]
    assert own["static_configs"] == [{"targets": ["127.0.0.1:19090"]}]
    assert made["global"] == shipped["global"]


def test_without_the_program_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="apt-get install prometheus"):
        find_prometheus()


def test_one_that_never_ran_has_no_address(tmp_path: Path) -> None:
    server = Prometheus(tmp_path)
    assert not server.is_running
    with pytest.raises(ConfigError, match="was not started yet"):
        _ = server.url
