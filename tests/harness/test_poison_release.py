"""A release that cannot be used stops nobody: the one before it holds, and rolling back is one record."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.library import Release, Template
from schemas.worlds import WorldRef
from templates.compiler import with_id
from tests.support.events import MINUTE_MS, START_MS, rated
from tests.support.fixed_worlds import FixedProgram, Published
from tests.support.operator_harness import OperatorHarness
from tests.support.releases import another_release

Spoil = Callable[[Release], bytes]


def layouts(source: str) -> Spoil:
    """A release whose layouts are this."""

    def spoil(release: Release) -> bytes:
        spoilt = {key: replace(layout, html=source, text=source) for key, layout in release.layouts.items()}
        return encode(with_id(replace(release, layouts=spoilt)))

    return spoil


def templates(change: Callable[[Template], Template]) -> Spoil:
    """A release whose templates are changed so."""
    return lambda release: encode(with_id(replace(release, templates=tuple(map(change, release.templates)))))


def settings(**changes: object) -> Spoil:
    """A release whose settings are changed so."""

    def spoil(release: Release) -> bytes:
        spoilt = replace(release.settings, **changes)
        return encode(with_id(replace(release, settings=spoilt)))

    return spoil


def first_variant(**changes: object) -> Spoil:
    """A release in which the first variant of each first slot is changed so."""

    def change(template: Template) -> Template:
        slot = template.slots[0]
        spoilt = replace(slot, variants=(replace(slot.variants[0], **changes), *slot.variants[1:]))
        return replace(template, slots=(spoilt, *template.slots[1:]))

    return templates(change)


def policy(release: Release) -> bytes:
    """A release with a policy that nobody knows."""
    return settings(policy=replace(release.settings.policy, kind="oracle"))(release)


POISON: dict[str, Spoil] = {
    "no bytes": lambda _: b"",
    "other bytes": lambda _: b"\x00\xff" * 500,
    "cut short": lambda release: encode(release)[:-1_000],
    "of another workspace": lambda release: encode(replace(release, workspace="other")),
    "a layout that is no template": layouts("<p>{{ slots. }}</p>{% if %}"),
    "a layout that asks for what is not there": layouts("{{ slots.nothing.text }}"),
    "a layout that wants out of the sandbox": layouts("{{ ''.__class__.__mro__ }}"),
    "no layouts": lambda release: encode(with_id(replace(release, layouts={}))),
    "a slot without variants": templates(lambda one: replace(one, slots=(replace(one.slots[0], variants=()),))),
    "a variant without words": first_variant(content={}),
    "a condition that nobody can read": first_variant(when="tags.jazz >"),
    "an unknown policy": policy,
    "an unknown default language": settings(default_locale="xx"),
}


@pytest.mark.parametrize("spoil", POISON.values(), ids=POISON.keys())
def test_the_release_before_a_bad_one_holds_and_the_way_back_is_one_record(
    sample_release: Release, spoil: Spoil
) -> None:
    good, newer = sample_release, another_release(sample_release)
    bad = Published(b"sample|1-x", spoil(newer))
    harness = OperatorHarness(FixedProgram((encode(good), bad, encode(newer))))  # type: ignore[arg-type]
    harness.send(rated("comedy"))
    written = len(harness.outputs)
    harness.send(rated("comedy", user="bo", at_ms=START_MS + 1, world=WorldRef(2, 0)))
    decisions = [decode(Communication, output.value or b"").decision for output in harness.outputs[written:]]
    assert {decision.release for decision in decisions if decision} == {good.id}
    written = len(harness.outputs)
    # Nobody is rendered anew for a release that nobody can use.
    harness.send(rated("comedy", at_ms=START_MS + 2, world=WorldRef(2, 0)))
    assert len(harness.outputs) == written
    harness.send(rated("comedy", at_ms=START_MS + MINUTE_MS, world=WorldRef(3, 0)))
    decisions = [decode(Communication, output.value or b"").decision for output in harness.outputs[written:]]
    assert {decision.release for decision in decisions if decision} == {newer.id}
    assert harness.dead_letters == []


def test_without_any_release_that_can_be_used_events_are_dead_letters_and_nothing_stops(
    sample_release: Release,
) -> None:
    bad = Published(b"sample|0-x", layouts("{% if %}")(sample_release))
    harness = OperatorHarness(FixedProgram((bad, encode(sample_release))))  # type: ignore[arg-type]
    harness.send(rated("comedy"))
    harness.send(rated("comedy", at_ms=START_MS + 1, world=WorldRef(2, 0)))
    assert [letter.reason for letter in harness.dead_letters] == ["unknown_workspace"]
    assert harness.outputs
