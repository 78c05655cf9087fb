"""A message joined out of pieces is what Jinja2 prints, whatever the values hold, and survives being a body."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import StateCorrupt
from schemas.ids import FieldName, Locale, SlotName, VariantId
from schemas.library import Layout
from templates.cutting import Content
from templates.personal import Common, Page, Personal
from templates.send_marks import Whole, fill
from templates.shapes import Shape, compiled, joined, text_pieces

HTML = (
    "<p class='ü'>Hallo {{ fields.name }}, {{ slots.hero.text }}!</p>"
    "<img src='{{ slots.hero.src }}' alt='{{ fields.name }}'>"
    "<a href='{{ marks.view_url }}'>{{ slots.cta.text }}</a><b>{{ slots.hero.text }}</b>"
)
TEXT = "{{ slots.hero.text }} / {{ fields.name }} / {{ slots.cta.text }} <{{ marks.view_url }}>\n"
PLAIN = compiled(Layout(HTML, TEXT, Locale("de"), "Für {{ fields.name }}", "{{ slots.cta.text }}"))
SLOTS = [SlotName("hero"), SlotName("cta")]
COMMON = Common("fs-mark-0-", {"view_url": "fs-mark-0-view_url-"}, lambda _: b"whole")
NAME = FieldName("name")
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
sources = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="{"), max_size=12)


def page(shape: Shape, hero: list[str], cta: str) -> Page:
    texts = {VariantId(f"h{n}"): {"text": text, "src": f"https://x.example/{n}?a=1&b=2"} for n, text in enumerate(hero)}
    heroes = {name: Content(parts, {}) for name, parts in texts.items()}
    # The call to action speaks the person's name, so its words differ from one to the next.
    own = {VariantId("c"): Content(None, {"text": text_pieces("{{ fields.name }} & " + cta)})}
    made = Page("t/de", shape, SLOTS, [heroes, own], COMMON, ())
    made.is_stored = made.cut is not None
    return made


@given(name=words, hero=st.lists(words, min_size=2, max_size=2), cta=sources, link=words)
def test_pieces_joined_are_what_jinja_prints(name: str, hero: list[str], cta: str, link: str) -> None:
    made = page(PLAIN, hero, cta)
    assert made.assembly is not None
    personal = Personal(made, {NAME: name}, {})
    for variant, text in [("h0", hero[0]), ("h1", hero[1]), ("h0", hero[0])]:
        src = f"https://x.example/{variant[1:]}?a=1&b=2"
        slots = {"hero": {"text": text, "src": src}, "cta": {"text": f"{name} & {cta}"}}
        values = {"slots": slots, "fields": {"name": name}, "marks": COMMON.marks}
        chosen = [VariantId(variant), VariantId("c")]
        rendered = personal.render(chosen)
        assert rendered.html.decode() == PLAIN.html.template.render(values)
        assert rendered.text.decode() == PLAIN.text.template.render(values)
        assert rendered.subject == joined(PLAIN.subject, values)
        assert rendered.preheader == joined(PLAIN.preheader, values)
        opened = made.assembly.unpack(personal.body(chosen))
        assert opened.filled(COMMON.marks) == rendered
        marks = {"view_url": link}
        assert opened.filled(marks) == fill(rendered, COMMON.prefix, marks)


REFERENCES = ["slots.hero.text", "slots.hero.src", "slots.cta.text", "fields.name", "fields.city", "marks.view_url"]
layouts = st.lists(st.tuples(sources.filter(bool), st.sampled_from(REFERENCES)), max_size=8).map(
    lambda row: "".join(f"{words} {{{{ {reference} }}}}" for words, reference in row)
)
spoken = st.lists(st.one_of(sources, st.sampled_from([" {{ fields.name }}", " {{ fields.city }}"])), max_size=4).map(
    "-".join
)


def content_of(**parts: str) -> Content:
    """A variant's words, as the library reads them."""
    cut = {name: text_pieces(text) for name, text in parts.items()}
    return Content(None if any(one.references for one in cut.values()) else parts, cut)


