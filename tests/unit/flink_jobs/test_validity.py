"""Variants that come and go by the calendar: what is shown follows, without any event."""

from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.decisions import Communication, Decision
from schemas.library import ContentRules, Release, Slot, Template
from tests.support.events import DAY_MS, START_MS, rated
from tests.support.fixed_worlds import FixedProgram
from tests.support.operator_harness import OperatorHarness

CHANGE_MS = START_MS + DAY_MS


def with_slots(release: Release, first: Slot, second: Slot) -> Release:
    """The release with one template of two slots that differ from the shipped ones."""
    template = next(t for t in release.templates if t.name == "newsletter")
    slots = (first, second, *template.slots[2:])
    changed: Template = replace(template, slots=slots, rules=ContentRules())
    return replace(release, templates=(changed,))


def decisions(harness: OperatorHarness) -> list[Decision]:
    found = [decode(Communication, output.value or b"").decision for output in harness.outputs]
    return [decision for decision in found if decision]


def test_each_change_is_followed_by_the_next(sample_release: Release) -> None:
    template = next(t for t in sample_release.templates if t.name == "newsletter")
    first, second = template.slots[:2]
    stays, goes, comes = first.variants[:3]
    dated = replace(
        first,
        variants=(stays, replace(goes, valid_until_ms=CHANGE_MS), replace(comes, valid_from_ms=CHANGE_MS + DAY_MS)),
    )
    harness = OperatorHarness(FixedProgram((encode(with_slots(sample_release, dated, second)),)))
    harness.send(rated("comedy"))
    harness.advance_event_time(CHANGE_MS + 2 * DAY_MS)
    assert [decision.slots[0].variants for decision in decisions(harness)] == [
        (stays.id, goes.id),
        (stays.id,),
        (stays.id, comes.id),
    ]
    assert [decision.at_ms for decision in decisions(harness)] == [START_MS, CHANGE_MS, CHANGE_MS + DAY_MS]
