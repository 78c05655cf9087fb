"""Disclosures: said where they must be, never without, and each mistake in them told where it stands."""

from pathlib import Path

import pytest

from schemas.ids import Locale, VariantId
from schemas.library import Release, Template
from templates.compiler import compile_release
from templates.library import Library
from templates.problems import Severity
from templates.validation import validate
from templates.workspace import load
from tests.support.workspaces import sample_with

VARIANTS, EN, DE = "newsletter/variants.yaml", "newsletter/locales/en.yaml", "newsletter/locales/de.yaml"
LAYOUT = "newsletter/template.mjml"
RULES = """rules:
  disclosures:
    - { id: terms, with: [offer.two-seats, action.listen] }
    - { id: half_price, with: [offer.two-seats] }
"""
WORDS = 'disclosures:\n  terms: "Terms & <conditions> for {{ fields.first_name }} of {{ workspace.name }}."\n'
SECTION = "<mj-section><mj-column><mj-text>{{ disclosures }}</mj-text></mj-column></mj-section>"
CHANGES = [
    (VARIANTS, "rules:\n", RULES),
    (EN, "slots:\n", WORDS + "  half_price: Half of it.\nslots:\n"),
    (DE, "slots:\n", "disclosures: { terms: Es gilt., half_price: Die Hälfte. }\nslots:\n"),
    (LAYOUT, "</mj-body>", f"{SECTION}</mj-body>"),
]  # fmt: skip


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return compile_release(load(sample_with(tmp_path_factory.mktemp("w"), *CHANGES)))


def newsletter(library: Library) -> Template:
    return next(template for template in library.templates if template.name == "newsletter")


def chosen(template: Template, **choices: str) -> list[VariantId]:
    return [VariantId(choices.get(slot.name, slot.variants[0].id)) for slot in template.slots]


@pytest.mark.parametrize(
    ("choices", "terms", "half"),
    [
        ({"offer": "two-seats", "action": "book"}, True, True),
        ({"offer": "free-postage", "action": "listen"}, True, False),
        ({"offer": "late-show", "action": "book"}, False, False),
    ],
)
def test_words_stand_where_their_variants_do(
    release: Release, choices: dict[str, str], terms: bool, half: bool
) -> None:
    library = Library(release)
    template = newsletter(library)
    personal = library.personal(template, Locale("en"), {"first_name": "A & B"})
    message = personal.render(chosen(template, **choices))
    assert (b"Terms &amp; &lt;conditions&gt; for A &amp; B of Lantern &amp; Reel." in message.html) is terms
    assert (b"Terms & <conditions> for A & B of Lantern & Reel." in message.text) is terms
    assert (b"Half of it." in message.html, b"Half of it." in message.text) == (half, half)
    assert b"disclosure" not in message.html


def test_a_stored_body_has_them_too(release: Release) -> None:
    library = Library(release)
    template = newsletter(library)
    variants = chosen(template, offer="two-seats", action="book")
    personal = library.personal(template, Locale("de"), {})
    assert "Die Hälfte.".encode() in personal.render(variants).html
    assert personal.body(variants) != personal.body(chosen(template, offer="late-show", action="book"))


def test_a_fallback_has_them(release: Release) -> None:
    assert b"Half of it." in release.fallbacks["newsletter/en"].html


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "message"),
    [
        (VARIANTS, "offer.two-seats, action.listen]", "offer.nothing]", VARIANTS, "no variant offer.nothing"),
        (VARIANTS, "id: half_price", "id: terms", VARIANTS, "stands above already"),
        (EN, "  half_price: Half of it.\n", "", EN, "no words in en"),
        (EN, "  half_price: Half", "  other: x\n  half_price: Half", EN, "no disclosure 'other'"),
        (EN, "fields.first_name }} of", "slots.offer.code }} of", EN, "may not be printed here"),
        (LAYOUT, "{{ disclosures }}", "{{ disclosure.terms }}", LAYOUT, "print the disclosure 'half_price'"),
        (LAYOUT, "{{ disclosures }}", "{{ disclosure.turms }}", LAYOUT, "there is no disclosure.turms"),
        (LAYOUT, "{{ disclosures }}", "<!-- {{ disclosures }} -->", LAYOUT, "print the disclosure 'terms'"),
        (
            LAYOUT,
            "{{ disclosures }}",
            "{% if fields.city == 'Bath' %}{{ disclosures }}{% endif %}",
            LAYOUT,
            "print the disclosure 'terms'",
        ),
    ],
)
def test_each_mistake_is_told(tmp_path: Path, file: str, old: str, new: str, where: str, message: str) -> None:
    problems = validate(sample_with(tmp_path, *CHANGES, (file, old, new)))
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert any(one.file == f"templates/{where}" and message in one.message for one in errors), problems


def test_a_template_may_have_a_sender_of_its_own(tmp_path: Path) -> None:
    own = "sender: { name: The Box Office, email: box@lantern-reel.example, reply_to: help@lantern-reel.example }\n"
    workspace = load(sample_with(tmp_path, (VARIANTS, "slots:\n", f"{own}slots:\n")))
    template = next(one for one in compile_release(workspace).templates if one.name == "newsletter")
    assert template.sender is not None
    assert (template.sender.name, template.sender.reply_to) == ("The Box Office", "help@lantern-reel.example")


@pytest.mark.parametrize(
    ("own", "severity", "message"),
    [
        ("{ name: Box, email: no address }", Severity.ERROR, "has not the form"),
        ("{ name: Box }", Severity.ERROR, "email"),
        ('{ name: "Box\\nBcc: x", email: box@lantern-reel.example }', Severity.ERROR, "not printed"),
        ("{ name: Box, email: box@elsewhere.example }", Severity.WARNING, "domain elsewhere.example"),
    ],
)
def test_a_sender_is_checked(tmp_path: Path, own: str, severity: Severity, message: str) -> None:
    problems = validate(sample_with(tmp_path, (VARIANTS, "slots:\n", f"sender: {own}\nslots:\n")))
    assert any(one.severity is severity and message in one.message for one in problems), problems
