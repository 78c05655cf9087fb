"""Blocks: JSON with the same slots, fields and words as e-mails, and each mistake in one told where it stands."""

import json
from pathlib import Path

import pytest

from schemas.ids import Locale, TemplateName, VariantId
from schemas.library import Release, TemplateKind
from templates.blocks import block_of, compile_block
from templates.compiler import compile_release
from templates.expressions import Fault
from templates.library import Library
from templates.problems import Severity
from templates.validation import validate
from templates.workspace import load
from tests.support.blocks import ALERT, with_block

NAME, EN = TemplateName("alert"), Locale("en")
PLAIN = [VariantId(one) for one in ("plain", "film", "book")]
FULL = [VariantId(one) for one in ("personal", "record", "book")]
JSON, YAML, WORDS = "template.json", "variants.yaml", "locales/en.yaml"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return compile_release(load(with_block(tmp_path_factory.mktemp("w"))))


def test_a_block_is_json_of_the_variants_words(release: Release) -> None:
    library = Library(release)
    template = library.template(NAME)
    assert (template.kind, template.surface) == (TemplateKind.BLOCK, "push")
    message = library.render(template, EN, FULL, {"first_name": 'Zoë "Z"'})
    assert (message.html, message.text, message.subject, message.preheader) == (b"", b"", "", "")
    block = json.loads(message.block)
    assert block.pop("unsubscribe").startswith(release.mark_prefix)
    assert block == {
        "title": 'Zoë "Z", tonight',
        "body": "A record\\tape — Lantern & Reel",
        "link": {
            "url": block["link"]["url"],
            "words": ["Book", "You asked for it"],
        },
        "terms": 'Stocks last.\nReally, Zoë "Z".',
        "sound": None, "badge": 1, "urgent": False,
    }  # fmt: skip
    assert block["link"]["url"].startswith("https://www.lantern-reel.example/book/friday?utm_source=")
    assert list(block) == ["title", "body", "link", "terms", "sound", "badge", "urgent"]


def test_disclosures_stand_in_blocks_as_in_e_mails(release: Release) -> None:
    library = Library(release)
    template = library.template(NAME)
    assert json.loads(library.render(template, EN, PLAIN, {}).block)["terms"].strip() == ""


def test_the_fallback_is_a_block(release: Release) -> None:
    block = json.loads(release.fallbacks["alert/en"].block)
    assert (block["title"], block["body"]) == ("Tonight", 'A film by "her" — Lantern & Reel')


def test_an_e_mail_is_made_as_before(release: Release) -> None:
    assert all(not one.block for name, one in release.fallbacks.items() if not name.startswith("alert"))
    assert b"<html" in release.fallbacks["newsletter/en"].html


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "message"),
    [
        (JSON, '"badge": 1,', '"badge": 1', 7, "not JSON"),
        (JSON, '"badge": 1', '"badge": {{ slots.title.text }}', 7, "not JSON"),
        (JSON, '"badge": 1', '"badge": "{{ slots.title.text | upper }}"', 1, "does nothing else"),
        (JSON, '"badge": 1', '"badge": "{% if fields.first_name %}x{% endif %}"', 1, "does nothing else"),
        (JSON, '"badge": 1', '"{{ slots.title.text }}": 1', 1, "name of the object"),
        (JSON, '"badge": 1', '"badge": NaN', 1, "NaN"),
        (JSON, '"badge": 1', '"badge": 1e999', 1, "too large"),
        (JSON, '"badge": 1', '"badge": [1, -1e999]', 1, "too large"),
        (JSON, '"badge": 1', '"badge": "\\ud83d"', 1, "half a character"),
        (JSON, '"badge": 1', '"sound": 1', 1, "stands twice"),
        (JSON, '"badge": 1', '"badge": "\\u007b\\u007b marks.send_id }}"', 1, "may not hold {"),
        (JSON, '"badge": 1', '"badge": "{{ slots.title.texts }}"', 7, "has no part 'texts'"),
        (JSON, '"badge": 1', '"badge": "{{ marks.open_pixel }}"', 7, "is HTML"),
        (JSON, '"badge": 1', '"badge": "{{ subject }}"', 7, "a block has no subject"),
        (JSON, "{{ disclosures }}", "", 1, "does not print the disclosure 'small'"),
        (JSON, "{{ slots.title.text }}", "Tonight", 1, "'title' is printed nowhere"),
        (JSON, '"title": "{{ slots.title.text }}"', '"head": "{{ slots.title.text }}"', 1, "needs a title"),
        (YAML, "surface: push\n", "", None, "needs a surface"),
        (YAML, "surface: push", "surface: watch", 2, "expected one of in-app, push, web"),
        (WORDS, "slots:\n", "subject: x\nslots:\n", 4, "a block has no subject"),
        (WORDS, "A film by", "A film " + "x" * 4000, 1, "bytes, over 3,584"),
    ],
)
def test_each_mistake_is_told(tmp_path: Path, file: str, old: str, new: str, line: int | None, message: str) -> None:
    problems = validate(with_block(tmp_path, (file, old, new)))
    errors = [one for one in problems if one.severity is Severity.ERROR and message in one.message]
    assert errors, problems
    assert {one.file for one in errors} <= {f"{ALERT}/{file}", f"{ALERT}/{JSON}"}
    assert line in (None, errors[0].line)


def test_long_words_of_a_push_message_are_warned_of(tmp_path: Path) -> None:
    problems = validate(with_block(tmp_path, (WORDS, "text: Tonight", "text: " + "Tonight " * 7)))
    told = [one for one in problems if "phones show about 50" in one.message]
    assert [one.severity for one in told] == [Severity.WARNING]


def test_what_is_right_has_no_problem(tmp_path: Path) -> None:
    assert [one for one in validate(with_block(tmp_path)) if one.file.startswith(ALERT)] == []


def test_a_template_has_one_layout(tmp_path: Path) -> None:
    workspace = with_block(tmp_path)
    (workspace / ALERT / "template.mjml").write_text("<mjml></mjml>", "utf-8")
    assert any("template.mjml beside it" in one.message for one in validate(workspace))


def test_an_e_mail_still_needs_its_headers(tmp_path: Path) -> None:
    workspace = with_block(tmp_path)
    path = workspace / "templates/newsletter/locales/en.yaml"
    path.write_text(path.read_text("utf-8").replace("subject: ", "x: ", 1).replace("x: ", "# ", 1), "utf-8")
    assert any("'subject' is missing" in one.message for one in validate(workspace))


def test_layouts_are_stored_without_spaces() -> None:
    assert compile_block('{ "a" : "{{ slots.a.text }} b" ,\n "c": [ 1, 2.50, "ü" ] }') == (
        '{"a":"{{ slots.a.text }} b","c":[1,2.5,"ü"]}'
    )
    assert isinstance(block_of("[1]"), Fault)
    assert isinstance(block_of('{"\\ue0000\\ue001": "\\ue0000\\ue001"}'), Fault)
