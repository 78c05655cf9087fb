"""`foresend agents classify`."""

import io
import json
import sys

import pytest

from foresend.cli import main
from tests.support.agents import CHROME

LINES = f"curl/8.5.0\r\n{CHROME}\n\n".encode() + b"\xff\xfe\n"


@pytest.fixture(autouse=True)
def agents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES)))


def test_each_line_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "classify", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[:3] == [
        {"agent": "curl/8.5.0", "machine": True, "reason": "library"},
        {"agent": CHROME, "machine": False, "reason": "browser"},
        {"agent": "", "machine": False, "reason": "empty"},
    ]
    assert len(rows) == 4


def test_without_json_there_is_a_table_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agents", "classify"]) == 0
    told = capsys.readouterr().out
    assert "1 machine: library" in told
    assert "1 person: browser" in told
