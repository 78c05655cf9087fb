"""Where figures come from: the commit that was measured, and whether its code was changed."""

import subprocess
from pathlib import Path

import pytest

from foresend.bench.machine import commit, machine


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    for name in ("code.py", "docs/benchmarks.md"):
        (tmp_path / name).write_text("one\n", encoding="utf-8")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    found = commit(checkout)

    assert found is not None
    assert len(found) == 12
    assert "-dirty" not in found


def test_changed_code_is_told(checkout: Path) -> None:
    (checkout / "code.py").write_text("two\n", encoding="utf-8")

    assert (commit(checkout) or "").endswith("-dirty")


def test_documents_and_new_files_change_nothing_that_is_measured(checkout: Path) -> None:
    (checkout / "docs/benchmarks.md").write_text("figures\n", encoding="utf-8")
    (checkout / "notes").write_text("mine\n", encoding="utf-8")

    assert not (commit(checkout) or "-dirty").endswith("-dirty")


def test_an_installed_copy_inside_a_strange_checkout_has_no_commit(checkout: Path) -> None:
    installed = checkout / "site-packages"
    installed.mkdir()

    assert commit(installed) is None


def test_what_is_no_checkout_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert commit(tmp_path) is None


def test_this_machine_has_cores_and_memory() -> None:
    here = machine()

    assert here["cores"] >= 1
    assert here["memory_gb"] > 0
    assert here["cpu"]
