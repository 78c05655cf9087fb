"""Checks who may be shown which variant: conditions, bounds of shares and of repeats, and whether all can be shown."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from schemas.condition_values import Root
from schemas.conditions import Condition, Flaw, read_condition
from schemas.ids import SlotName, VariantId
from schemas.library import Slot, TagRule, Template, Variant, WorkspaceSettings
from templates.problems import Problem, Severity
from templates.rules import Choice, always_valid, first_allowed
from templates.yaml_files import Document, Path_

COUNTED_MAX = 64
"""Variants with repeats_max in a workspace: so many are counted for each person (`online_models.eligibility`)."""
TRAITS_MAX = 16
"""Traits kept for a person (`online_models.cells`)."""
FLOORS_MAX = 0.2
"""All floors of a slot together (`online_models.policies.policy.FLOOR_MASS_MAX`)."""
ROUNDING = 1e-9


def eligibility_problems(document: Document, template: Template, settings: WorkspaceSettings) -> Iterator[Problem]:
    """What the schema cannot say of who may be shown what in one template."""
    for slot in template.slots:
        for index, variant in enumerate(slot.variants):
            path: Path_ = ("slots", slot.name, "variants", index)
            if variant.when:
                yield from _condition(document, (*path, "when"), variant, settings)
            yield from _share(document, path, slot, variant, settings.policy.floor)
        yield from _shares(document, slot)
    yield from _candidates(document, template, settings.policy.candidates)


def repeat_problems(documents: Sequence[Document]) -> Iterator[Problem]:
    """More variants with a bound on repeats than are counted."""
    bounded = (
        (document, ("slots", slot, "variants", index, "repeats_max"))
        for document in documents
        for slot, body in document.value["slots"].items()
        for index, variant in enumerate(body.get("variants", ()))
        if "repeats_max" in variant
    )
    for document, path in islice(bounded, COUNTED_MAX, COUNTED_MAX + 1):
        message = f"more than {COUNTED_MAX} variants of the workspace have repeats_max"
        yield document.problem(path, message, "Leave it out where it matters least.")


def trait_problems(document: Document, templates: Sequence[Template], settings: WorkspaceSettings) -> Iterator[Problem]:
    """Warns of more traits, shown or asked for, than a profile keeps: the last by name would be lost."""
    texts = {variant.when for template in templates for slot in template.slots for variant in slot.variants}
    found = [read_condition(text, settings.declared) for text in texts if text]
    asked = {name for one in found if isinstance(one, Condition) for name in one.names_of(Root.TRAITS)}
    kept = sorted(asked.union(field.name for template in templates for field in template.fields))
    if len(kept) > TRAITS_MAX:
        message = f"fields and conditions name {len(kept)} traits, of which {TRAITS_MAX} are kept for a person"
        mend = f"Do without some of them: {', '.join(kept[TRAITS_MAX:])} would be lost."
        yield msgspec.structs.replace(document.problem((), message, mend), severity=Severity.WARNING)


def _condition(document: Document, path: Path_, variant: Variant, settings: WorkspaceSettings) -> Iterator[Problem]:
    found = read_condition(variant.when, settings.declared)
    if isinstance(found, Flaw):
        yield document.problem_in(path, found.offset, f"{variant.id}: {found.message}", found.mend)
    else:
        yield from unmade_tags(document, path, found, settings.tags)


def unmade_tags(document: Document, path: Path_, condition: Condition, rules: Sequence[TagRule]) -> Iterator[Problem]:
    """Warns of tags in a condition that no rule can make of any event."""
    for root, tag, offset in condition.names:
        is_made = tag == tag.strip().lower() and any(tag.startswith(one.prefix) and tag != one.prefix for one in rules)
        if root is Root.TAGS and not is_made:
            message = f"no rule of foresend.yaml can make the tag {tag!r}: its share is always 0"
            problem = document.problem_in(path, offset, message, "Mend the tag, or add a rule under tags.")
            yield msgspec.structs.replace(problem, severity=Severity.WARNING)


def _share(document: Document, path: Path_, slot: Slot, variant: Variant, floor: float) -> Iterator[Problem]:
    if variant.share_min > variant.share_max:
        message = f"{variant.id}: min {variant.share_min:g} is over max {variant.share_max:g}"
        yield document.problem((*path, "share", "min"), message, "Let min be at most max.")
    least = min(floor, FLOORS_MAX / len(slot.variants))
    if variant.share_max < least:
        message = f"{variant.id}: max {variant.share_max:g} is under the policy's floor {least:g}, which holds"
        yield document.problem(
            (*path, "share", "max"), message, "Raise max, lower policy.floor, or remove the variant."
        )


def _shares(document: Document, slot: Slot) -> Iterator[Problem]:
    """Whether the bounds of a slot leave a way, with all its variants and with those that everybody may be shown."""
    path: Path_ = ("slots", slot.name, "variants")
    needed = sum(variant.share_min for variant in slot.variants)
    if needed > 1.0 + ROUNDING:
        message = f"the share.min of {slot.name} come to {needed:g}, over 1"
        yield document.problem(path, message, "Lower some of them.")
    if sum(variant.share_max for variant in slot.variants) < 1.0 - ROUNDING:
        message = f"the share.max of {slot.name} come to less than 1: something must be shown"
        yield document.problem(path, message, "Raise some of them.")
    elif 0.0 < sum(variant.share_max for variant in always_valid(slot)) < 1.0 - ROUNDING:
        message = f"where only variants for everybody are left in {slot.name}, their share.max come to less than 1"
        mend = "They are raised in proportion then; leave one of them without max to say who takes the rest."
        yield msgspec.structs.replace(document.problem(path, message, mend), severity=Severity.WARNING)


def _candidates(document: Document, template: Template, count: int) -> Iterator[Problem]:
    """Warns where rules make more candidates needed than are kept, though no slot has so many variants."""
    largest = max((len(slot.variants) for slot in template.slots), default=0)
    needed = covers_needed(template)
    if largest <= count < needed:
        message = f"the rules make {needed} candidates needed to show all variants of {template.name}, {count} are kept"
        mend = f"Raise policy.candidates to {needed}, or remove rules: else the least likely variants are not shown."
        yield msgspec.structs.replace(document.problem(("rules",), message, mend), severity=Severity.WARNING)


def covers_needed(template: Template) -> int:
    """How many combinations hold every variant that the rules allow at all, as a greedy search packs them."""
    tied = Counter(
        side for pair in (*template.rules.forbidden, *template.rules.required) for side in (pair.first, pair.second)
    )
    choices = [(slot.name, one.id) for slot in template.slots for one in slot.variants]
    # Those that fewest go with come first: what goes with everything fits in anywhere.
    missing: dict[Choice, None] = dict.fromkeys(sorted(choices, key=lambda choice: -tied[choice]))
    needed = 0
    while missing:
        first = next(iter(missing))
        found = _cover(template, first, missing)
        if found is None:
            del missing[first]
            continue
        needed += 1
        for choice in zip([slot.name for slot in template.slots], found, strict=True):
            missing.pop(choice, None)
    return needed


def _cover(
    template: Template, first: tuple[SlotName, VariantId], missing: dict[Choice, None]
) -> tuple[VariantId, ...] | None:
    def preference(slot: Slot) -> Sequence[Variant]:
        return sorted(slot.variants, key=lambda one: (slot.name, one.id) not in missing)

    return first_allowed(template.slots, template.rules, preference, fixed=first)
