"""What a person may be shown follows what is known of the person: through the real adapter, event by event."""

from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from connectors.collector.workspace_rules import rules_of
from flink_jobs.cells import PROFILE
from foresend.explaining import features_in
from online_models.cells import Handed, Profile
from schemas.codec import decode, encode
from schemas.decisions import Communication
from schemas.events import EventKind
from schemas.ids import SlotName, TemplateName, VariantId
from schemas.library import Release, Slot, Variant
from tests.support.events import DAY_MS, MINUTE_MS, START_MS, event, exposed, rated
from tests.support.fixed_worlds import FixedProgram, FixedWorlds
from tests.support.operator_harness import OperatorHarness

MAIL, OFFER = TemplateName("newsletter"), SlotName("offer")
LATE = VariantId("late-show")


def release_with(release: Release, **fields: object) -> Release:
    """The sample, with these fields of one variant."""

    def changed(variant: Variant) -> Variant:
        return replace(variant, **fields) if variant.id == LATE else variant

    def slot_of(slot: Slot) -> Slot:
        return replace(slot, variants=tuple(map(changed, slot.variants))) if slot.name == OFFER else slot

    templates = tuple(
        replace(template, slots=tuple(map(slot_of, template.slots))) if template.name == MAIL else template
        for template in release.templates
    )
    return replace(release, templates=templates)


@dataclass
class Person:
    """Somebody, and the newest newsletter that was made for her."""

    release: Release
    at_ms: int = START_MS
    harness: OperatorHarness = field(init=False)

    def __post_init__(self) -> None:
        self.harness = OperatorHarness(FixedProgram((encode(self.release),)))

    def told(self, **traits: object) -> None:
        self.at_ms += MINUTE_MS
        self.harness.send(event(EventKind.IDENTIFY, at_ms=self.at_ms, traits=traits))

    def rates(self, genre: str) -> None:
        self.at_ms += MINUTE_MS
        self.harness.send(rated(genre, at_ms=self.at_ms))

    def sees(self, send: str, variant: VariantId) -> None:
        """She is shown a candidate that holds a variant of the offer."""
        self.at_ms += MINUTE_MS
        entry = self.newest()
        decision = entry.decision
        assert decision is not None
        column = [slot.slot for slot in decision.slots].index(OFFER)
        holding = [i for i in range(len(decision.candidates)) if decision.variants_of(i)[column] == variant]
        self.harness.send(exposed(entry, send, self.at_ms, candidate=holding[0]))

    def entries(self) -> list[Communication]:
        written = [out for out in self.harness.outputs if out.key.decode() == f"sample|{MAIL}|ana"]
        return [decode(Communication, out.value) for out in written if out.value]

    def newest(self) -> Communication:
        return self.entries()[-1]

    def profile(self) -> Profile:
        return decode(Profile, self.harness.cell(PROFILE.name, "sample|ana") or b"")

    def cause(self) -> str:
        decision = self.newest().decision
        return decision.cause if decision is not None else ""

    def offers(self) -> tuple[VariantId, ...]:
        """What may be shown, which is what some candidate shows."""
        decision = self.newest().decision
        assert decision is not None
        column = [slot.slot for slot in decision.slots].index(OFFER)
        allowed = decision.slots[column].variants
        held = {decision.variants_of(i)[column] for i in range(len(decision.candidates))}
        assert held == set(allowed)
        return allowed


def test_a_trait_that_a_condition_asks_for_opens_and_closes_a_variant(sample_release: Release) -> None:
    """Fails where the trait is not kept, where nobody looks again, or where another cause is told."""
    ana = Person(release_with(sample_release, when="traits.plan == 'gold'"))
    ana.rates("horror")
    assert LATE not in ana.offers()
    ana.told(plan="gold")
    assert (ana.cause(), LATE in ana.offers()) == ("eligible", True)
    before = len(ana.entries())
    ana.told(plan="gold", other="x")
    assert len(ana.entries()) == before
    ana.told(plan=None)
    assert (ana.cause(), LATE in ana.offers()) == ("eligible", False)
    assert ana.profile().traits == {}


