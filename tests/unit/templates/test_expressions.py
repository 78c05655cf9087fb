import jinja2
import pytest
from jinja2.exceptions import SecurityError

from templates.expressions import (
    HTML_ENVIRONMENT,
    TEXT_ENVIRONMENT,
    Fault,
    faults_of,
    parse,
    pieces_of,
    references,
    spans_of,
)

ESCAPES = [
    # CVE-2016-10745, CVE-2019-10906 (GHSA-462w), CVE-2024-56326, CVE-2025-27516, and what tutorials show.
    "{{ '{0.__class__.__init__.__globals__}'.format(fields) }}",
    "{{ '{a.__class__}'.format_map(fields) }}",
    "{% set f = '{0.__class__}'.format %}{{ f(fields) }}",
    "{{ ('{0.__class__}'|attr('format'))(fields) }}",
    "{{ fields|attr('__class__') }}",
    "{{ fields.x|attr('format') }}",
    "{{ fields.__class__ }}",
    "{{ fields['__class__'] }}",
    "{{ fields.items() }}",
    "{{ fields.x.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''.__class__.__base__.__subclasses__() }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ namespace(a=1) }}",
    "{{ range(1000000000) }}",
    "{% for x in range(1000000000) %}{% endfor %}",
    "{% for x in fields %}{{ x }}{% endfor %}",
    "{% set fields = 1 %}",
    "{% macro m() %}{% endmacro %}{{ m() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% block b %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% call m() %}{% endcall %}",
    "{% with a = fields %}{{ a }}{% endwith %}",
    "{% autoescape false %}{{ fields.x }}{% endautoescape %}",
    "{{ fields.x|safe }}",
    "{{ fields.x|map(attribute='__class__') }}",
    "{{ fields|tojson }}",
    "{{ fields.x|upper('a') }}",
    "{{ fields.x ~ '__' }}",
    "{{ fields.x * 1000 }}",
    "{{ fields.x[0] }}",
    "{{ [fields] }}",
    "{{ fields.x is callable }}",
    "{{ fields.x < 'a' }}",
    "{{ 'a' in fields }}",
    "{{ slots.a._b }}",
    "{{ fields }}",
    "{{ slots.a }}",
    "{{ slots.a.b.c }}",
    "{{ marks.a.b }}",
    "{{ environment }}",
    "{{ texts.a|upper }}",
    "{% if texts.a %}{% endif %}",
    "{{ fields.a }}{{ fields.b }}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_what_goes_beyond_printing_and_choosing_is_refused(source: str) -> None:
    tree = parse(source)
    assert isinstance(tree, Fault) or list(faults_of(tree))


@pytest.mark.parametrize("source", ESCAPES)
def test_the_sandbox_gives_nothing_away_where_the_check_were_missing(source: str) -> None:
    """The second wall: each escape, run unchecked, fails, or prints the given values and nothing else."""
    values = {
        "fields": {"x": "value", "a": "value", "b": "value"}, "slots": {"a": {"b": "value"}},
        "marks": {}, "texts": {"a": "value"},
    }  # fmt: skip
    for environment in (HTML_ENVIRONMENT, TEXT_ENVIRONMENT):
        try:
            shown = environment.from_string(source).render(values)
        except (jinja2.TemplateError, SecurityError, TypeError, MemoryError, OverflowError):
            continue
        for word in ("class", "function", "module", "root:", "object at", "uid="):
            assert word not in shown


@pytest.mark.parametrize(
    "source",
    [
        "{{ slots.hero.src }} {{ fields.first_name|upper }} {{ marks.view_url }} {{ texts.a }} {{ workspace.b }}",
        "{% if fields.a and not fields.b == 'x' or slots.a.b != fields.a %}y{% else %}z{% endif %}",
        "{% if fields.a %}y{% elif 'x' %}{{ locale }}{% endif %}",
        "{{ fields.a if fields.b else 'nobody' }} {{ subject }} {{ preheader }}",
        "{# a comment #} { } } %} plain",
    ],
)
def test_printing_and_choosing_are_allowed(source: str) -> None:
    tree = parse(source)
    assert not isinstance(tree, Fault)
    assert list(faults_of(tree)) == []


def test_a_syntax_error_has_its_line() -> None:
    found = parse("a\nb\n{{ fields.\n}}")
    assert isinstance(found, Fault)
    assert found.line in {3, 4}


def test_depth_that_no_parser_survives_is_a_fault() -> None:
    assert isinstance(parse("{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}"), Fault)


def test_references_are_found_with_their_lines() -> None:
    tree = parse("{{ slots.a.b }}\n{% if fields.c %}\n{{ marks.d|upper }}{% endif %}")
    assert not isinstance(tree, Fault)
    assert list(references(tree)) == [(("slots", "a", "b"), 1), (("fields", "c"), 2), (("marks", "d"), 3)]


def test_spans_stand_where_the_marks_do() -> None:
    source = 'x {{ fields.a }} {%- if fields.b -%}{# c #}{{ "}}" }} {{fields.a|upper}}{% endif %}'
    spans = spans_of(source)
    assert [source[span.start : span.end] for span in spans] == [
        "{{ fields.a }}", "{%- if fields.b -%}", "{# c #}", '{{ "}}" }}', "{{fields.a|upper}}", "{% endif %}",
    ]  # fmt: skip
    assert [span.reference for span in spans] == [("fields", "a"), None, None, None, None, None]


def test_a_text_is_cut_at_its_references() -> None:
    assert pieces_of("plain").parts == ("plain",)  # type: ignore[union-attr]
    assert pieces_of("Hi {{ fields.a }}, {{slots.b.c}}").parts == (  # type: ignore[union-attr]
        "Hi ", ("fields", "a"), ", ", ("slots", "b", "c"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "{{ fields.a",
        "{{ fields.a|upper }}",
        "{% if fields.a %}x{% endif %}",
        "a { b",
        "{{ 'x' }}",
        "{% raw %}{{{% endraw %}",
    ],
)
def test_a_text_that_does_more_than_print_is_refused(text: str) -> None:
    assert isinstance(pieces_of(text), Fault)
