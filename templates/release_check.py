"""Whether a release holds together: what every other part takes for granted of one that our compiler made."""

from collections.abc import Iterator

from schemas.library import Release, Template


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


def _faults_of_template(release: Release, template: Template) -> Iterator[str]:
    locales = template.layouts.keys()
    if release.settings.default_locale not in locales:
        yield "expected a layout in the default locale"
    for locale, layout in template.layouts.items():
        if layout not in release.layouts:
            yield f"expected the layout of {locale} in the release"
    for slot in template.slots:
        if not slot.variants:
            yield f"slot {slot.name}: expected at least one variant"
        for variant in slot.variants:
            if not locales <= variant.content.keys():
                yield f"slot {slot.name}, variant {variant.id}: expected content in every locale of the template"
    for field in template.fields:
        if not locales <= field.default.keys():
            yield f"field {field.name}: expected a default in every locale of the template"
