"""Another Python, packages of other versions; a missing extra is in tests/stack/test_doctor.py."""

from importlib import metadata
from pathlib import Path

import pytest

from foresend.doctor import installed
from foresend.doctor.installed import extra, packages, python


def test_this_python_and_another() -> None:
    assert python().ok
    finding = python((3, 12))
    assert not finding.ok
    assert finding.found.startswith("3.12 at ")
    assert finding.expected == "3.11"


def test_the_packages_of_this_environment() -> None:
    assert packages().ok


def test_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.1" if name == "msgspec" else real(name))

    finding = packages()

    assert not finding.ok
    assert finding.found == "msgspec 0.1, not >=0.19"
    assert "make setup" in finding.mend


def test_an_extra_that_is_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(installed.EXTRAS, "train", "no_such_module")

    finding = extra("train", tmp_path / ".venv")

    assert not finding.ok
    assert "keras" in finding.expected
    assert "foresend[train]" in finding.mend


def test_an_extra_in_an_environment_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(installed.EXTRAS, "train", "no_such_module")
    program = tmp_path / ".venv-train" / "bin" / "foresend"
    program.parent.mkdir(parents=True)
    program.touch()

    assert extra("train", tmp_path / ".venv").ok


def test_an_extra_of_another_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(installed.EXTRAS, "flink", "json")
    monkeypatch.setattr(metadata, "version", lambda _: "1.20.0")

    finding = extra("flink", tmp_path / ".venv")

    assert not finding.ok
    assert finding.found == "apache-flink 1.20.0, not ==2.3.0"
