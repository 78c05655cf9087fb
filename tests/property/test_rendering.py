"""Whatever a person is called: the message keeps its structure, its headers stay one line, its marks stay its own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.decisions import Rendered
from schemas.ids import Locale, VariantId
from schemas.library import Release, Template
from templates.library import Library
from templates.send_marks import MARKS, Opener, fill, mark
from tests.support.hostile import HOSTILE, addresses_of, tree_of

BENIGN = {
    "first_name": "Ana", "city": "Porto", "cart_item": "Metropolis",
    "cart_url": "https://www.lantern-reel.example/cart/ana",
}  # fmt: skip


@pytest.fixture(scope="session")
def library(sample_release: Release) -> Library:
    return Library(sample_release)


def values_for(release: Release) -> st.SearchStrategy[str]:
    """Values of every kind of hostility, this release's own marks among them."""
    own = [release.mark_prefix, f"{release.mark_prefix}open_pixel-", f"{release.mark_prefix}unsubscribe_url-"]
    pieces = st.one_of(st.sampled_from(HOSTILE), st.sampled_from(own), st.text(max_size=12))
    return st.lists(pieces, max_size=5).map("".join)


def first_variants(template: Template) -> list[VariantId]:
    """Variants that print fields in subject, preheader and words."""
    wanted = {"subject": ("all-heart", "still-here")}
    return [
        next((v.id for v in slot.variants if v.id in wanted.get(slot.name, ())), slot.variants[0].id)
        for slot in template.slots
    ]


def check(library: Library, template: Template, locale: Locale, message: Rendered, benign: Rendered) -> None:
    prefix = library.release.mark_prefix
    assert tree_of(message.html) == tree_of(benign.html)
    for header in (message.subject, message.preheader):
        assert header == header.strip()
        assert not any(ord(char) < 32 or ord(char) in {0x7F, 0x85, 0x2028, 0x2029} for char in header)
        header.encode()
    assert message.html.count(prefix.encode()) == benign.html.count(prefix.encode())
    assert message.text.count(prefix.encode()) == benign.text.count(prefix.encode())
    assert message.text.count(b"\n") == benign.text.count(b"\n")
    filled = fill(message, prefix, {**dict.fromkeys(MARKS, "#"), "open_pixel": "<img alt=''>"})
    assert prefix.encode() not in filled.html + filled.text
    for address in addresses_of(filled.html):
        assert address == "#" or address.startswith(("https://www.lantern-reel.", "https://images.lantern-reel.")), (
            address
        )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_hostile_values_change_words_and_nothing_else(library: Library, data: st.DataObject) -> None:
    template = data.draw(st.sampled_from(library.templates))
    locale = data.draw(st.sampled_from(sorted(template.layouts)))
    values = values_for(library.release)
    traits: dict[str, str] = {field.name: data.draw(values) for field in template.fields}
    variants = first_variants(template)
    benign = library.render(template, locale, variants, library.fields_of(template, locale, BENIGN))
    through = library.render(template, locale, variants, library.fields_of(template, locale, traits))
    past = library.render(template, locale, variants, traits)
    assert through == past
    check(library, template, locale, through, benign)
    opener, marks = Opener(library.release), {name: mark(library.release.mark_prefix, name) for name in MARKS}
    for body in (library.compress(through), library.personal(template, locale, traits).body(variants)):
        assert opener.open(body, template.name, locale).filled(marks) == through


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_each_known_attack_changes_words_and_nothing_else(library: Library, hostile: str) -> None:
    for template in library.templates:
        for locale in template.layouts:
            variants = first_variants(template)
            benign = library.render(template, locale, variants, BENIGN)
            for value in (hostile, f"A{hostile}B", hostile * 2):
                traits = dict.fromkeys(BENIGN, value)
                message = library.render(template, locale, variants, library.fields_of(template, locale, traits))
                check(library, template, locale, message, benign)


@pytest.mark.parametrize("name", MARKS)
def test_a_value_cannot_spell_a_mark_of_its_release(library: Library, name: str) -> None:
    for template in library.templates:
        variants = first_variants(template)
        benign = library.render(template, Locale("en"), variants, BENIGN)
        forged = dict.fromkeys(BENIGN, mark(library.release.mark_prefix, name))
        check(library, template, Locale("en"), library.render(template, Locale("en"), variants, forged), benign)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_value_is_ever_evaluated(library: Library, data: st.DataObject) -> None:
    """What looks like Jinja2 in a value is shown as it is, never run."""
    template = library.templates[0]
    number = data.draw(st.integers(2, 9999))
    value = f"{{{{{number}*{number}}}}}"
    message = library.render(template, Locale("en"), first_variants(template), {"first_name": value})
    assert value in message.text.decode()
    assert value in message.html.decode()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_combination_of_variants_never_leaves_a_jinja_mark(library: Library, data: st.DataObject) -> None:
    template = data.draw(st.sampled_from(library.templates))
    locale = data.draw(st.sampled_from(sorted(template.layouts)))
    variants = [data.draw(st.sampled_from(slot.variants)).id for slot in template.slots]
    message = library.render(template, locale, variants, {})
    for part in (message.subject.encode(), message.preheader.encode(), message.html, message.text):
        assert b"{{" not in part
        assert b"{%" not in part
