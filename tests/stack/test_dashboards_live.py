"""Every panel and every rule over a live stack: a demo with traffic, and Prometheus as we ship it.

With DRAW_DASHBOARDS=docs/images/dashboards SECONDS_OF_DEMO=420 in its environment it draws the images of the docs anew.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from foresend.alerting.rules import rules
from tests.support.draw_dashboards import draw_all
from tests.support.prometheus_api import Expression, expressions
from tests.support.quiet_series import QUIET
from tests.support.waiting import wait_until
from tests.support.watched_demo import WatchedDemo, watched_demo

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Prometheus (Debian: prometheus)"),
]
GRAFANA = Path(__file__).parents[2] / "deploy/grafana"
EXPRESSIONS = [one for file in sorted(GRAFANA.glob("*.json")) for one in expressions(file)]
PEOPLE = 200
ROUND_S = 4.0
TRAFFIC_S = 240.0
"""Longest time until all is there; Prometheus asks every 15 s, and a rate takes two answers."""
DRAWN = os.environ.get("DRAW_DASHBOARDS")
DRAWN_S = float(os.environ.get("SECONDS_OF_DEMO", "90"))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedDemo]:
    with watched_demo(tmp_path_factory.mktemp("watched"), PEOPLE) as demo:
        yield demo


def is_quiet(expr: str) -> bool:
    return any(name in expr for name in QUIET)


def missing(live: WatchedDemo) -> list[Expression]:
    """Expressions that should have data by now, and have none."""
    return [one for one in EXPRESSIONS if not is_quiet(one.expr) and not live.api.now(one.expr)]


def test_every_expression_of_every_panel_returns_data(live: WatchedDemo) -> None:
    def is_there() -> bool:
        live.be_busy()
        return not missing(live)

    wait_until(is_there, TRAFFIC_S, "data for every panel", every_s=ROUND_S)

    assert missing(live) == []


def test_every_rule_returns_data_or_asks_for_what_is_there(live: WatchedDemo) -> None:
    def without_data() -> list[str]:
        """A recording rule has what it records; an alert is empty while all is well, so its metrics are asked for."""
        asked = {name for rule in rules() for name in ({rule.record} if rule.record else rule.metrics)}
        return sorted(name for name in asked - set(QUIET) if not live.api.now(name))

    def is_there() -> bool:
        live.be_busy()
        return not without_data()

    wait_until(is_there, TRAFFIC_S, "data for every rule", every_s=ROUND_S)

    assert without_data() == []
    told = live.api.rules()
    assert len(told) == len(rules())
    assert [(rule["name"], rule["lastError"]) for rule in told if rule["health"] == "err"] == []


def test_no_alert_that_wakes_somebody_is_raised(live: WatchedDemo) -> None:
    firing = live.api.now('ALERTS{alertstate="firing", severity="critical"}')

    assert [series.labels["alertname"] for series in firing] == []


def test_every_dashboard_is_drawn(live: WatchedDemo, tmp_path: Path) -> None:
    begun_s = time.monotonic()

    def is_long_enough() -> bool:
        live.be_busy()
        return time.monotonic() - begun_s > DRAWN_S

    if DRAWN:
        wait_until(is_long_enough, DRAWN_S + TRAFFIC_S, "enough to draw", every_s=ROUND_S)
    images = draw_all(live.api, Path(DRAWN or tmp_path), time.time(), DRAWN_S)

    assert {image.stem for image in images} == {file.stem for file in GRAFANA.glob("*.json")}
    for image in images:
        with Image.open(image) as drawn:
            assert drawn.width > 1000
            assert len(drawn.convert("RGB").getcolors(maxcolors=1 << 24) or []) > 100
