"""`foresend template import`, as it is typed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from foresend.cli import main
from templates.problems import Severity
from templates.validation import validate
from templates.workspace import SAMPLE

MAIL = (
    "<html><head><title>News of May</title></head><body><h1>A large headline</h1>"
    '<p>Hello {{ first_name }}, these are the words of it.</p><a href="http://a.example/">more</a></body></html>'
)
KEYS = {
    "file", "status", "slots", "fields", "html_bytes", "text_equal", "links_equal", "reason", "line", "column"
}  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "shop"))


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    file = tmp_path / "my.html"
    file.write_text(MAIL)
    return file


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_import_is_a_template_that_validates(shop: Path, mail: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template", "import", str(mail), "--into", str(shop), "--json"]) == 0
    (line,) = lines(capsys)
    assert line.keys() >= KEYS
    assert (line["status"], line["slots"], line["fields"]) == ("imported", 3, 1)
    assert (line["text_equal"], line["links_equal"], line["reason"]) == (True, True, "")
    assert len(MAIL) - 10 < line["html_bytes"] < 2 * len(MAIL)
    assert [one for one in validate(shop) if one.severity is Severity.ERROR] == []
    told = {one.message for one in validate(shop) if one.file == "templates/my/template.html"}
    assert "the layout lacks a visible link to unsubscribe" in told


def test_a_refused_file_is_told_and_nothing_is_written(
    shop: Path, mail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "old.mjml"
    bad.write_text("<mjml>\n<mj-body>\n  <mj-container /></mj-body></mjml>")
    files = [str(bad), str(mail), str(tmp_path / "none.html")]
    assert main(["template", "import", *files, "--into", str(shop), "--json"]) == 1
    old, new, missing = lines(capsys)
    assert (old["status"], old["line"], old["column"]) == ("refused", 3, 3)
    assert "npx mjml --migrate" in old["reason"]
    assert new["status"] == "imported"
    assert "cannot be read" in missing["reason"]
    assert not (shop / "templates" / "old").exists()


def test_a_template_that_is_there_is_only_overwritten_when_told_to(
    shop: Path, mail: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["template", "import", str(mail), "--into", str(shop), "--json"]
    assert [main(command), main(command), main([*command, "--name", "my"])] == [0, 0, 1]
    first, second, third = lines(capsys)
    assert first["template"] == "my"
    assert second["template"] not in {"my", "newsletter"}
    assert "--replace" in third["reason"]
    (shop / "templates" / "my" / "left.txt").write_text("x")
    assert main([*command, "--replace"]) == 0
    assert sorted(path.name for path in (shop / "templates" / "my").iterdir()) == [
        "locales", "template.html", "variants.yaml"
    ]  # fmt: skip


def test_without_a_workspace_nothing_is_written(
    mail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["template", "import", "my.html"]) == 0
    told = capsys.readouterr()
    assert "text equal to the original's, links equal to the original's" in told.out
    assert "unsubscribe: there is no link to unsubscribe" in told.out
    assert "nothing was written" in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["my.html"]


def test_a_workspace_that_is_wrong_is_not_imported_into(shop: Path, mail: Path) -> None:
    (shop / "foresend.yaml").write_text("workspace: 5\n")
    assert main(["template", "import", str(mail), "--into", str(shop)]) == 2


@pytest.mark.parametrize("name", ["Big", "1a", "../up", ""])
def test_a_name_that_no_template_may_have_is_wrong_use(name: str, shop: Path, mail: Path) -> None:
    arguments = ["template", "import", str(mail), str(mail), "--name", name or "two", "--into", str(shop)]
    assert main(arguments) == 2
