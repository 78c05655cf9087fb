"""Records healthy minutes: a demo and a Prometheus side by side, then the series that the rules look at."""

import json
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any
from urllib.parse import quote, urlencode

from foresend import processes
from foresend.alerting.healthy import INTERVAL_S, Series
from foresend.alerting.series import Values
from foresend.local.prometheus import Prometheus
from schemas.errors import PersonalizationError

WINDOW_S = 600
WARM_UP_S = 90
"""Until caches are warm and everybody has done something; alerts would wait longer than this."""
TRAFFIC_S = 600.0
LOOK_S = 1.0
ANSWER_S = 60.0
END_GRACE_S = 90.0
TRAFFIC = "sum(rate(foresend_job_events_total[1m])) > 0"
NOISE = "job_id, tm_id, host, bucket"
"""Labels that no rule looks at and that would make the file large, or differ with each run."""


class NothingRecorded(PersonalizationError):
    """There was nothing to record; the demo's log tells why. Its operator looks there."""


def record(folder: Path, people: int, metrics: Iterable[str]) -> Series:
    """Series of some metrics over ten minutes of a demo that is begun for it.

    Raises:
        ConfigError: Prometheus is not installed, or something that the demo needs.
        NothingRecorded: the demo ended, or did nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Prometheus(folder / "prometheus", 0) as prometheus, _demo(folder, people) as demo:
        _wait_for_traffic(demo, prometheus.url)
        _watch(demo, WARM_UP_S + WINDOW_S)
        end_s = int(time())
        found = [one for metric in sorted(metrics) for one in _series(prometheus.url, metric, end_s)]
    if not found:
        raise NothingRecorded(f"expected series of the rules' metrics, found none; logs in {folder}")
    return found


def query(url: str, expression: str) -> list[dict[str, Any]]:
    """What an expression is now."""
    result: list[dict[str, Any]] = _ask(url, "query", {"query": expression})["result"]
    return result


def _series(url: str, metric: str, end_s: int) -> Iterator[tuple[Mapping[str, str], Values]]:
    start_s = end_s - WINDOW_S
    asked: dict[str, str | int] = {"query": f"sum without ({NOISE}) ({metric})", "start": start_s}
    asked |= {"end": end_s, "step": INTERVAL_S}
    for one in _ask(url, "query_range", asked)["result"]:
        values: list[float | None] = [None] * (WINDOW_S // INTERVAL_S + 1)
        for at_s, value in one["values"]:
            values[round((at_s - start_s) / INTERVAL_S)] = float(value)
        yield {**one["metric"], "__name__": metric}, values


def _ask(url: str, path: str, asked: Mapping[str, str | int]) -> dict[str, Any]:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=ANSWER_S)
    try:
        connection.request("GET", f"/api/v1/{path}?{urlencode(asked, quote_via=quote)}")
        answer = connection.getresponse()
        body = json.loads(answer.read())
    except (OSError, HTTPException) as error:
        raise NothingRecorded(f"expected an answer of Prometheus at {url}, got none: {error}") from error
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise NothingRecorded(f"expected an answer of Prometheus, got {answer.status}: {body.get('error')}")
    data: dict[str, Any] = body["data"]
    return data


@contextmanager
def _demo(folder: Path, people: int) -> Iterator[processes.Child]:
    words = ["demo", "--json", "--people", str(people), "--folder", str(folder / "demo")]
    command = [sys.executable, "-m", "foresend.cli", *words]
    child = processes.start(processes.Program(command, log=folder / "demo.log"))
    try:
        yield child
    finally:
        child.signal(signal.SIGINT)
        child.wait(END_GRACE_S)
        child.kill()


def _wait_for_traffic(demo: processes.Child, url: str) -> None:
    """Wait until the job takes events.

    Raises:
        NothingRecorded: the demo has ended, or there never were any.
    """
    until_s = monotonic() + TRAFFIC_S
    while not query(url, TRAFFIC):
        if monotonic() > until_s:
            raise NothingRecorded(f"expected traffic within {TRAFFIC_S:g} s, saw none; logs beside {demo.log}")
        _check(demo)
        sleep(LOOK_S)


def _watch(demo: processes.Child, seconds: float) -> None:
    """See for so long that the demo runs.

    Raises:
        NothingRecorded: it has ended.
    """
    until_s = monotonic() + seconds
    while monotonic() < until_s:
        _check(demo)
        sleep(LOOK_S)


def _check(demo: processes.Child) -> None:
    if not demo.is_running:
        raise NothingRecorded(f"the demo has ended; {demo.log}:\n{processes.last_lines(demo.said())}")
