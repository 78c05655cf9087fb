"""A command that needs another environment runs itself there, or says what to install."""

import os
import sys
from pathlib import Path

import pytest

from foresend.environments import require
from schemas.errors import ConfigError


def test_what_is_installed_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("executed again"))
    require("flink", "msgspec")


def test_the_command_line_is_run_again_in_the_extras_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / ".venv-trainer" / "bin" / "foresend"
    program.parent.mkdir(parents=True)
    program.touch()
    executed: list[tuple[Path, list[str]]] = []
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(sys, "argv", ["foresend", "train", "--every", "1d"])
    monkeypatch.setattr(os, "execv", lambda path, argv: executed.append((path, argv)))
    require("trainer", "no_such_module_here")
    assert executed == [(program, [str(program), "train", "--every", "1d"])]


def test_where_it_is_installed_nowhere_the_mend_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    with pytest.raises(ConfigError, match=r"foresend\[trainer\]"):
        require("trainer", "no_such_module_here")


def test_an_environment_that_lacks_it_too_does_not_run_itself_for_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / ".venv-trainer" / "bin" / "foresend"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv-trainer"))
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("executed again"))
    with pytest.raises(ConfigError):
        require("trainer", "no_such_module_here")