def test_behaviour_opens_a_variant_at_the_event_that_tells_it(sample_release: Release) -> None:
    ana = Person(release_with(sample_release, when="features.events >= 3 and not traits.left"))
    for count in range(1, 5):
        ana.rates("horror")
        assert LATE not in ana.offers(), count
    ana.told(left=False)
    assert (ana.cause(), LATE in ana.offers()) == ("eligible", True)


def test_what_was_shown_often_enough_is_shown_no_more(sample_release: Release) -> None:
    ana = Person(release_with(sample_release, repeats_max=2))
    ana.rates("horror")
    ana.sees("s1", LATE)
    assert ana.profile().repeats == {"newsletter/offer/late-show": 1}
    assert LATE in ana.offers()
    ana.sees("s2", LATE)
    assert (ana.cause(), LATE in ana.offers()) == ("eligible", False)
    assert ana.profile().repeats == {"newsletter/offer/late-show": 2}


def test_what_has_no_bound_is_not_counted(sample_release: Release) -> None:
    ana = Person(sample_release)
    ana.rates("horror")
    ana.sees("s1", LATE)
    assert ana.profile().repeats == {}


@pytest.mark.parametrize(
    ("agreed", "counted"), [("personalisation", {"newsletter/offer/late-show": 1}), ("analytics", {})]
)
def test_what_another_id_was_shown_counts_where_showing_is_agreed_to(
    sample_release: Release, agreed: str, counted: dict[str, int]
) -> None:
    ana = Person(release_with(sample_release, repeats_max=2))
    said = {"consent": {"categoryPreferences": {agreed: True}}}
    ana.harness.send(event(EventKind.IDENTIFY, at_ms=START_MS, context=said))
    handed = encode(Handed(Profile(repeats={"newsletter/offer/late-show": 1})))
    ana.harness.send(event(EventKind.MERGE, at_ms=START_MS + 1, handed=handed, via=("laptop",)))
    assert ana.profile().repeats == counted


def test_a_share_is_kept_whatever_somebody_likes(sample_release: Release) -> None:
    ana = Person(release_with(sample_release, share_max=0.3, share_min=0.1))
    for _ in range(20):
        ana.rates("horror")
    decision = ana.newest().decision
    assert decision is not None
    slot = next(slot for slot in decision.slots if slot.slot == OFFER)
    free = Person(sample_release)
    for _ in range(20):
        free.rates("horror")
    unbound = free.newest().decision
    assert unbound is not None
    was = next(slot for slot in unbound.slots if slot.slot == OFFER)
    at = slot.variants.index(LATE)
    assert was.probabilities[at] > 0.3
    assert slot.probabilities[at] == 0.3
    assert abs(sum(slot.probabilities) - 1.0) < 1e-9


def test_a_replay_gives_the_same_bytes(sample_release: Release) -> None:
    release = release_with(sample_release, when="tags.horror > 0.2", repeats_max=1, share_max=0.5)
    log = [
        rated(genre, at_ms=START_MS + day * DAY_MS) for day, genre in enumerate(("jazz", "horror", "horror", "soul"))
    ]
    first, again = (OperatorHarness(FixedProgram((encode(release),))) for _ in range(2))
    for one in log:
        first.send(one)
        again.send(one)
    assert first.snapshot() == again.snapshot()
    assert [out.value for out in first.outputs] == [out.value for out in again.outputs]


def test_the_collector_keeps_what_conditions_ask_for(sample_release: Release) -> None:
    kept = rules_of(release_with(sample_release, when="traits.plan == 'gold' or known(traits['first buy'])")).kept
    assert {"plan", "first buy"} <= kept
    assert "plan" not in rules_of(sample_release).kept


def test_what_was_chosen_of_a_part_is_explained_as_of_the_whole(sample_release: Release) -> None:
    release = release_with(sample_release, when="traits.plan == 'gold'")
    ana = Person(release)
    ana.rates("horror")
    decision = ana.newest().decision
    assert decision is not None
    told = features_in(decision, FixedWorlds((encode(release),)), 8)
    slot = next(slot for slot in decision.slots if slot.slot == OFFER)
    assert {variant for name, variant in told.variants if name == OFFER} == set(slot.variants)
    assert max(missing for _, missing in told.variants.values()) < 1e-5
