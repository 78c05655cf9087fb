"""A Prometheus of this machine: it knows our rules, and sees programs come and go."""

import json
import shutil
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from connectors.metrics.metric import Program
from foresend.alerting.rules import rules
from foresend.local.prometheus import Prometheus
from foresend.local.scrape_targets import Target, announce, withdraw
from schemas.errors import ConfigError
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed"),
]
SEEN_S = 60.0


def ask(server: Prometheus, path: str) -> dict[str, Any]:
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", f"/api/v1/{path}")
        data: dict[str, Any] = json.loads(connection.getresponse().read())["data"]
        return data
    finally:
        connection.close()


def test_it_has_our_rules_and_sees_who_announces_itself(tmp_path: Path) -> None:
    def health() -> dict[str, str]:
        active = ask(server, "targets")["activeTargets"]
        return {target["labels"].get("program", "prometheus"): target["health"] for target in active}

    with Prometheus(tmp_path / "prometheus", 0) as server:
        loaded = [rule["name"] for group in ask(server, "rules")["groups"] for rule in group["rules"]]
        assert sorted(loaded) == sorted(rule.alert or rule.record for rule in rules())
        # It answers `/metrics` itself, so it stands in for a program of ours.
        announce(tmp_path / "demo", [Target(Program.SERVE, int(server.url.rpartition(":")[2]))])
        wait_until(lambda: health().get("serve") == "up", SEEN_S, "what was announced to be scraped")
        server.tell([Target(Program.COLLECT, 1)])
        wait_until(lambda: health().get("collect") == "down", SEEN_S, "what does not answer to be missed")
        withdraw(tmp_path / "demo")
        wait_until(lambda: "serve" not in health(), SEEN_S, "what withdrew to be forgotten")
        with pytest.raises(ConfigError, match="already running"):
            Prometheus(tmp_path / "prometheus", 0).start()
    assert not server.is_running


def test_it_keeps_its_port_and_refuses_one_that_is_taken(tmp_path: Path) -> None:
    with Prometheus(tmp_path / "one", 0) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ConfigError, match=f"port {port} is taken"):
            Prometheus(tmp_path / "two", port).start()
    with Prometheus(tmp_path / "one", 0) as again:
        assert again.url == server.url
