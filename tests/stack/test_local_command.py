"""`foresend local …` as it is typed: it leaves a broker running, finds it again, and stops at any moment."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foresend.local.broker import Broker
from foresend.local.prometheus import Prometheus
from foresend.processes import Identity
from schemas.topics import TOPICS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

LOCAL = [str(Path(sys.executable).with_name("foresend")), "local"]


def local(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LOCAL, *words], capture_output=True, text=True, timeout=120, check=False)


def test_up_status_up_again_down(tmp_path: Path) -> None:
    folder = f"--folder={tmp_path}"
    try:
        up = local("up", "--port=0", folder)
        assert up.returncode == 0, up.stderr
        broker = Broker(tmp_path)
        process = Identity.of(broker.pid)
        assert process is not None
        assert up.stdout.splitlines()[-1] == f"export FORESEND_KAFKA_BOOTSTRAP={broker.bootstrap}"
        assert f"{len(TOPICS)} topics" in up.stdout

        again = local("up", "--port=0", folder)
        assert again.returncode == 0, "an `up` on what is up already only tells where it is"
        assert again.stdout.splitlines()[-1] == up.stdout.splitlines()[-1]
        elsewhere = local("up", "--port=1", folder)
        assert elsewhere.returncode == 2
        assert f"runs at {broker.bootstrap}, not at port 1" in elsewhere.stderr

        told = json.loads(local("status", folder, f"--cluster-folder={tmp_path / 'none'}", "--json").stdout)
        assert told["broker"]["answers"] is True
        assert told["broker"]["pid"] == broker.pid
        assert told["cluster"]["running"] is False
    finally:
        down = local("down", folder)
    assert "is stopped" in down.stdout
    assert not process.is_running
    assert local("status", folder, f"--cluster-folder={tmp_path / 'none'}").returncode == 1
    assert local("down", folder).returncode == 0, "nothing to stop is no error"


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed")
def test_up_with_prometheus_tells_its_page_and_down_stops_it(tmp_path: Path) -> None:
    folder, watching = f"--folder={tmp_path / 'broker'}", f"--prometheus-folder={tmp_path / 'prometheus'}"
    cluster = f"--cluster-folder={tmp_path / 'none'}"
    asked = ["up", "--port=0", "--prometheus", "--prometheus-port=0", folder, watching]
    try:
        up = local(*asked, "--target", "serve=18090")
        assert up.returncode == 0, up.stderr
        page = Prometheus(tmp_path / "prometheus").url
        assert f"Prometheus is up at {page}" in up.stdout
        assert up.stdout.splitlines()[-1].startswith("export FORESEND_KAFKA_BOOTSTRAP=")
        told = tmp_path / "prometheus/targets/told.json"
        assert "127.0.0.1:18090" in told.read_text()

        again = local(*asked)
        assert again.returncode == 0, again.stderr
        assert "127.0.0.1:8090" in told.read_text(), "a later `up` tells a running one what to scrape"
        status = json.loads(local("status", folder, watching, cluster, "--json").stdout)
        assert status["prometheus"] == {"running": True, "page": page}
    finally:
        down = local("down", folder, watching)
    assert "Prometheus in" in down.stdout
    assert not Prometheus(tmp_path / "prometheus").is_running


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("ports.json", signal.SIGINT),
        ("format.log", signal.SIGINT),
        ("broker.pid.json", signal.SIGINT),
        ("broker.pid.json", signal.SIGTERM),
    ],
)
def test_an_interrupted_up_leaves_nothing_running(tmp_path: Path, moment: str, number: signal.Signals) -> None:
    up = subprocess.Popen([*LOCAL, "up", "--port=0", f"--folder={tmp_path}"], stderr=subprocess.DEVNULL)
    wait_until((tmp_path / moment).exists, 60, moment)
    up.send_signal(number)
    assert up.wait(60) != 0
    assert processes_with(str(tmp_path)) == []
    assert not (tmp_path / "broker.pid.json").exists()


def processes_with(word: str) -> list[int]:
    """Pids of other processes with the word in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in line:
                found.append(int(entry.name))
    return found
