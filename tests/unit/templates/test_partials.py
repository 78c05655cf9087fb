"""Parts of layouts are put in where they are named, from the workspace's folder alone, and told of where they stand."""

from functools import partial
from pathlib import Path

import pytest

from templates.compiler import compile_release
from templates.partials import DEPTH_MAX, INCLUDES_MAX, PARTIALS_FOLDER, whole_layout
from templates.problems import Problem
from templates.reading import _read_part
from templates.validation import validate
from templates.workspace import load
from tests.support.workspaces import sample_with

LAYOUT = "templates/newsletter/template.mjml"
PIXEL = "<mj-raw>{{ marks.open_pixel }}"


def part(folder: Path, name: str, text: str) -> None:
    file = folder / PARTIALS_FOLDER / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def whole(folder: Path, source: str) -> str:
    return whole_layout("layout.mjml", source, partial(_read_part, folder)).source


def test_a_layout_without_parts_is_as_it_was() -> None:
    found = whole_layout("layout.mjml", "<mjml>\n</mjml>", lambda _: None)
    assert (found.source, found.places) == ("<mjml>\n</mjml>", ())


@pytest.mark.parametrize(
    "include",
    ['<mj-include path="a.mjml" />', "<mj-include path='a.mjml'></mj-include>", '<mj-include\n path="a.mjml"/>'],
)
def test_a_part_is_put_in(include: str, tmp_path: Path) -> None:
    part(tmp_path, "a.mjml", "<mj-text>A</mj-text>")
    assert whole(tmp_path, f"<x>{include}</x>").split("\n") == ["<x>", "<mj-text>A</mj-text>", "</x>"]


def test_parts_may_hold_parts(tmp_path: Path) -> None:
    part(tmp_path, "a.mjml", '1<mj-include path="more/b.mjml" />3')
    part(tmp_path, "more/b.mjml", "2")
    assert whole(tmp_path, '0<mj-include path="a.mjml" />4').replace("\n", "") == "01234"


def test_a_part_that_holds_itself_ends(tmp_path: Path) -> None:
    part(tmp_path, "a.mjml", '+<mj-include path="a.mjml" />')
    found = whole(tmp_path, '<mj-include path="a.mjml" />')
    assert found.count("+") == DEPTH_MAX
    assert "<mj-include" in found, "what is left is refused by the check of elements"


def test_parts_that_multiply_end(tmp_path: Path) -> None:
    for number in range(DEPTH_MAX):
        part(tmp_path, f"p{number}.mjml", f'+<mj-include path="p{number + 1}.mjml" />' * 8)
    part(tmp_path, f"p{DEPTH_MAX}.mjml", "end")
    assert 8 < whole(tmp_path, '<mj-include path="p0.mjml" />' * 8).count("+") <= 8 * INCLUDES_MAX


@pytest.mark.parametrize(
    "attributes",
    ['path="../a.mjml"', 'path="/etc/passwd"', 'path="./a.mjml"', 'path="a.txt"', 'path="none.mjml"', "",
     'path="a.mjml" type="css"', 'path="{{ fields.x }}.mjml"', 'path="a.mjml\0"', 'path="b/../a.mjml"'],
)  # fmt: skip
def test_what_is_no_part_stays_to_be_refused(attributes: str, tmp_path: Path) -> None:
    part(tmp_path, "a.mjml", "canary")
    source = f"<mj-include {attributes} />"
    assert whole(tmp_path, source) == source


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.mjml").write_text("canary")
    (tmp_path / PARTIALS_FOLDER).mkdir()
    (tmp_path / PARTIALS_FOLDER / "a.mjml").symlink_to(tmp_path / "secret.mjml")
    assert "canary" not in whole(tmp_path, '<mj-include path="a.mjml" />')


def test_a_comment_names_no_part(tmp_path: Path) -> None:
    part(tmp_path, "a.mjml", "A")
    source = '<!-- <mj-include path="a.mjml" /> -->'
    assert whole(tmp_path, source) == source


def test_a_problem_is_told_where_it_was_written() -> None:
    found = whole_layout("layout.mjml", 'zero\n  x<mj-include path="a.mjml" />rest\nlast', {"a.mjml": "one\ntwo"}.get)
    told = [found.written(Problem("layout.mjml", line, 1, "m", "d")) for line in range(1, 7)]
    assert [(one.file, one.line, one.column) for one in told] == [
        ("layout.mjml", 1, 1), ("layout.mjml", 2, 1), ("partials/a.mjml", 1, 1), ("partials/a.mjml", 2, 1),
        ("layout.mjml", 2, 32), ("layout.mjml", 3, 1),
    ]  # fmt: skip


def test_a_part_of_a_workspace_is_checked_and_compiled_like_the_rest(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, (LAYOUT.removeprefix("templates/"), PIXEL, f'<mj-include path="end.mjml" />{PIXEL}'))
    end = "<mj-section>\n<mj-column><mj-text>{{ workspace.name }} ends.</mj-text></mj-column></mj-section>"
    part(folder, "end.mjml", end)
    release = compile_release(load(folder))
    assert any("Lantern &amp; Reel ends." in layout.html for layout in release.layouts.values())
    # when it is wrong, then its own file is named
    part(folder, "end.mjml", end.replace("workspace.name", "workspace.nobody"))
    (problem,) = [one for one in validate(folder) if "nobody" in one.message]
    assert (problem.file, problem.line) == ("partials/end.mjml", 2)
