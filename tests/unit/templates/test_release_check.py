"""A release that no compiler of ours made is refused whole: used, it would stop the job again and again."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from schemas.errors import ConfigError
from schemas.ids import Locale
from schemas.library import FeatureSettings, LearningSettings, Release, Template
from templates.library import Library
from templates.release_check import faults_of_release

Change = Callable[[Release], Release]


def with_settings(**settings: object) -> Change:
    return lambda release: replace(release, settings=replace(release.settings, **settings))


def with_template(change: Callable[[Template], Template]) -> Change:
    return lambda release: replace(release, templates=(change(release.templates[0]), *release.templates[1:]))


def without_variants(template: Template) -> Template:
    return replace(template, slots=(replace(template.slots[0], variants=()), *template.slots[1:]))


def without_a_language(template: Template) -> Template:
    slot = template.slots[0]
    variant = replace(slot.variants[0], content={Locale("en"): slot.variants[0].content[Locale("en")]})
    return replace(template, slots=(replace(slot, variants=(variant, *slot.variants[1:])), *template.slots[1:]))


def without_a_default(template: Template) -> Template:
    return replace(template, fields=(replace(template.fields[0], default={}), *template.fields[1:]))


@pytest.mark.parametrize(
    "change",
    [
        lambda release: replace(release, layouts={}),
        with_template(without_variants),
        with_template(without_a_language),
        with_template(without_a_default),
        with_template(lambda template: replace(template, layouts={})),
        with_settings(default_locale=Locale("fr")),
        with_settings(features=FeatureSettings(tag_half_life_ms=0)),
        with_settings(features=FeatureSettings(rhythm_half_life_ms=-1)),
        with_settings(learning=LearningSettings(attribution_ms=0)),
    ],
)
def test_a_release_that_does_not_hold_together_is_refused(sample_release: Release, change: Change) -> None:
    with pytest.raises(ConfigError, match="expected"):
        Library(change(sample_release))


def test_a_compiled_release_holds_together(sample_release: Release) -> None:
    assert faults_of_release(sample_release) == []
