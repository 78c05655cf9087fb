"""`foresend init`: what it writes is valid, its own, and never over anything."""

import json
from pathlib import Path

import pytest

from foresend.cli import main
from foresend.starting import STARTER
from templates.compiler import compile_release
from templates.validation import validate
from templates.workspace import load


@pytest.mark.parametrize(
    ("name", "brand", "host"), [("shop", "Shop", "shop.example"), ("my_shop-2", "My Shop 2", "my-shop-2.example")]
)
def test_a_fresh_workspace_is_valid_and_has_its_own_name(tmp_path: Path, name: str, brand: str, host: str) -> None:
    assert main(["init", str(tmp_path / name)]) == 0

    assert validate(tmp_path / name) == []
    workspace = load(tmp_path / name)
    assert (workspace.id, workspace.values["name"]) == (name, brand)
    assert workspace.values["sender_email"] == f"post@{host}"
    written = "".join(path.read_text("utf-8") for path in (tmp_path / name).rglob("*") if path.is_file())
    assert "starter" not in written.lower()
    assert compile_release(workspace).fallbacks


def test_it_tells_its_files_and_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "one"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["init", str(tmp_path / "two")]) == 0

    files = sorted(path for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert sorted(map(Path, told["files"])) == files
    assert len(files) == sum(path.is_file() for path in STARTER.rglob("*"))
    assert f"foresend validate --workspace {tmp_path / 'two'}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["Shop", "2shop", "sh op", "shop!", "ä"])
def test_what_is_no_id_is_refused(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / name)]) == 2

    assert "expected a name of lower case letters" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "notes.txt").write_text("mine")

    assert main(["init", str(tmp_path / "shop")]) == 2

    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["notes.txt"]
