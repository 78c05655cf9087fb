"""What differs between two releases, in words that people can check before they publish."""

import pytest
from msgspec.structs import replace

from schemas.ids import Locale, SlotName, VariantId
from schemas.library import ContentRules, Layout, Pair, Release, Template
from templates.compiler import compile_release, with_id
from templates.release_diff import LINE_MAX, differences, unified
from templates.workspace import SAMPLE, load


@pytest.fixture(scope="module")
def sample() -> Release:
    return compile_release(load(SAMPLE))


def with_template(release: Release, template: Template) -> Release:
    """The release with another first template."""
    return with_id(replace(release, templates=(template, *release.templates[1:])))


def reworded(release: Release) -> Release:
    """The same with other words in the first variant of the first slot."""
    template = release.templates[0]
    slot = template.slots[0]
    variant = slot.variants[0]
    locale = release.settings.default_locale
    content = {**variant.content, locale: dict.fromkeys(variant.content[locale], "Quite other words")}
    variants = (replace(variant, content=content), *slot.variants[1:])
    return with_template(release, replace(template, slots=(replace(slot, variants=variants), *template.slots[1:])))


def test_equal_releases_differ_in_nothing(sample: Release) -> None:
    again = compile_release(load(SAMPLE))
    assert (list(unified(sample, again)), differences(sample, again), again.id) == ([], [], sample.id)


def test_words_are_told_by_template_slot_variant_and_locale(sample: Release) -> None:
    found = differences(sample, reworded(sample))
    template = sample.templates[0]
    slot, locale = template.slots[0], sample.settings.default_locale
    start = f"slots.{slot.name}.variants.{slot.variants[0].id}.content.{locale}."
    assert found
    assert all(one.part == f"templates/{template.name}" and one.path.startswith(start) for one in found)
    assert {one.after for one in found} == {"Quite other words"}
    lines = list(unified(sample, reworded(sample)))
    assert any(line.startswith(f"+{start}") and line.endswith("Quite other words") for line in lines)


def test_a_variant_that_is_gone_is_told_with_the_order_of_the_rest(sample: Release) -> None:
    template = sample.templates[0]
    slot = template.slots[0]
    fewer = replace(template, slots=(replace(slot, variants=slot.variants[1:]), *template.slots[1:]))
    found = differences(sample, with_template(sample, fewer))
    gone = slot.variants[0].id
    order = next(one for one in found if one.path == f"slots.{slot.name}.variants")
    assert order.before == f"{gone}, {order.after}"
    assert all(one.after is None for one in found if f".variants.{gone}." in one.path)


def test_rules_settings_and_layouts_are_told(sample: Release) -> None:
    template = sample.templates[0]
    pair = Pair((SlotName("headline"), VariantId("a")), (SlotName("image"), VariantId("b")))
    key = template.layouts[sample.settings.default_locale]
    layout = sample.layouts[key]
    newer = replace(
        with_template(sample, replace(template, rules=ContentRules(forbidden=(pair,)))),
        settings=replace(sample.settings, policy=replace(sample.settings.policy, floor=0.02)),
        layouts={**sample.layouts, key: replace(layout, html=layout.html.replace("<body", "<body data-new"))},
    )
    found = {(one.part, one.path): (one.before, one.after) for one in differences(sample, newer)}
    assert found["settings", "policy.floor"] == ("0.01", "0.02")
    name = f"templates/{template.name}"
    assert found[name, "rules.forbidden[first headline.a, second image.b]"] == (None, "yes")
    assert (f"{name}/{sample.settings.default_locale}", "email.html") in found


def test_long_lines_of_a_layout_are_broken_so_that_what_differs_is_seen() -> None:
    rows = "".join(f"<td>{number}</td>" for number in range(100))
    older = made(Layout(rows, "", Locale("en")))
    newer = made(Layout(rows.replace("<td>50</td>", "<td>51</td>"), "", Locale("en")))
    lines = [line for line in unified(older, newer) if line[0] in "+-" and not line.startswith(("+++", "---"))]
    assert lines == ["-<td>50</td>", "+<td>51</td>"]
    assert len(rows) > LINE_MAX


def made(layout: Layout) -> Release:
    """A release of nothing but one layout."""
    base = compile_release(load(SAMPLE))
    template = replace(base.templates[0], layouts={Locale("en"): "one"})
    return replace(base, templates=(template,), layouts={"one": layout})


def test_a_template_that_is_new_or_gone_is_told_whole(sample: Release) -> None:
    fewer = replace(sample, templates=sample.templates[1:])
    name = f"templates/{sample.templates[0].name}"
    assert f"--- {sample.id}/{name}" in list(unified(sample, fewer))
    assert any(one.part == name and one.before is None for one in differences(fewer, sample))
    assert any(line == "--- /dev/null" for line in unified(fewer, sample))
