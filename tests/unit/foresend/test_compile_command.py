"""`foresend compile`: sizes that are those of the messages, and what a release would hold; nothing is published."""

import json
from pathlib import Path
from typing import Any

import pytest

from foresend.cli import main
from schemas.codec import encode
from schemas.ids import Locale
from templates.compiler import compile_release
from templates.library import Library
from templates.lint.size import MARK_BYTES
from templates.workspace import SAMPLE, load
from tests.support.workspaces import sample_with


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_sizes_are_those_of_rendered_messages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--workspace", str(SAMPLE), "--json"]) == 0

    lines = told(capsys)
    release = compile_release(load(SAMPLE))
    library = Library(release)
    assert lines[-1]["kind"] == "release"
    assert (lines[-1]["release"], lines[-1]["release_bytes"]) == (release.id, len(encode(release)))
    for line in (line for line in lines if line["kind"] == "template"):
        template = next(one for one in library.templates if one.name == line["template"])
        chosen = [pair.partition(".")[2] for pair in line["largest"]]
        longest = {field.name: "m" * field.length_max for field in template.fields if field.kind == "text"}
        message = library.render(template, Locale(line["locale"]), chosen, longest)
        marks = message.html.count(release.mark_prefix.encode())
        assert line["largest_html_bytes"] == len(message.html) + MARK_BYTES * marks
        assert line["default_html_bytes"] <= line["largest_html_bytes"]
        own = [one for one in lines if one["kind"] == "variant" and one["template"] == template.name]
        assert len(own) == len(template.layouts) * sum(len(slot.variants) for slot in template.slots)


def test_errors_forbid_it_and_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sample_with(tmp_path, ("foresend.yaml", "timezone: Europe/London", "timezone: Mars"))

    assert main(["compile", "--workspace", str(folder), "--json"]) == 1

    assert [(line["file"], line["severity"]) for line in told(capsys)] == [("foresend.yaml", "error")]


def test_people_see_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--workspace", str(SAMPLE)]) == 0

    shown = capsys.readouterr().out
    assert "newsletter in en: marketing email" in shown
    assert "the-general" in shown
    assert "release " in shown
