"""Who may be shown what: conditions that hold, repeats that are counted, and one menu for all who are alike."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from online_models.cells import Profile
from online_models.eligibility import REPEATS_MAX, Gates, count_shown, facts_of, merge_repeats, repeat_key
from online_models.menus import Menu, Menus, Offers
from online_models.scoring import Scorers
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation
from online_models.trained import NOTHING_TRAINED
from schemas.condition_values import Facts, Root
from schemas.decisions import Exposure
from schemas.errors import ConfigError
from schemas.ids import DecisionId, FieldName, Locale, SendId, SlotName, TemplateName, VariantId, WorkspaceId
from schemas.library import (
    ContentRules,
    LearningSettings,
    MessageClass,
    Pair,
    PolicySettings,
    Slot,
    Template,
    Variant,
    WorkspaceSettings,
)
from schemas.models import ModelSnapshot
from tests.support.events import START_MS

MAIL, OFFER, IMAGE = TemplateName("mail"), SlotName("offer"), SlotName("image")
SETTINGS = WorkspaceSettings(Locale("en"), "UTC", policy=PolicySettings(floor=0.01))
NOBODY = Person({}, Situation(), UserModels(), b"", 0)
SCORERS = Scorers(ModelSnapshot(WorkspaceId("w"), 0, {}), NOTHING_TRAINED, LearningSettings())


def variant(name: str, **fields: object) -> Variant:
    return replace(Variant(VariantId(name), (), {Locale("en"): {"text": name}}), **fields)


OFFERS = (
    variant("plain"),
    variant("gold", when="traits.plan == 'gold'"),
    variant("golden", when="traits.plan == 'gold'", share_max=0.25),
    variant("once", repeats_max=1),
)
IMAGES = (variant("sea"), variant("crown"))


def template(*offers: Variant, rules: ContentRules | None = None) -> Template:
    slots = (Slot(OFFER, "offer", offers), Slot(IMAGE, "image", IMAGES))
    return Template(MAIL, MessageClass.MARKETING, slots, (), {}, rules or ContentRules())


def facts(plan: str = "") -> Facts:
    return Facts("", "", "", {"plan": plan} if plan else {}, {}, lambda _name: None)


def menu(of: Template, at_ms: int = 0) -> Menu:
    return Menus(Offers(of, SETTINGS), SCORERS).at(at_ms)


def shown(*variants: str) -> Exposure:
    names = tuple(VariantId(one) for one in variants)
    slots = (OFFER, IMAGE)[: len(names)]
    return Exposure(SendId("s"), MAIL, DecisionId("d"), 0, 1.0, (1.0,), slots, names, (0.0,) * len(names))


@pytest.mark.parametrize(
    ("plan", "repeats", "offers"),
    [
        ("gold", {}, ("plain", "gold", "golden", "once")),
        ("silver", {}, ("plain", "once")),
        ("", {}, ("plain", "once")),
        ("gold", {"mail/offer/once": 1}, ("plain", "gold", "golden")),
        ("", {"mail/offer/once": 2}, ("plain",)),
        ("", {"mail/image/once": 2}, ("plain", "once")),
    ],
)
def test_a_menu_is_open_to_a_person(plan: str, repeats: Mapping[str, int], offers: tuple[str, ...]) -> None:
    found = menu(template(*OFFERS)).open_to(facts(plan), repeats)
    assert found.variants == (offers, ("sea", "crown"))
    assert tuple(one.variants for one in found.scores(NOBODY)) == found.variants
    assert found.rules.sizes == (len(offers), 2)


def test_those_who_are_alike_share_what_was_made() -> None:
    whole = menu(template(*OFFERS))
    silver, nobody, gold = (whole.open_to(facts(plan), {}) for plan in ("silver", "", "gold"))
    assert silver.rules is nobody.rules
    assert silver.digest == nobody.digest != gold.digest
    assert gold.rules is whole.rules
    assert silver is nobody
    assert silver.scorers[0] is not whole.scorers[0]
    assert silver.scorers[1] is whole.scorers[1]


def test_without_conditions_and_bounds_nothing_is_asked() -> None:
    plain = template(variant("a"), variant("b"))
    assert Gates.of(plain, SETTINGS) is None
    assert not menu(plain).is_gated


def test_what_is_not_valid_now_makes_nobody_another_menu() -> None:
    dated = menu(template(variant("plain"), variant("late", when="traits.plan == 'gold'", valid_from_ms=10)), 5)
    assert dated.open_to(facts("gold"), {}).rules is dated.open_to(facts(), {}).rules is dated.rules


def test_shares_are_those_of_what_is_left() -> None:
    whole = menu(template(*OFFERS))
    gold, silver = whole.open_to(facts("gold"), {}), whole.open_to(facts(), {})
    assert gold.shares[0] is not None
    assert gold.shares[0].highs == (1.0, 1.0, 0.25, 1.0)
    assert gold.shares[0].lows == (0.01, 0.01, 0.01, 0.01)
    assert silver.shares == (None, None)


def test_what_requires_a_closed_variant_is_closed_too() -> None:
    needs = Pair((IMAGE, VariantId("crown")), (OFFER, VariantId("gold")))
    whole = menu(template(*OFFERS, rules=ContentRules(required=(needs,))))
    assert whole.open_to(facts(), {}).rules.live == ((0, 1), (0,))
    assert whole.open_to(facts("gold"), {}).rules.live == ((0, 1, 2, 3), (0, 1))


def test_a_condition_that_nobody_can_read_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mail\.offer\.odd: when: "):
        Offers(template(variant("odd", when="traits.plan =")), SETTINGS)


def test_it_tells_what_it_asks_and_counts() -> None:
    gates = Gates.of(template(*OFFERS), SETTINGS)
    assert gates is not None
    assert gates.asks == {Root.TRAITS}
    assert gates.traits == {FieldName("plan")}
    assert gates.counted == {"mail/offer/once"}


def test_what_has_a_bound_is_counted_and_nothing_else() -> None:
    profile, counted = Profile(), frozenset({repeat_key(MAIL, OFFER, VariantId("once"))})
    assert count_shown(profile, shown("once", "sea"), counted)
    assert count_shown(profile, shown("once", "crown"), counted)
    assert not count_shown(profile, shown("plain", "sea"), counted)
    assert profile.repeats == {"mail/offer/once": 2}
    assert not count_shown(profile, shown("once"), frozenset())
    assert profile.repeats == {}


def test_counts_of_one_person_are_bounded_and_join() -> None:
    profile, other = Profile(), Profile()
    profile.repeats = {f"mail/offer/v{number:02}": 2 for number in range(REPEATS_MAX)}
    other.repeats = {"mail/offer/v00": 1, "mail/offer/new": 1}
    merge_repeats(profile, other)
    assert len(profile.repeats) == REPEATS_MAX
    assert profile.repeats["mail/offer/v00"] == 3
    assert "mail/offer/new" not in profile.repeats


def test_facts_are_those_of_the_profile() -> None:
    profile = Profile()
    profile.locale, profile.events = "de", 3
    profile.tags.add("jazz", 3.0, START_MS, 1000, 8)
    profile.tags.add("folk", 1.0, START_MS, 1000, 8)
    profile.devices.add("mobile", 2.0, START_MS, 1000, 8)
    profile.devices.add("desktop", 1.0, START_MS, 1000, 8)
    found = facts_of(profile, SETTINGS, START_MS)
    assert (found.locale, found.zone, found.device) == ("de", "", "mobile")
    assert found.tags == {"jazz": 0.75, "folk": 0.25}
    assert [found.features(name) for name in ("events", "orders", "order_value_mean")] == [3.0, 0.0, 0.0]
    nothing = facts_of(profile, SETTINGS, START_MS, frozenset({Root.LOCALE}))
    assert (nothing.locale, nothing.device, nothing.tags) == ("de", "", {})
