import msgspec
import pytest

from schemas.errors import ConfigError
from schemas.ids import FieldName, Locale, SlotName, TemplateName, VariantId
from schemas.library import Layout, Release, Template
from templates.compiler import default_variants
from templates.library import Library
from templates.send_marks import Opener, Whole

EN, DE = Locale("en"), Locale("de")
NEWSLETTER, CART = TemplateName("newsletter"), TemplateName("cart_reminder")


@pytest.fixture(scope="module")
def library(sample_release: Release) -> Library:
    return Library(sample_release)


def variants(template: Template, **chosen: str) -> list[VariantId]:
    return [VariantId(chosen.get(slot.name, slot.variants[0].id)) for slot in template.slots]


def test_a_message_shows_its_variants_and_its_person_in_all_parts(library: Library) -> None:
    template = library.template(NEWSLETTER)
    fields = library.fields_of(template, EN, {"first_name": "Ana", "city": "Porto"})
    message = library.render(template, EN, variants(template, subject="all-heart", pick="metropolis"), fields)
    assert message.subject == "Bring a handkerchief, Ana"
    assert message.preheader.startswith("This week’s pick: Metropolis (1927). ")
    for body in (message.html.decode(), message.text.decode()):
        assert "Hello Ana," in body
        assert "at home in Porto" in body
        assert "A city with its head in the clouds" in body
    assert 'lang="en"' in message.html.decode()
    assert "<" not in message.text.decode().replace(" <https://", "").replace(f" <{library.release.mark_prefix}", "")


def test_values_are_escaped_in_html_and_plain_elsewhere(library: Library) -> None:
    template = library.template(CART)
    fields = library.fields_of(template, EN, {"first_name": "<b>O'Neil</b>", "cart_item": 'A & "B"'})
    message = library.render(template, EN, variants(template, subject="still-here"), fields)
    assert message.subject == 'Still here: A & "B"'
    assert b"Hello &lt;b&gt;O&#39;Neil&lt;/b&gt;," in message.html
    assert "Hello <b>O'Neil</b>," in message.text.decode()


def test_values_that_skipped_fields_of_are_made_safe_all_the_same(library: Library) -> None:
    template = library.template(CART)
    hostile = {"first_name": f"{library.release.mark_prefix}open_pixel-\r\nBcc: x", "cart_url": "javascript:alert(1)"}
    message = library.render(template, EN, variants(template, subject="kept"), hostile)
    assert message.subject.isprintable()
    assert message.html.count(f"{library.release.mark_prefix}open_pixel-".encode()) == 1
    assert b"javascript:" not in message.html


def test_fields_that_are_missing_show_their_default(library: Library) -> None:
    template = library.template(CART)
    assert library.fields_of(template, DE, {}) == {
        "first_name": "Filmfan", "cart_item": "Deine Auswahl", "cart_url": "https://www.lantern-reel.example/de/cart",
    }  # fmt: skip
    message = library.render(template, DE, variants(template), {})
    assert "Hallo Filmfan," in message.text.decode()


def test_a_link_of_a_person_is_shown_where_it_leads_to_our_own_hosts(library: Library) -> None:
    template = library.template(CART)
    own = library.fields_of(template, EN, {"cart_url": "https://www.lantern-reel.example/cart/ana"})
    other = library.fields_of(template, EN, {"cart_url": "https://evil.example/cart/ana"})
    assert own[FieldName("cart_url")].endswith("/cart/ana")
    assert other[FieldName("cart_url")] == "https://www.lantern-reel.example/cart"


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("de_AT", "de"),
        ("en-GB", "en"),
        ("DE", "de"),
        ("fr", "en"),
        ("", "en"),
        ("deu", "en"),
    ],
)
def test_a_person_is_served_the_nearest_language(library: Library, asked: str, served: str) -> None:
    assert library.locale_for(library.template(NEWSLETTER), asked) == served


def test_names_that_the_release_does_not_have(library: Library) -> None:
    assert library.variant(NEWSLETTER, SlotName("subject"), VariantId("nothing")) is None
    assert library.variant(NEWSLETTER, SlotName("nothing"), VariantId("friday-reel")) is None
    with pytest.raises(KeyError):
        library.template(TemplateName("nothing"))
    template = library.template(NEWSLETTER)
    with pytest.raises(KeyError):
        library.render(template, EN, variants(template, subject="nothing"), {})
    with pytest.raises(ValueError, match="zip"):
        library.render(template, EN, variants(template)[:-1], {})


def test_rendering_twice_gives_the_same_bytes_in_any_library(library: Library, sample_release: Release) -> None:
    other = Library(sample_release)
    for template in sample_release.templates:
        for locale in template.layouts:
            chosen = default_variants(template)
            first, second = (one.render(template, locale, chosen, {}) for one in (library, other))
            assert first == second
            assert library.compress(first) == other.compress(second)


def test_what_the_library_compresses_the_gateway_opens(library: Library, sample_release: Release) -> None:
    template = library.template(NEWSLETTER)
    message = library.render(template, DE, variants(template), {"first_name": "Zoë 李雷 👩‍👧"})
    opened = Opener(sample_release).open(library.compress(message), NEWSLETTER, DE)
    assert opened == Whole(message, sample_release.mark_prefix)


def tampered(release: Release, **parts: str) -> Release:
    key = next(iter(release.layouts))
    layout: Layout = msgspec.structs.replace(release.layouts[key], **parts)
    return msgspec.structs.replace(release, layouts={**release.layouts, key: layout})


@pytest.mark.parametrize(
    "parts",
    [
        {"html": "{{ ''.__class__ }}"},
        {"html": "{{ fields.first_name"},
        {"text": "{% for a in fields %}{% endfor %}"},
        {"html": "{{ slots.nothing.text }}"},
        {"html": "{{ fields.nothing }}"},
        {"text": "{{ marks.nothing }}"},
        {"html": "{{ texts.view }}"},
        {"subject": "{{ fields.first_name|upper }}"},
        {"preheader": "{{ slots.subject.nothing }}"},
    ],
)
def test_a_release_that_no_compiler_of_ours_made_is_refused(sample_release: Release, parts: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        Library(tampered(sample_release, **parts))


def test_a_field_is_cut_to_its_length(library: Library) -> None:
    template = library.template(NEWSLETTER)
    shown = library.fields_of(template, EN, {"first_name": "A" * 500})[FieldName("first_name")]
    assert shown == "A" * 39 + "…"
