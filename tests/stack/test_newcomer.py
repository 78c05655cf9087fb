"""The path from a fresh clone to a template of one's own, live and personal: the README's commands as they are."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.demo_process import DemoProcess
from tests.support.documents import ROOT
from tests.support.newcomer import MAIL, typed
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
STARTED_S = 300.0
STOPPED_S = 90.0
MADE = (".venv", ".venv-train", ".uv", ".jars")
"""What `make setup` makes: here it is there already, and newer than all it is made of."""
SOURCES = ("pyproject.toml", "uv.lock", "foresend/local/resources/*/pom.xml")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "foresend"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(folder)], check=True)
    for name in MADE:
        if not (ROOT / name).exists():
            pytest.skip(f"no {name}: run make setup")
        (folder / name).symlink_to(ROOT / name)
    for source in SOURCES:
        for file in folder.glob(source):
            os.utime(file, (0, 0))
    (folder / "my.html").write_text(MAIL, "utf-8")
    return folder


@pytest.fixture
def live(clone: Path) -> Iterator[DemoProcess]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FORESEND_")}
    script = "\n".join(["set -e", *typed()])
    demo = DemoProcess(
        clone, command=["bash", "-c", script], environment={**environment, "BROWSER": "true", "SHELL": "/bin/bash"}
    )
    yield demo
    demo.kill()


def test_ones_own_template_is_live_and_personal(live: DemoProcess) -> None:
    def page() -> str | None:
        told = [word for word in live.words.read_text().split() if word.endswith("/ana")]
        return told[0] if told else None

    wait_until(lambda: page() is not None or not live.is_running, STARTED_S, "the address of Ana's page")
    assert live.is_running, live.words.read_text()
    address = urlsplit(page() or "")

    def subject(template: str) -> str:
        with closing(HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
            connection.request("GET", f"/ana.json?template={template}")
            shown = json.loads(connection.getresponse().read())
        return str(shown.get("subject", "")) if shown.get("template") == template else ""

    wait_until(lambda: "Ana" in subject("my"), STOPPED_S, "Ana's name in the subject of the imported e-mail")
    wait_until(lambda: subject("welcome") != "", STOPPED_S, "a message of the starter's own template")
    live.interrupt()
    assert live.ended(STOPPED_S) is not None
    assert "simulated people made" in live.said()
    live.wait_gone()
