"""A corpus of escapes from sandboxes, tried at every place where somebody's text comes in: none is ever run.

Three walls, each tried alone: values are never source; what is source is checked; the sandbox runs what was checked.
"""

from pathlib import Path

import msgspec
import pytest
from jinja2 import TemplateError
from markupsafe import escape

from schemas.errors import ConfigError
from schemas.ids import FieldName, Locale
from schemas.library import Layout, Release, Template
from templates.compiler import draft_release
from templates.expressions import HTML_ENVIRONMENT, TEXT_ENVIRONMENT, Fault, faults_of, parse, pieces_of
from templates.library import Library
from templates.mjml_source import check_mjml, compile_mjml
from templates.problems import Severity
from templates.shapes import compiled
from templates.validation import validate
from templates.workspace import SAMPLE, load
from tests.support.escapes import PAYLOADS, hits
from tests.support.workspaces import sample_with

EN, PLAIN, NAME = Locale("en"), "Quintessa", FieldName("first_name")
VALUES = {
    "fields": {"first_name": "Ana"},
    "slots": {"hero": {"src": "https://images.lantern-reel.example/a.jpg"}},
    "marks": {"view_url": "fs-mark-0-view_url-"},
}
HARMLESS = frozenset(
    {
        "${7*7}", "#{7*7}", "<%= 7*7 %>", "*{7*7}", "@(7*7)", "{7*7}", "{php}echo 7*7;{/php}", "[[${7*7}]]",
        "${T(java.lang.Runtime).getRuntime().exec('id')}", "<#assign x=7>", "#set($x=7*7)",
        "{% raw %}{{ 7*7 }}{% endraw %}",
    }
)  # fmt: skip
"""Words, to Jinja2 too."""


@pytest.fixture(scope="module")
def draft() -> Release:
    return draft_release(load(SAMPLE))


def newsletter(library: Library) -> Template:
    return next(template for template in library.templates if template.name == "newsletter")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_as_a_persons_value_it_is_printed_as_it_stands(draft: Release, payload: str) -> None:
    library = Library(draft)
    template = newsletter(library)
    variants = [slot.variants[0].id for slot in template.slots]
    shown = library.fields_of(template, EN, {"first_name": payload})[NAME]

    message = library.render(template, EN, variants, {"first_name": payload})

    plain = library.render(template, EN, variants, {"first_name": PLAIN})
    assert message.html.decode() == plain.html.decode().replace(PLAIN, str(escape(shown)))
    assert message.text.decode() == plain.text.decode().replace(PLAIN, shown)
    assert message.subject == plain.subject.replace(PLAIN, shown)
    assert shown in {payload, "film friend"} or payload.startswith(shown.removesuffix("…"))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_as_source_each_wall_alone_stops_it(payload: str) -> None:
    for environment in (HTML_ENVIRONMENT, TEXT_ENVIRONMENT):
        tree = parse(payload, environment)
        is_refused = isinstance(tree, Fault) or any(faults_of(tree))
        if not is_refused:
            assert payload in HARMLESS or _names_nothing(payload)
        if "999999999" in payload or "1000000000" in payload or "9**9" in payload or "*1000)" in payload:
            continue  # what is only large is stopped by the first wall
        try:
            out = environment.from_string(payload).render(VALUES)
        except (TemplateError, TypeError):
            continue  # a call, an attribute or a name that the sandbox has not
        assert hits(out, payload) == [] or _is_arithmetic(payload), out


def _names_nothing(payload: str) -> bool:
    """A plain name that no release has: it is refused with the release that prints it."""
    layout = compiled(Layout(payload, payload, EN, "", ""))
    return layout.references == {("fields", "pop")}


def _is_arithmetic(payload: str) -> bool:
    """Sums of the layout's own author harm nobody; the check refuses them all the same."""
    return "7" in payload and "__" not in payload


@pytest.mark.parametrize("payload", [one for one in PAYLOADS if "{" in one and one not in HARMLESS])
def test_as_words_of_the_workspace_it_is_refused_or_printed(draft: Release, payload: str) -> None:
    """Words of variants, subjects and texts may print values and do nothing else."""
    pieces = pieces_of(payload)
    if isinstance(pieces, Fault):
        assert pieces.message
        return
    assert pieces.references
    with pytest.raises(ConfigError):
        Library(_with_words(draft, payload))


def _with_words(draft: Release, payload: str) -> Release:
    """The release with a payload as a headline, past all checks of the workspace."""
    templates = []
    for template in draft.templates:
        slots = []
        for slot in template.slots:
            first = slot.variants[0]
            words = {locale: parts | {"text": payload} for locale, parts in first.content.items()}
            is_headline = slot.kind == "headline"
            variant = msgspec.structs.replace(first, content=words) if is_headline else first
            slots.append(msgspec.structs.replace(slot, variants=(variant, *slot.variants[1:])))
        templates.append(msgspec.structs.replace(template, slots=tuple(slots)))
    return msgspec.structs.replace(draft, templates=tuple(templates))


@pytest.mark.parametrize("payload", [one for one in PAYLOADS if one not in HARMLESS and "{" in one][::18])
def test_validation_refuses_it_in_layout_words_subject_and_settings(tmp_path: Path, payload: str) -> None:
    quoted = "'" + payload.replace("'", "''") + "'"
    places = (
        ("newsletter/template.mjml", "{{ texts.nearby }}", payload.replace("<", "&lt;")),
        ("newsletter/locales/en.yaml", 'subject: "{{ slots.subject.text }}"', f"subject: {quoted}"),
        ("newsletter/locales/en.yaml", '{ text: "The weekend starts in row F" }', f"{{ text: {quoted} }}"),
        ("newsletter/locales/en.yaml", "first_name: film friend", f"first_name: {quoted}"),
        ("foresend.yaml", "name: Lantern & Reel         #", f"name: {quoted} #"),
    )
    for number, (file, old, new) in enumerate(places):
        folder = sample_with(tmp_path / str(number), (file, old, new))

        problems = [one for one in validate(folder) if one.severity is Severity.ERROR]

        assert any(one.file.endswith(file) for one in problems), (file, payload)
        assert all(one.line >= 1 and one.column >= 1 and one.mend for one in problems)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1/x.mjml", "https://evil.example/x",
     "./foresend.yaml", "foresend.yaml", "\\\\evil\\x", "/proc/self/environ", "", "{{ fields.first_name }}"],
)  # fmt: skip
def test_no_file_is_included(tmp_path: Path, path: str) -> None:
    include = f'<mj-include path="{path}" />'
    folder = sample_with(
        tmp_path,
        ("newsletter/template.mjml", "<mj-raw>{{ marks.open_pixel }}", f"{include}<mj-raw>{{{{ marks.open_pixel }}}}"),
    )

    problems = [one for one in validate(folder) if "mj-include" in one.message]

    source = (folder / "templates/newsletter/template.mjml").read_text("utf-8")
    assert [(one.line, one.severity) for one in problems] == [
        (source[: source.index("<mj-include")].count("\n") + 1, Severity.ERROR)
    ]
    bare = f"<mjml><mj-body>{include}</mj-body></mjml>"
    assert check_mjml(bare)
    out = compile_mjml(bare)
    assert isinstance(out, Fault) or "root:" not in out
