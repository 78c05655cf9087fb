"""Each rule of lint: what it finds in the sample where that is spoilt, at which place, and that it finds no more."""

from itertools import combinations, product
from pathlib import Path
from random import Random

import pytest

from schemas.ids import SlotName, TemplateName, VariantId
from schemas.library import ContentRules, MessageClass, Pair, Slot, Template, Variant
from templates.lint.size import largest_allowed
from templates.problems import Problem, Severity
from templates.validation import validate
from templates.workspace import SAMPLE
from tests.support.workspaces import sample_with

MJML, EN, DE = "newsletter/template.mjml", "newsletter/locales/en.yaml", "newsletter/locales/de.yaml"
UNSUBSCRIBE = '<a href="{{ marks.unsubscribe_url }}">'
ADDRESS = '<mj-text mj-class="small" align="center" padding-top="12px" css-class="quiet">{{ workspace.postal_address }}'
SUBJECT = "A good laugh for the whole row"
SPOILT = [
    pytest.param(
        MJML, UNSUBSCRIBE, '<a href="#">x</a> ' + UNSUBSCRIBE, "links", "leads nowhere", "error", id="no-target"
    ),
    pytest.param(
        MJML, UNSUBSCRIBE, '<a href="#top">x</a> ' + UNSUBSCRIBE, "links", "leads nowhere", "warning", id="no-anchor"
    ),
    pytest.param(
        MJML,
        UNSUBSCRIBE,
        '<a href="https://www.lantern-reel.example/?utm_source=a&amp;utm_medium=b&amp;utm_campaign=c"></a>'
        + UNSUBSCRIBE,
        "links",
        "says nothing",
        "warning",
        id="no-words",
    ),
    pytest.param(EN, "unsubscribe: Unsubscribe", "unsubscribe: Unsubscribe", "", "", "", id="nothing"),
    pytest.param(
        MJML,
        "{{ workspace.home_url }}?utm_source=lantern-reel",
        "https://www.lantern-reel.example/?x=1",
        "utm",
        "has no utm_source",
        "warning",
        id="utm",
    ),
    pytest.param(
        MJML, "{{ texts.help }}</a>", "click here</a>", "links", "does not say where", "warning", id="click-here"
    ),
    pytest.param(
        EN,
        "A paper lantern glows above the doors of our cinema at dusk",
        "lantern-1200.jpg",
        "alt",
        "does not say what",
        "warning",
        id="file-name",
    ),
    pytest.param(
        EN,
        "A paper lantern glows",
        "A " + "very " * 40 + "long lantern glows",
        "alt",
        "characters, over 150",
        "warning",
        id="long-alt",
    ),
    pytest.param(
        MJML, 'color="#2a241d"', 'color="#d5c9b5"', "contrast", "a contrast of 1.6, under 4.5", "warning", id="contrast"
    ),
    pytest.param(
        MJML,
        ".card div, .card h1, .card h2 { color: #f1e6d4 !important; }",
        "",
        "dark-contrast",
        "in dark mode is",
        "warning",
        id="dark-contrast",
    ),
    pytest.param(
        MJML,
        '<meta name="color-scheme" content="light dark">',
        "",
        "dark-mode",
        "'color-scheme'",
        "warning",
        id="scheme",
    ),
    pytest.param(
        MJML, "(prefers-color-scheme: dark)", "print", "dark-mode", "no style is for dark mode", "warning", id="no-dark"
    ),
    pytest.param(
        MJML,
        ADDRESS,
        ADDRESS.replace('align="center"', 'align="center" font-size="2px"'),
        "footer",
        "2 px high",
        "error",
        id="tiny",
    ),
    pytest.param(
        MJML,
        UNSUBSCRIBE,
        UNSUBSCRIBE[:-1] + ' style="display:none">',
        "footer",
        "hidden by a style",
        "error",
        id="hidden",
    ),
    pytest.param(
        MJML,
        UNSUBSCRIBE,
        UNSUBSCRIBE[:-1] + ' style="color:#efe5d3 !important">',
        "footer",
        "is #efe5d3 on #efe5d3",
        "error",
        id="same-colour",
    ),
    pytest.param(EN, SUBJECT, "A VERY GOOD LAUGH", "subject", "shouts", "warning", id="shouts"),
    pytest.param(
        EN, SUBJECT, SUBJECT + " and " * 12 + SUBJECT, "subject", "characters, over 78", "warning", id="long-subject"
    ),
    pytest.param(
        EN,
        "This week’s pick: {{ slots.pick.title }}. {{ slots.offer.title }}.",
        "{{ slots.offer.terms }}",
        "preheader",
        "under 30",
        "warning",
        id="short-preheader",
    ),
    pytest.param(MJML, "<mj-title>{{ texts.issue }}</mj-title>", "", "title", "has no title", "warning", id="title"),
    pytest.param(
        MJML, 'lang="{{ locale }}"', 'lang="en" title="{{ locale }}"', "lang", "every language", "warning", id="lang"
    ),
]


