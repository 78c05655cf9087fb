"""Whether a release holds together: what every other part takes for granted of one that our compiler made."""

from collections.abc import Iterator

from schemas.conditions import Flaw, read_condition
from schemas.library import DeclaredFeature, Release, Template


def faults_of_release(release: Release) -> list[str]:
    """What is missing or impossible in a release; nothing where messages can be made of it."""
    settings = release.settings
    durations = {
        "tag_half_life_ms": settings.features.tag_half_life_ms,
        "rhythm_half_life_ms": settings.features.rhythm_half_life_ms,
        "attribution_ms": settings.learning.attribution_ms,
    }
    found = [f"{name}: expected more than 0, got {value}" for name, value in durations.items() if value <= 0]
    for template in release.templates:
        found += [f"{template.name}: {fault}" for fault in _faults_of_template(release, template)]
    return found


def _unsaid(template: Template) -> Iterator[str]:
    known = {(slot.name, variant.id) for slot in template.slots for variant in slot.variants}
    for disclosure in template.rules.disclosures:
        if not known.issuperset(disclosure.shown) or not template.layouts.keys() <= disclosure.texts.keys():
            yield f"disclosure {disclosure.id}: expected variants of the template, and words in each of its locales"


def _unreadable(declared: tuple[DeclaredFeature, ...], template: Template) -> Iterator[str]:
    for slot in template.slots:
        for variant in slot.variants:
            condition = read_condition(variant.when, declared) if variant.when else None
            if isinstance(condition, Flaw):
                yield f"slot {slot.name}, variant {variant.id}, when: {condition.message}"


def _faults_of_template(release: Release, template: Template) -> Iterator[str]:
    locales = template.layouts.keys()
    if release.settings.default_locale not in locales:
        yield "expected a layout in the default locale"
    for locale, layout in template.layouts.items():
        if layout not in release.layouts:
            yield f"expected the layout of {locale} in the release"
    yield from _unreadable(release.settings.declared, template)
    for slot in template.slots:
        if not slot.variants:
            yield f"slot {slot.name}: expected at least one variant"
        for variant in slot.variants:
            if not locales <= variant.content.keys():
                yield f"slot {slot.name}, variant {variant.id}: expected content in every locale of the template"
    yield from _unsaid(template)
    for field in template.fields:
        if not locales <= field.default.keys():
            yield f"field {field.name}: expected a default in every locale of the template"
