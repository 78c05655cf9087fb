from pathlib import Path

import pytest

from templates.expressions import Fault
from templates.mjml_source import check_mjml, compile_mjml

WHOLE = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"


def test_jinja_marks_survive_in_words_and_attributes() -> None:
    source = WHOLE.format(
        "{% if fields.a %}<mj-text>Hi {{ fields.a }}</mj-text>{% endif %}"
        '<mj-image src="{{ slots.b.src }}" alt="{{ slots.b.alt }}" />'
    )
    html = compile_mjml(source)
    assert isinstance(html, str)
    for mark in ("{% if fields.a %}", "Hi {{ fields.a }}", 'src="{{ slots.b.src }}"', 'alt="{{ slots.b.alt }}"'):
        assert mark in html


def test_nothing_is_fetched_from_elsewhere_by_the_compiled_page() -> None:
    html = compile_mjml(WHOLE.format("<mj-text font-family='Ubuntu'>a</mj-text>"))
    assert isinstance(html, str)
    assert "googleapis" not in html


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/x.mjml", "own.mjml"]
)
@pytest.mark.parametrize("attributes", ["", ' type="html"', ' type="css" css-inline="inline"'])
def test_an_include_is_refused_by_the_check_and_by_the_compiler(path: str, attributes: str) -> None:
    source = WHOLE.format(f'<mj-include path="{path}"{attributes} />')
    assert [(line, "mj-include" in message) for line, _, message, _ in check_mjml(source)] == [(1, True)]
    assert isinstance(compile_mjml(source), Fault)


def test_a_file_named_in_an_include_is_never_opened(tmp_path: Path) -> None:
    canary = tmp_path / "canary.mjml"
    canary.write_text("<mj-text>canary-7f3a</mj-text>")
    for source in (f'<mj-include path="{canary}" />', f"<mj-raw><mj-include path='{canary}'></mj-include></mj-raw>"):
        assert "canary-7f3a" not in str(compile_mjml(WHOLE.format(source)))


@pytest.mark.parametrize(
    ("source", "place", "word"),
    [
        ("<mjml>\n <mj-body>\n  <mj-sectio></mj-sectio></mj-body></mjml>", (3, 3), "no MJML element"),
        ("<mjml>\n<mj-body>\n<mj-section>\n</mj-body></mjml>", (4, 1), "<mj-section> of line 3"),
        ("<mjml>\n<mj-body>\n  <mj-section>", (1, 1), "never closed"),
        ("<mjml><mj-body></p></mj-body></mjml>", (1, 16), "closes nothing"),
        ("<mjml><mj-body><mj-container></mj-container></mj-body></mjml>", (1, 16), "MJML 3"),
        ("<mjml><mj-body>\n<script>1</script></mj-body></mjml>", (2, 1), "scripts"),
        ("<mjml><mj-body><mj-text onclick='x'></mj-text></mj-body></mjml>", (1, 16), "scripts"),
        ("<mjml><mj-body><mj-raw><iframe></iframe></mj-raw></mj-body></mjml>", (1, 24), "<iframe>"),
        ('<mjml><mj-body><mj-image src="x" /></mj-body></mjml>', (1, 16), "no alt"),
        ("<p>hello</p>", (1, 1), "no <mjml>"),
        ("", (1, 1), "no <mjml>"),
    ],
)
def test_what_is_wrong_has_its_place(source: str, place: tuple[int, int], word: str) -> None:
    line, column, message, mend = check_mjml(source)[0]
    assert (line, column) == place
    assert word in message
    assert mend


def test_marks_that_look_like_tags_are_no_tags() -> None:
    source = WHOLE.format("<mj-text>{% if fields.a == '<p>' %}x{% endif %} {# <div> #}</mj-text>")
    assert check_mjml(source) == []


def test_what_the_compiler_itself_refuses_has_a_line() -> None:
    compiled = compile_mjml("<mjml>\n<mj-body>\n<mj-section foo=bar></mj-section></mj-body></mjml>")
    assert isinstance(compiled, Fault)
    assert compiled.line >= 1
    assert "cannot be compiled" in compiled.message


@pytest.mark.parametrize(("around", "count"), [("mj-wrapper", 2_000), ("div", 20_000)])
def test_what_is_nested_too_deep_for_the_compilers_stack_is_refused(around: str, count: int) -> None:
    # It would end the whole process, not only this compilation.
    nested = f"<{around}>" * count + f"</{around}>" * count
    words = (
        nested
        if around.startswith("mj")
        else f"<mj-section><mj-column><mj-text>{nested}</mj-text></mj-column></mj-section>"
    )
    compiled = compile_mjml(f"<mjml>\n<mj-body>\n{words}</mj-body></mjml>")
    assert isinstance(compiled, Fault)
    assert (compiled.line, "nested too deep" in compiled.message) == (3, True)


def test_many_elements_beside_each_other_are_not_deep() -> None:
    words = "<mj-text>a<br>b<br/><img alt='' src='https://a.example/a.png'></mj-text><mj-spacer />" * 600
    assert not isinstance(compile_mjml(WHOLE.format(words)), Fault)
