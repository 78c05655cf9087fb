"""A layout filled as a row of bytes gives what Jinja2 gives, whatever the values hold."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import FieldName, Locale, SlotName, VariantId
from schemas.library import Layout
from templates.personal import Content, Page, Personal
from templates.shapes import Shape, compiled, joined, text_pieces

HTML = (
    "<p class='ü'>Hallo {{ fields.name }}, {{ slots.hero.text }}!</p>"
    "<img src='{{ slots.hero.src }}' alt='{{ fields.name }}'>"
    "<a href='{{ marks.view_url }}'>{{ slots.cta.text }}</a><b>{{ slots.hero.text }}</b>"
)
TEXT = "{{ slots.hero.text }} / {{ fields.name }} / {{ slots.cta.text }} <{{ marks.view_url }}>\n"
PLAIN = compiled(Layout(HTML, TEXT, Locale("de"), "Für {{ fields.name }}", "{{ slots.cta.text }}"))
SLOTS = [SlotName("hero"), SlotName("cta")]
MARKS = {"view_url": "fs-mark-0-view_url-"}
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
sources = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="{"), max_size=12)


def page(shape: Shape, hero: list[str], cta: str) -> Page:
    texts = {VariantId(f"h{n}"): {"text": text, "src": f"https://x.example/{n}?a=1&b=2"} for n, text in enumerate(hero)}
    heroes = {name: Content(parts, {}) for name, parts in texts.items()}
    # The call to action speaks the person's name, so its words differ from one to the next.
    own = {VariantId("c"): Content(None, {"text": text_pieces("{{ fields.name }} & " + cta)})}
    return Page(shape, SLOTS, [heroes, own], MARKS)


@given(name=words, hero=st.lists(words, min_size=2, max_size=2), cta=sources)
def test_holes_filled_are_what_jinja_prints(name: str, hero: list[str], cta: str) -> None:
    fields = {FieldName("name"): name}
    made = page(PLAIN, hero, cta)
    assert all(form is not None for form in made.forms)
    personal = Personal(made, fields)
    for variant, text in [("h0", hero[0]), ("h1", hero[1]), ("h0", hero[0])]:
        src = f"https://x.example/{variant[1:]}?a=1&b=2"
        slots = {"hero": {"text": text, "src": src}, "cta": {"text": f"{name} & {cta}"}}
        values = {"slots": slots, "fields": {"name": name}, "marks": MARKS}
        rendered = personal.render([VariantId(variant), VariantId("c")])
        assert rendered.html.decode() == PLAIN.html.template.render(values)
        assert rendered.text.decode() == PLAIN.text.template.render(values)
        assert rendered.subject == joined(PLAIN.subject, values)


def test_a_layout_with_a_condition_runs_in_jinja() -> None:
    html = "{% if fields.name == 'Ana' %}you{% else %}{{ slots.hero.text }}{% endif %}{{ slots.cta.text|upper }}"
    made = page(compiled(Layout(html, TEXT, Locale("en"))), ["<b>", "x"], "go")
    assert [form is None for form in made.forms] == [True, False]
    choice = [VariantId("h0"), VariantId("c")]
    assert Personal(made, {FieldName("name"): "Ana"}).render(choice).html == b"youANA &amp; GO"
    assert Personal(made, {FieldName("name"): "Bo"}).render(choice).html == b"&lt;b&gt;BO &amp; GO"
