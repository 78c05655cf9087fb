"""A disclosure stands in a message just where a variant of its own does, whatever is written and chosen.

Mutants that fail here: said where any variant of the slot is shown, said always, said for the first of its variants,
and words that are not escaped.
"""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import FieldName, Locale, SlotName, VariantId
from schemas.library import Disclosure, Layout
from templates.cutting import Content
from templates.disclosures import Disclosures, printed
from templates.personal import Common, Page, Personal
from templates.shapes import compiled

EN = Locale("en")
SLOTS = [SlotName("one"), SlotName("two")]
VARIANTS = [VariantId("a"), VariantId("b"), VariantId("c")]
COMMON = Common("fs-mark-0-", {"view_url": "fs-mark-0-view_url-"}, lambda _: b"whole")
WORDS = st.text("ab<>&\"'é ;/=\n", min_size=1, max_size=12)
CHOICE = st.tuples(st.sampled_from(SLOTS), st.sampled_from(VARIANTS))


class Reader(HTMLParser):
    """The words of each element `i` with an id, and whether there was any other element."""

    def __init__(self) -> None:
        super().__init__()
        self.words: dict[str, str] = {}
        self.is_broken = False
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = dict(attrs).get("id") or ""
        self.is_broken |= tag != "i"
        self.words.setdefault(self._open, "")

    def handle_data(self, data: str) -> None:
        self.words[self._open] = self.words.get(self._open, "") + data


def page(rules: list[Disclosure], condition: str) -> Page:
    html = "".join(f"<i id='{rule.id}'>{{{{ disclosure.{rule.id} }}}}</i>" for rule in rules) + condition
    shape = compiled(Layout(html, printed([rule.id for rule in rules]) + "\n", EN))
    contents = [{variant: Content({"text": variant}, {}) for variant in VARIANTS} for _ in SLOTS]
    return Page("t/en", shape, SLOTS, contents, COMMON, (), Disclosures(rules, SLOTS, EN))


@given(
    st.lists(st.tuples(st.lists(CHOICE, min_size=1, max_size=4), WORDS), min_size=1, max_size=3),
    st.tuples(st.sampled_from(VARIANTS), st.sampled_from(VARIANTS)),
    st.sampled_from(["", "{% if slots.one.text == 'a' %} {% endif %}"]),
    WORDS,
)
def test_it_is_said_with_its_variants_and_never_without(
    written: list[tuple[list[tuple[SlotName, VariantId]], str]],
    chosen: tuple[VariantId, VariantId],
    condition: str,
    name: str,
) -> None:
    rules = [
        Disclosure(f"d{number}", tuple(shown), {EN: "!" + words + " {{ fields.name }}!"})
        for number, (shown, words) in enumerate(written)
    ]
    made = page(rules, condition)
    assert (made.cut is None) is bool(condition)
    message = Personal(made, {FieldName("name"): name}, {}).render(chosen)
    reader = Reader()
    reader.feed(message.html.decode())
    reader.close()
    said = [
        f"!{words} {name}!" if any(chosen[SLOTS.index(slot)] == variant for slot, variant in shown) else ""
        for shown, words in written
    ]
    assert [reader.words[rule.id].strip() for rule in rules] == said
    assert not reader.is_broken
    assert message.text.decode() == "\n".join(said) + "\n"