@given(html=layouts, text=layouts, subject=layouts, hero=spoken, cta=spoken, name=words, city=words, link=words)
def test_any_layout_that_only_prints_is_joined_as_jinja_prints_it(
    html: str, text: str, subject: str, hero: str, cta: str, name: str, city: str, link: str
) -> None:
    contents = [
        {
            VariantId("a"): content_of(text=hero, src="https://x.example/?a&b"),
            VariantId("b"): content_of(text="b", src=""),
        },
        {VariantId("c"): content_of(text=cta)},
    ]
    shape = compiled(Layout(html, text, Locale("en"), subject, subject))
    made = Page("t/en", shape, SLOTS, contents, COMMON, ())
    assert made.assembly is not None
    made.is_stored = True
    personal = Personal(made, {NAME: name, FieldName("city"): city}, {})
    for chosen in ([VariantId("a"), VariantId("c")], [VariantId("b"), VariantId("c")]):
        by_jinja = personal._run(chosen)
        assert personal.render(chosen) == by_jinja
        opened = made.assembly.unpack(personal.body(chosen))
        assert opened.filled(COMMON.marks) == by_jinja
        assert opened.filled({"view_url": link}) == fill(by_jinja, COMMON.prefix, {"view_url": link})


@given(hero=spoken, name=words, link=words)
def test_a_block_is_json_whatever_stands_in_it(hero: str, name: str, link: str) -> None:
    block = '{"a": "{{ slots.hero.text }}", "b": ["{{ fields.name }}", "{{ marks.view_url }}"]}'
    made = Page(
        "t/en", compiled(Layout("", "", Locale("en"), block=block)), SLOTS[:1],
        [{VariantId("a"): content_of(text=hero)}], COMMON, (),
    )  # fmt: skip
    personal = Personal(made, {NAME: name, FieldName("city"): "Porto"}, {})
    values = {"fields": {"name": name, "city": "Porto"}}
    shown = msgspec.json.decode(personal.opened([VariantId("a")]).filled({"view_url": link}).block)
    assert shown == {"a": joined(text_pieces(hero), values), "b": [name, link]}


@given(name=words, text=words, src=words)
def test_words_that_are_of_this_moment_stand_like_a_variants(name: str, text: str, src: str) -> None:
    made = page(PLAIN, ["x"], "go")
    assert made.assembly is not None
    slate = VariantId("slate")
    personal = Personal(made, {NAME: name}, {0: {slate: {"text": text, "src": src}}})
    slots = {"hero": {"text": text, "src": src}, "cta": {"text": f"{name} & go"}}
    values = {"slots": slots, "fields": {"name": name}, "marks": COMMON.marks}
    found = made.assembly.unpack(personal.body([slate, VariantId("c")])).filled(COMMON.marks)
    assert found.html.decode() == PLAIN.html.template.render(values)
    assert found.text.decode() == PLAIN.text.template.render(values)


@given(at=st.integers(0), flip=st.integers(1, 255), cut=st.integers(1))
def test_a_damaged_body_is_never_opened(at: int, flip: int, cut: int) -> None:
    made = page(PLAIN, ["one", "two"], "go")
    assert made.assembly is not None
    body = Personal(made, {NAME: "Ana"}, {}).body([VariantId("h0"), VariantId("c")])
    place = at % len(body)
    for damaged in (body[:place] + bytes((body[place] ^ flip,)) + body[place + 1 :], body[: -(cut % len(body)) or -1]):
        with pytest.raises(StateCorrupt):
            made.assembly.unpack(damaged)


def test_a_layout_with_a_condition_runs_in_jinja() -> None:
    html = "{% if fields.name == 'Ana' %}you{% else %}{{ slots.hero.text }}{% endif %}{{ slots.cta.text|upper }}"
    made = page(compiled(Layout(html, TEXT, Locale("en"))), ["<b>", "x"], "go")
    assert made.cut is None
    choice = [VariantId("h0"), VariantId("c")]
    assert Personal(made, {NAME: "Ana"}, {}).render(choice).html == b"youANA &amp; GO"
    personal = Personal(made, {NAME: "Bo"}, {})
    assert personal.render(choice).html == b"&lt;b&gt;BO &amp; GO"
    assert personal.body(choice) == b"whole"
    opened = personal.opened(choice)
    assert isinstance(opened, Whole)
    assert opened.filled({"view_url": "#"}) == fill(opened.rendered, COMMON.prefix, {"view_url": "#"})
