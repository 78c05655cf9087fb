import json
from pathlib import Path

import pytest

from foresend.cli import main
from templates.workspace import SAMPLE
from tests.support.workspaces import sample_with


def test_a_workspace_without_errors_is_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--workspace", str(SAMPLE)]) == 0
    assert "no errors, no warnings" in capsys.readouterr().out


def test_each_problem_is_told_with_its_place_and_mend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sample_with(tmp_path, ("foresend.yaml", "timezone: Europe/London", "timezone: Mars"))
    assert main(["validate", "--workspace", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert f"{folder}/foresend.yaml:7:1: error: 'Mars' is no time zone\n    Name one" in shown
    assert "1 error, no warnings" in shown


def test_as_json_each_problem_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sample_with(
        tmp_path,
        ("foresend.yaml", "timezone: Europe/London", "timezone: Mars"),
        ("newsletter/variants.yaml", "[drama]", "[Drama]"),
    )
    assert main(["validate", "--workspace", str(folder), "--json"]) == 1
    problems = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(problem["file"], problem["line"], problem["severity"]) for problem in problems] == [
        ("foresend.yaml", 7, "error"),
        ("templates/newsletter/variants.yaml", 14, "warning"),
    ]
    assert all(problem["message"] and problem["mend"] and problem["column"] for problem in problems)


def test_a_warning_alone_is_no_failure(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, ("newsletter/variants.yaml", "[drama]", "[Drama]"))
    assert main(["validate", "--workspace", str(folder), "--json"]) == 0


@pytest.mark.parametrize("own", [True, False])
def test_without_a_folder_it_is_this_one_or_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own: bool
) -> None:
    folder = sample_with(tmp_path, ("foresend.yaml", "timezone: Europe/London", "timezone: Mars")) if own else tmp_path
    monkeypatch.chdir(folder)
    assert main(["validate"]) == int(own)
    assert ("Mars" in capsys.readouterr().out) is own
