"""`foresend demo` whole: its figures, and that it leaves nothing behind, whenever and however it is ended."""

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from connectors.kafka.log_reader import read_log
from connectors.kafka.settings import KafkaSettings
from foresend.demo.programs import own_folder
from foresend.demo.traffic import DRAWERS
from foresend.local import ports
from foresend.local.broker import Broker
from schemas.events import EventKind, decode_event
from schemas.topics import EVENTS
from tests.support.demo_process import DemoProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

STARTED_S = 200.0
STOPPED_S = 60.0
PORTS_CLOSED_S = 10.0
SEED = 11
ENDINGS = 20
EARLY_S, LATE_S = 9.0, 27.0
"""Most endings fall before the first; starting takes 15 to 30 s."""
KEYS = {
    "seconds", "setup_s", "first_message_s", "users", "events", "events_per_s", "freshness_p50_ms",
    "freshness_p99_ms", "personalised_share", "sends", "click_rate_personalised", "click_rate_uniform",
    "click_rate_best_fixed", "lift_vs_uniform", "lift_vs_uniform_lo", "lift_vs_uniform_hi", "lift_vs_best_fixed",
    "lift_vs_best_fixed_lo", "lift_vs_best_fixed_hi", "dead_letters", "restarts",
}  # fmt: skip
Start = Callable[..., DemoProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[DemoProcess] = []

    def one(*options: str) -> DemoProcess:
        started.append(DemoProcess(tmp_path, *options))
        return started[-1]

    yield one
    for demo in started:
        demo.kill()


def figures_of(demo: DemoProcess, seconds: float) -> dict[str, Any]:
    """What it printed, once it has ended by itself."""
    assert demo.ended(STARTED_S + seconds + STOPPED_S) == 0, demo.words.read_text()
    (line,) = demo.said().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def expect_nothing_left(demo: DemoProcess) -> None:
    """No program, no port, no lock."""
    demo.wait_gone()
    file = demo.folder / "broker" / "ports.json"
    if file.exists():
        taken = json.loads(file.read_text())
        # The kernel takes a killed program's memory, by which it is found, before it closes its sockets.
        wait_until(lambda: not any(map(ports.is_open, taken)), PORTS_CLOSED_S, f"the ports {taken} to be closed")
    with own_folder(demo.folder):
        pass


def exposures(demo: DemoProcess) -> int:
    """How many sends the log tells of, each once."""
    with Broker(demo.folder / "broker") as broker:
        events = (decode_event(record.value) for record in read_log(KafkaSettings(broker.bootstrap), EVENTS.name))
        return len({event.id for event in events if event.kind is EventKind.EXPOSURE})


def expect_every_send_in_the_log(demo: DemoProcess, found: dict[str, Any]) -> None:
    """Each send is told once; a draw that was under way at the end may be told though its answer was not waited for."""
    sends = found["sends"] - found["fallbacks"].get("unknown", 0)
    assert sends <= exposures(demo) <= sends + DRAWERS


@pytest.mark.timeout(400)
def test_a_short_run_prints_all_figures_and_leaves_nothing(start: Start) -> None:
    demo = start("--seconds", "20", "--people", "200", "--json")
    found = figures_of(demo, 20)

    assert set(found) >= KEYS
    assert found["seconds"] == pytest.approx(20, abs=3)
    assert found["users"] == 200
    assert found["events"] == pytest.approx(found["events_per_s"] * found["seconds"], rel=0.02)
    assert found["sends"] > 20
    assert 0 < found["freshness_p50_ms"] <= found["freshness_p99_ms"]
    assert 0.3 < found["personalised_share"] <= 1
    assert (found["dead_letters"], found["restarts"], found["refused"]) == (0, 0, 0)
    assert 0 < found["first_message_s"] < STARTED_S
    assert found["renders"]["new"] >= 2
    assert 500 < found["memory_mb"] < 4000
    expect_every_send_in_the_log(demo, found)
    expect_nothing_left(demo)


@pytest.mark.timeout(400)
def test_a_killed_task_manager_comes_back_and_no_send_is_lost(start: Start) -> None:
    demo = start("--seconds", "30", "--people", "100", "--json", "--chaos")
    found = figures_of(demo, 150)

    assert found["recovered_in_s"] > 0
    assert found["fresh_in_s"] > 0
    assert found["restarts"] == 1
    assert found["dead_letters"] == 0
    assert found["sends"] > 20
    expect_every_send_in_the_log(demo, found)
    expect_nothing_left(demo)


@pytest.mark.timeout(400)
def test_a_page_of_somebody_is_served_and_ctrl_c_ends_a_run_with_its_figures(start: Start) -> None:
    demo = start("--people", "50", "--json")

    def page() -> str | None:
        told = [word for word in demo.words.read_text().split() if word.endswith("/ana")]
        return told[0] if told else None

    wait_until(lambda: page() is not None or not demo.is_running, STARTED_S, "the address of Ana's page")
    address = urlsplit(page() or "")
    connection = HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", "/ana.json")
    shown = json.loads(connection.getresponse().read())
    connection.close()
    demo.signal(signal.SIGINT)
    found = figures_of(demo, 0)

    assert (shown["name"], shown["source"]) == ("Ana", "entry")
    assert set(found) >= KEYS
    assert not ports.is_open(address.port or 0)
    expect_nothing_left(demo)


@pytest.mark.timeout(400)
def test_a_program_that_ends_by_itself_ends_the_demo_and_is_named(start: Start) -> None:
    demo = start("--people", "50", "--json")
    wait_until(lambda: "be one of them" in demo.words.read_text() or not demo.is_running, STARTED_S, "the demo to run")
    (serve,) = [pid for pid, words in demo.programs().items() if " serve " in words]
    os.kill(serve, signal.SIGKILL)

    assert demo.ended(STOPPED_S) == 1
    assert f"serve ended with code {-signal.SIGKILL}" in demo.words.read_text()
    assert demo.said() == ""
    expect_nothing_left(demo)


def endings() -> Iterator[Any]:
    """When it is ended, after its start, and by what; a fourth of them on a standalone cluster."""
    chance = random.Random(SEED)
    twice = (signal.SIGINT, signal.SIGINT)
    kinds = [(signal.SIGTERM,), (signal.SIGKILL,), (signal.SIGKILL,), *[twice] * 6]
    kinds += [(signal.SIGINT,)] * (ENDINGS - len(kinds))
    chance.shuffle(kinds)
    for number, kind in enumerate(kinds):
        bounds = (EARLY_S, LATE_S) if number % 3 == 2 else (0.0, EARLY_S)
        after_s, options = round(chance.uniform(*bounds), 2), ("--chaos",) if number % 4 == 1 else ()
        name = " ".join([f"{after_s} s", *(one.name for one in kind), *options])
        yield pytest.param(after_s, kind, options, id=name)


@pytest.mark.parametrize(("after_s", "numbers", "options"), list(endings()))
def test_ended_at_any_moment_it_leaves_nothing(
    start: Start, after_s: float, numbers: tuple[signal.Signals, ...], options: tuple[str, ...]
) -> None:
    demo = start("--people", "50", "--json", *options)
    assert demo.ended(after_s) is None, demo.words.read_text()
    for number in numbers:
        demo.signal(number)
        demo.ended(0.1)

    assert demo.ended(STOPPED_S) is not None, "expected it to end"
    expect_nothing_left(demo)