def found(folder: Path) -> list[Problem]:
    return [problem for problem in validate(folder) if problem.rule]


def test_the_sample_gives_no_cause() -> None:
    assert found(SAMPLE) == []


@pytest.mark.parametrize(("file", "old", "new", "rule", "message", "severity"), SPOILT)
def test_each_rule_finds_what_it_is_for(
    tmp_path: Path, file: str, old: str, new: str, rule: str, message: str, severity: str
) -> None:
    problems = found(sample_with(tmp_path, (file, old, new)))

    if not rule:
        assert problems == []
        return
    own = [problem for problem in problems if problem.rule == rule]
    assert [problem for problem in own if message in problem.message and problem.severity == severity], problems
    assert all(problem.mend and problem.file.startswith("templates/newsletter/") for problem in problems)
    source = (tmp_path / "workspace" / own[0].file).read_text("utf-8").split("\n")
    assert own[0].column <= len(source[own[0].line - 1]) + 1


def test_the_place_is_that_of_the_words(tmp_path: Path) -> None:
    folder = sample_with(
        tmp_path,
        (
            MJML,
            'mj-class="label" css-class="label">{{ texts.pick',
            'mj-class="label" color="#fffaf0" css-class="x">{{ texts.pick',
        ),
    )

    (problem, *_) = [one for one in found(folder) if one.rule == "contrast"]

    line = (folder / "templates" / MJML).read_text("utf-8").split("\n")[problem.line - 1]
    assert line[problem.column - 1 :].startswith("{{ texts.pick_label }}")


def test_an_import_is_warned_of_what_would_refuse_it_later(tmp_path: Path) -> None:
    spoilt = (MJML, UNSUBSCRIBE, '<a href="#">x</a> ' + UNSUBSCRIBE)
    undecided = ("newsletter/variants.yaml", "class: marketing", "class: marketing\nundecided: [links]")

    (problem,) = found(sample_with(tmp_path, spoilt, undecided))

    assert problem.severity is Severity.WARNING


def test_a_message_that_is_cut_off_is_told_with_its_variants(tmp_path: Path) -> None:
    words = " It goes on." * 300
    folder = sample_with(
        tmp_path,
        (EN, "Funnier at full speed.", words),
        (MJML, "{{ texts.nearby }}", "{{ texts.nearby }} " + "and so on " * 7_900),
    )

    problems = [problem for problem in found(folder) if problem.rule == "size"]

    assert [problem.file for problem in problems] == ["templates/newsletter/template.mjml"]
    assert "pick.the-general" in problems[0].message
    assert "in en" in problems[0].message


@pytest.mark.parametrize("seed", range(20))
def test_the_largest_message_is_the_heaviest_of_all_that_rules_allow(seed: int) -> None:
    chance = Random(seed)
    slots = tuple(
        Slot(SlotName(name), "headline", tuple(Variant(VariantId(str(n)), (), {}) for n in range(4))) for name in "abcd"
    )
    choices = [(slot.name, one.id) for slot in slots for one in slot.variants]
    pairs = [(one, other) for one, other in combinations(choices, 2) if one[0] != other[0]]
    forbidden = tuple(Pair(*pair) for pair in chance.sample(pairs, 20))
    template = Template(TemplateName("t"), MessageClass.MARKETING, slots, (), {}, ContentRules(forbidden))
    weights = {choice: chance.randrange(1_000) for choice in choices}
    banned = {frozenset((pair.first, pair.second)) for pair in forbidden}
    allowed = [
        whole
        for whole in product(*([(slot.name, one.id) for one in slot.variants] for slot in slots))
        if not any(frozenset(pair) in banned for pair in combinations(whole, 2))
    ]

    largest = largest_allowed(template, weights)

    assert sum(weights[slot.name, one] for slot, one in zip(slots, largest, strict=True)) == max(
        sum(weights[choice] for choice in whole) for whole in allowed
    )
