"""Layouts that are HTML: carried as they are, under the same checks."""

import shutil
from pathlib import Path

import pytest

from templates.compiler import compile_release
from templates.expressions import Fault
from templates.layout_source import check_html, compile_html
from templates.problems import Problem, Severity
from templates.validation import validate
from templates.workspace import SAMPLE, load

HTML = """<html lang="{{ locale }}"><body><p>{{ texts.greeting }}<td>{{ slots.headline.text }}</p>{{ preheader }}
<a href="{{ slots.action.url }}">{{ slots.action.text }}</a><img src="x.png"><a href="#">top</a></body></html>"""
VARIANTS = """class: transactional
undecided: [alt, links]
slots:
  headline: {kind: headline, variants: [{id: a}]}
  action: {kind: action, variants: [{id: a, content: {url: "https://www.lantern-reel.example/"}}]}
"""
WORDS = """subject: S
preheader: P
texts: {greeting: Hello}
slots:
  headline: {a: {text: A & B}}
  action: {a: {text: Go}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "shop"))
    shutil.rmtree(folder / "templates")
    shutil.rmtree(folder / "campaigns")
    template = folder / "templates" / "mail"
    (template / "locales").mkdir(parents=True)
    (template / "template.html").write_text(HTML)
    (template / "variants.yaml").write_text(VARIANTS)
    (template / "locales" / "en.yaml").write_text(WORDS)
    return folder


def errors(folder: Path) -> list[Problem]:
    return [problem for problem in validate(folder) if problem.severity is Severity.ERROR]


def test_html_is_sent_as_it_was_written_with_its_values(shop: Path) -> None:
    release = compile_release(load(shop))
    html = release.fallbacks["mail/en"].html.decode()
    assert html.startswith(
        '<html lang="en"><body><p>Hello<td>A &amp; B</p>P\n<a href="https://www.lantern-reel.example/'
    )


def test_what_is_undecided_is_a_warning_and_an_error_once_it_is_decided(shop: Path) -> None:
    assert errors(shop) == []
    warnings = [one for one in validate(shop) if one.message.endswith("has no alt") or "'x.png'" in one.message]
    assert [one.severity for one in warnings] == [Severity.WARNING] * 2
    file = shop / "templates" / "mail" / "variants.yaml"
    file.write_text(VARIANTS.replace("alt, links", "links"))
    assert [one.message for one in errors(shop)] == ["<img> has no alt"]
    file.write_text(VARIANTS.replace("alt, links", "alt"))
    assert any("'x.png': expected an address" in one.message for one in errors(shop))


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", " JavaScript:x", "vbscript:x", "data:text/html,x", "file:///a"]
)
def test_what_may_do_harm_is_an_error_whatever_is_undecided(shop: Path, address: str) -> None:
    (shop / "templates" / "mail" / "template.html").write_text(HTML.replace("#", address))
    assert any("expected an address" in one.message for one in errors(shop))


@pytest.mark.parametrize("markup", ["<script></script>", "<p onclick='a()'>", "<form>", "<iframe>", "<link rel=a>"])
def test_html_may_not_hold_what_runs(markup: str) -> None:
    assert len(check_html(f"<html>{markup}</html>")) == 1


def test_html_may_leave_elements_open() -> None:
    assert check_html("<html><p>a<p>b<table><tr><td>c</table></div></html>") == []


def test_html_is_a_whole_document_of_readable_jinja() -> None:
    assert [message for _, _, message, _ in check_html("<p>a</p>")] == ["there is no <html> element"]
    assert isinstance(compile_html("<html>{{ a"), Fault)


def test_elements_nested_too_deep_are_an_error_of_validate(shop: Path) -> None:
    layout = shop / "templates" / "mail" / "template.html"
    layout.write_text(HTML.replace("<p>", "<div>" * 3_000, 1))
    assert [one.message for one in errors(shop)] == ["the elements are nested too deep: over 512 in one another"]
    layout.write_text(HTML.replace("<p>", "<div>" * 500 + "<p>", 1))
    assert errors(shop) == []


@pytest.mark.parametrize(
    "markup",
    [
        '<p style="color:rgb(1e999,0,0);background-color:rgb(1e999 0 0/1e999)">{}</p>',
        '<p style="color:' + "(" * 5_000 + '">{}</p>',
        "<style>" + "@media all{" * 2_000 + "p{color:red}" + "}" * 2_000 + "</style>{}",
        "<style>" + ":is(" * 3_000 + "p" + ")" * 3_000 + "{color:red}</style>{}",
        '<a href="https://[::1">{}</a>',
    ],
)
def test_whatever_html_holds_is_linted(shop: Path, markup: str) -> None:
    (shop / "templates" / "mail" / "template.html").write_text(
        HTML.replace("<p>", markup.replace("{}", "words") + "<p>")
    )
    assert all(one.message for one in validate(shop))


def test_a_template_has_one_layout(shop: Path) -> None:
    (shop / "templates" / "mail" / "template.mjml").write_text("<mjml></mjml>")
    assert [(one.file, one.message) for one in errors(shop)] == [
        ("templates/mail/template.html", "there is a template.mjml beside it")
    ]
