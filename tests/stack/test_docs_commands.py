"""The commands of the README, run as they stand there; only ports and folders are the test's own."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from foresend.local import ports
from tests.support.documents import ROOT, commands
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
README = ROOT / "README.md"
COMMAND_S = 400.0
SHOWN_S = 400.0


class Reader:
    """Somebody who types what the README says, in a folder like a fresh checkout."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {port: str(ports.free_port()) for port in ("9092", "8080", "8090")}
        self._running: list[subprocess.Popen[bytes]] = []
        own = {name: value for name, value in os.environ.items() if not name.startswith("FORESEND_")}
        self._environment = {**own, "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        for name in ("templates", "examples"):
            (folder / name).symlink_to(ROOT / name)

    def type(self, text: str) -> str:
        """Do what a command does; returns what it prints."""
        text = self._with_own_ports(text)
        if text.startswith("export "):
            name, _, value = text.removeprefix("export ").partition("=")
            self._environment[name] = value
            return ""
        if text.startswith("kill "):
            self.stop()
            return ""
        if text.endswith("&"):
            self._start(text.removesuffix("&"))
            return ""
        return self._run(text)

    def stop(self) -> None:
        """End what was started in the background, as `kill %1 %2 %3` does."""
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(60) for process in self._running]
        self._running.clear()
        assert set(codes) <= {0, -signal.SIGTERM, 128 + signal.SIGTERM}

    def _with_own_ports(self, text: str) -> str:
        for known, own in self._ports.items():
            text = text.replace(f":{known}", f":{own}")
        default = {"local up": "9092", "collect": "8080", "serve": "8090"}
        for command, known in default.items():
            if text.startswith(f"foresend {command}"):
                text = text.replace(command, f"{command} --port {self._ports[known]}", 1)
        return text

    def _start(self, text: str) -> None:
        log = (self._folder / f"{len(self._running)}.log").open("wb")
        with log:
            self._running.append(
                subprocess.Popen(
                    shlex.split(text), cwd=self._folder, env=self._environment, stdout=log, stderr=subprocess.STDOUT
                )
            )

    def _run(self, text: str) -> str:
        # curl waits for programs that were only just started.
        text = text.replace("curl ", "curl --silent --show-error --fail --retry 60 --retry-connrefused ", 1)
        done = subprocess.run(
            shlex.split(text),
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            timeout=COMMAND_S,
            check=False,
        )
        assert done.returncode == 0, f"{text}: {done.stderr.decode(errors='replace')[-2000:]}"
        return done.stdout.decode()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    somebody = Reader(tmp_path)
    yield somebody
    somebody.stop()
    somebody.type("foresend local down")


def test_the_quick_start_gets_a_message_for_a_made_up_person(reader: Reader) -> None:
    typed = [command.text for command in commands(README, "Quick start")]
    typed = [text for text in typed if text.split()[0] not in {"make", "."}]
    look = next(text for text in typed if "format=json" in text)
    draw = next(text for text in typed if "send_id" in text)

    def message(text: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(reader.type(text))
        return found

    for text in typed[: typed.index(look)]:
        reader.type(text)
    wait_until(lambda: message(look)["source"] == "entry", SHOWN_S, "the first message rendered for Ana")
    first, second = message(draw), message(draw)

    assert first["source"] == "entry"
    assert first == second, "the same send id gets the same message"
    for text in typed[typed.index(draw) + 1 :]:
        reader.type(text)


def test_history_goes_the_whole_way_and_is_verified(reader: Reader) -> None:
    replay, verify = (command.text for command in commands(README, "History, and a check of it all"))

    replayed = json.loads(reader.type(f"{replay} --json"))
    verified = json.loads(reader.type(f"{verify} --json"))

    assert replayed["events_sent"] == replayed["events_read"] > 0
    assert replayed["dead_letters"] == 0
    assert verified["users"] > 0
    assert [verified[name] for name in ("missing", "stale", "different", "foreign")] == [0, 0, 0, 0]
