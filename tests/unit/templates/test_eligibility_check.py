"""Each mistake in conditions and bounds is told where it stands."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from online_models import cells
from online_models.eligibility import REPEATS_MAX
from online_models.policies.policy import FLOOR_MASS_MAX
from schemas.ids import Locale, SlotName, TemplateName, VariantId
from schemas.library import (
    ContentRules,
    DeclaredFeature,
    MessageClass,
    Pair,
    PolicySettings,
    Slot,
    TagRule,
    Template,
    Variant,
    WorkspaceSettings,
)
from templates.building import build_template
from templates.eligibility_check import (
    COUNTED_MAX,
    FLOORS_MAX,
    TRAITS_MAX,
    covers_needed,
    eligibility_problems,
    repeat_problems,
    trait_problems,
)
from templates.problems import Problem, Severity
from templates.reading import read_files
from templates.yaml_files import Document, parse_yaml
from tests.support.workspaces import sample_with

SETTINGS = WorkspaceSettings(
    Locale("en"), "UTC", tags=(TagRule("genre"),), declared=(DeclaredFeature("spent", "sum"),),
    policy=PolicySettings(floor=0.02, candidates=3),
)  # fmt: skip


def document(*variants: str) -> Document:
    found = parse_yaml("variants.yaml", "slots:\n  offer:\n    kind: offer\n    variants:\n" + "\n".join(variants))
    assert isinstance(found, Document)
    return found


def variant(name: str, **fields: object) -> Variant:
    return replace(Variant(VariantId(name), (), {}), **fields)


def template(*offers: Variant) -> Template:
    return Template(TemplateName("mail"), MessageClass.MARKETING, (Slot(SlotName("offer"), "offer", offers),), (), {})


def problems(written: str, fields: dict[str, object]) -> list[Problem]:
    file = document("      - id: a", f"      - {{ id: b, {written} }}")
    return list(eligibility_problems(file, template(variant("a"), variant("b", **fields)), SETTINGS))


@pytest.mark.parametrize(
    ("written", "when", "column", "message", "severity"),
    [
        ("when: \"traits.plan = 'gold'\"", "traits.plan = 'gold'", 37, "'='", Severity.ERROR),
        ("when: features.spend > 1", "features.spend > 1", 24, "no feature 'spend'", Severity.ERROR),
        ("when: locale > 'en'", "locale > 'en'", 24, "no order", Severity.ERROR),
        ("when: true and tags.Jazz > 0", "true and tags.Jazz > 0", 33, "the tag 'Jazz'", Severity.WARNING),
    ],
)
def test_a_condition_is_told_at_its_character(
    written: str, when: str, column: int, message: str, severity: Severity
) -> None:
    found = problems(written, {"when": when})
    assert [(one.line, one.column, one.severity) for one in found] == [(6, column, severity)]
    assert message in found[0].message


def test_a_condition_on_more_lines_is_told_at_its_key() -> None:
    file = document("      - id: a", "      - id: b\n        when: >-\n          traits.plan ==\n          nobody")
    text = file.value["slots"]["offer"]["variants"][1]["when"]
    found = list(eligibility_problems(file, template(variant("a"), variant("b", when=text)), SETTINGS))
    assert [(one.line, one.column) for one in found] == [(7, 9)]


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [(0.3, 0.2, "over max"), (0.0, 0.01, "under the policy's floor 0.02"), (1.01, 1.01, "over 1")],
)
def test_bounds_that_leave_no_way_are_refused(low: float, high: float, message: str) -> None:
    found = problems("share: {}", {"share_min": low, "share_max": high})
    assert [one.severity for one in found] == [Severity.ERROR]
    assert message in found[0].message


def test_bounds_of_all_variants_must_let_something_be_shown() -> None:
    file = document("      - id: a", "      - id: b")
    both = [variant("a", share_max=0.4), variant("b", share_max=0.5)]
    assert ["less than 1: something" in one.message for one in eligibility_problems(file, template(*both), SETTINGS)]
    gold = [variant("a", share_max=0.4), variant("b", when="traits.plan == 'gold'")]
    found = list(eligibility_problems(file, template(*gold), SETTINGS))
    assert [(one.severity, "for everybody" in one.message) for one in found] == [(Severity.WARNING, True)]


def test_more_counted_variants_than_are_counted_are_refused() -> None:
    lines = [f"      - {{ id: v{number}, repeats_max: 2 }}" for number in range(COUNTED_MAX)]
    assert list(repeat_problems([document(*lines)])) == []
    over = list(repeat_problems([document(*lines), document("      - { id: more, repeats_max: 2 }")]))
    assert [(one.line, one.severity) for one in over] == [(5, Severity.ERROR)]


def test_more_traits_than_are_kept_are_warned_of() -> None:
    assert TRAITS_MAX == cells.TRAITS_MAX
    assert COUNTED_MAX == REPEATS_MAX
    assert FLOORS_MAX == FLOOR_MASS_MAX
    file = document("      - id: a")
    many = [variant(f"v{number}", when=f"known(traits.t{number:02})") for number in range(TRAITS_MAX + 1)]
    assert list(trait_problems(file, [template(*many[1:])], SETTINGS)) == []
    found = list(trait_problems(file, [template(*many)], SETTINGS))
    assert [(one.severity, "t16 would be lost" in one.mend) for one in found] == [(Severity.WARNING, True)]


def test_rules_may_make_more_candidates_needed_than_the_largest_slot_has_variants() -> None:
    """Two slots of two: each variant of one forbids one of the other, and both ends of a third slot need one each."""
    names = [SlotName("one"), SlotName("two")]
    ids = [VariantId("a"), VariantId("b"), VariantId("c")]
    slots = tuple(Slot(name, "text", tuple(variant(one) for one in ids)) for name in names)
    free = Template(TemplateName("mail"), MessageClass.MARKETING, slots, (), {})
    assert covers_needed(free) == 3
    hub = tuple(Pair((names[0], one), (names[1], other)) for one in ids[1:] for other in ids[1:])
    tied = replace(free, rules=ContentRules(forbidden=hub))
    assert covers_needed(tied) == 4
    found = list(eligibility_problems(document("      - id: a"), tied, SETTINGS))
    assert [(one.severity, "4 candidates" in one.message) for one in found] == [(Severity.WARNING, True)]
    banned = tuple(Pair((names[0], ids[2]), (names[1], other)) for other in ids)
    assert covers_needed(replace(free, rules=ContentRules(forbidden=banned))) == 3


def test_what_the_files_say_is_in_the_template(tmp_path: Path) -> None:
    told = "when: traits.plan == 'gold'\n        share: { min: 0.1, max: 0.5 }\n        repeats_max: 3\n"
    change = ("newsletter/variants.yaml", "- id: late-show\n", f"- id: late-show\n        {told}")
    workspace = sample_with(tmp_path, change)
    source = build_template("newsletter", read_files(workspace).templates["newsletter"])
    slot = next(slot for slot in source.template.slots if slot.name == "offer")
    found = next(one for one in slot.variants if one.id == "late-show")
    assert (found.when, found.share_min, found.share_max, found.repeats_max) == ("traits.plan == 'gold'", 0.1, 0.5, 3)
    other = slot.variants[0]
    assert (other.when, other.share_min, other.share_max, other.repeats_max) == ("", 0.0, 1.0, 0)
