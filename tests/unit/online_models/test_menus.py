"""What a template can show at a time: spans between the dates of its variants."""

import pytest
from msgspec.structs import replace

from online_models.menus import MENUS_KEPT_MAX, Menus, Offers
from online_models.scoring import Scorers
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation
from online_models.trained import NOTHING_TRAINED
from online_models.validity import valid_variants
from schemas.ids import Locale, SlotName, TemplateName, VariantId, WorkspaceId
from schemas.library import LearningSettings, MessageClass, Slot, Template, Variant
from schemas.models import ModelSnapshot

NOBODY = Person({}, Situation(), UserModels(), b"", 0)
SCORERS = Scorers(ModelSnapshot(WorkspaceId("w"), 0, {}), NOTHING_TRAINED, LearningSettings())


def variant(name: str, from_ms: int = 0, until_ms: int = 0) -> Variant:
    return Variant(VariantId(name), (), {Locale("en"): {"text": name}}, from_ms, until_ms)


def template(*variants: Variant) -> Template:
    slot = Slot(SlotName("subject"), "subject", variants)
    return Template(TemplateName("t"), MessageClass.MARKETING, (slot,), (), {})


@pytest.mark.parametrize(("at_ms", "valid"), [(9, False), (10, True), (19, True), (20, False)])
def test_a_variant_is_valid_from_its_start_until_before_its_end(at_ms: int, valid: bool) -> None:
    slot = template(variant("first"), variant("dated", 10, 20), variant("last")).slots[0]
    ids = [one.id for one in valid_variants(slot, at_ms)]
    assert ids == (["first", "dated", "last"] if valid else ["first", "last"])


@pytest.mark.parametrize(
    ("at_ms", "variants", "until_ms"),
    [(0, ("a",), 10), (9, ("a",), 10), (10, ("a", "b"), 20), (19, ("a", "b"), 20), (20, ("a",), 0), (99, ("a",), 0)],
)
def test_a_menu_holds_until_the_next_date(at_ms: int, variants: tuple[str, ...], until_ms: int) -> None:
    menu = Menus(Offers(template(variant("a"), variant("b", 10, 20))), SCORERS).at(at_ms)
    assert menu.variants == (variants,)
    assert menu.until_ms == until_ms
    assert menu.scorers[0].score(NOBODY).variants == variants


def test_one_span_is_made_once_whenever_it_is_asked_for() -> None:
    menus = Menus(Offers(template(variant("a"), variant("b", 10, 20))), SCORERS)
    assert menus.at(11) is menus.at(19)
    assert menus.at(9) is not menus.at(10)


def test_many_dates_keep_few_menus() -> None:
    days = 3 * MENUS_KEPT_MAX
    dated = [variant(f"v{day}", 10 * day, 10 * day + 10) for day in range(1, days)]
    menus = Menus(Offers(template(variant("a"), *dated)), SCORERS)
    for day in range(1, days):
        assert menus.at(10 * day + 5).variants == (("a", f"v{day}"),)
        assert len(menus._menus) <= MENUS_KEPT_MAX


def test_without_dates_one_menu_is_for_ever() -> None:
    menus = Menus(Offers(replace(template(variant("a")))), SCORERS)
    assert menus.at(0).until_ms == 0
    assert menus.at(0) is menus.at(1 << 45)
