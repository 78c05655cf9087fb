"""Layouts that only print are read without Jinja2: what is found in them is what Jinja2 finds."""

from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes

from templates.expressions import (
    HTML_ENVIRONMENT,
    Fault,
    Reference,
    Span,
    faults_of,
    parse,
    plain_parts,
    reference_of,
    spans_of,
)

SNIPPETS = [
    "{{ slots.hero.src }}", "{{fields.name}}", "{{  marks.view_url}}", "{{ locale }}", "{{ none }}", "{{ not }}",
    "{{ true }}", "{{ fields.if }}", "{{ slots.hero }}", "{{ Fields.name }}", "{{ fields.name|upper }}",
    "{{- fields.name }}", "{{ fields.name -}}", "{{\nfields.name }}", "{{ fields. name }}", "{{ 'a' }}", "{{ 1 }}",
    "{{ fields.né }}", "{% if fields.name %}", "{% endif %}", "{% raw %}", "{% endraw %}", "{# a #}", "{#", "#}",
    "{{", "}}", "{%", "%}", "{", "}", "{{{", "}}}", "<p>", " ", "\n", "\r\n", "\r", "#", "##", "-", "a", "ü", "\\",
    "'", '"', "{{ }}", "{{ slots.hero.src }", "{ { locale } }", "\u2028", "\x85",
]  # fmt: skip
sources = st.lists(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=3)), max_size=8).map("".join)


def parts_by_jinja(tree: nodes.Template) -> list[str | Reference]:
    parts: list[str | Reference] = []
    for output in tree.body:
        assert isinstance(output, nodes.Output)
        for part in output.nodes:
            reference = reference_of(part)
            assert reference is not None or isinstance(part, nodes.TemplateData)
            parts.append(reference if reference is not None else part.data)  # type: ignore[attr-defined]
    return parts


def spans_by_jinja(source: str) -> list[Span]:
    """Where its lexer sees marks begin and end."""
    spans: list[Span] = []
    position = start = 0
    names: list[str] = []
    for _, kind, value in HTML_ENVIRONMENT.lex(source):
        at = source.index(value, position)
        position = at + len(value)
        if kind == "variable_begin":
            start, names = at, []
        elif kind == "name":
            names.append(value)
        elif kind == "variable_end":
            spans.append(Span("variable", start, position, tuple(names)))
    return spans


@given(sources)
def test_what_is_read_as_plain_is_what_jinja_reads(source: str) -> None:
    parts = plain_parts(source)
    if parts is None:
        return
    tree = parse(source)
    assert not isinstance(tree, Fault)
    assert not list(faults_of(tree))
    assert list(parts) == parts_by_jinja(tree)
    assert spans_of(source) == spans_by_jinja(source)


@given(st.lists(st.sampled_from(["{{ slots.hero.src }}", "{{ locale }}"]), min_size=1, max_size=5), st.data())
def test_a_layout_that_prints_plainly_is_read_as_plain(marks: list[str], data: st.DataObject) -> None:
    words = [data.draw(st.text(st.characters(exclude_characters="{\r"), min_size=1)) for _ in marks]
    source = "".join(mark + word for mark, word in zip(marks, words, strict=True))
    assert plain_parts(source) is not None


def test_two_values_side_by_side_are_left_to_jinja_to_refuse() -> None:
    assert plain_parts("{{ locale }}{{ locale }}") is None
    assert plain_parts("{{{ locale }}") is None
    assert plain_parts("a\r\n{{ locale }}") is None
