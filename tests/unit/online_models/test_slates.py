"""Slates: what a catalog slot may show one person, and when they stay as they are."""

from array import array
from collections.abc import Iterable

import pytest

from online_models.catalogue import CatalogueLog, CatalogueView
from online_models.collaborative import take
from online_models.scoring import Scorers
from online_models.slates import LEAD, RANKED_MAX, Shelves, Slates, slates_for
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation
from online_models.trained import NOTHING_TRAINED, Trained
from schemas.catalogue import SLATES, Item, ItemId, item_key, items_of_slate
from schemas.codec import encode
from schemas.ids import SlotName, TemplateName, VariantId
from schemas.library import LearningSettings, Slot
from schemas.models import ModelSnapshot, PartKind, SlotPrior
from tests.support.catalogues import FILMS, PICKS, SAMPLE, film
from tests.support.choices import choices_of, part_of, table_of
from training.catalogue import train_catalogue

NOW_MS = 1_700_000_000_000
NEWSLETTER = TemplateName("newsletter")
SLOT = Slot(SlotName(PICKS), "catalog", (), items=2, catalogue=FILMS)


def view(*items: Item) -> CatalogueView:
    log = CatalogueLog()
    for offset, item in enumerate(items):
        log.take(offset, item_key(item.workspace, item.catalogue, item.id), encode(item))
    return CatalogueView(log, SAMPLE, log.end)


def shelves(likes: float = 2.0) -> Shelves:
    """Everybody prefers what is near the own tags."""
    prior = SlotPrior(weights={"affinity": likes})
    snapshot = ModelSnapshot(SAMPLE, 1, {f"{NEWSLETTER}/{PICKS}": prior})
    return Shelves(Scorers(snapshot, NOTHING_TRAINED, LearningSettings()), NOTHING_TRAINED)


def person(**shares: float) -> Person:
    tags: dict[int | str, float] = dict(shares.items())
    return Person(tags, Situation(), UserModels(), b"", NOW_MS)


def made(
    catalogue: CatalogueView, who: Person, kept: Iterable[VariantId] = (), shelf: Shelves | None = None
) -> Slates | None:
    return slates_for(shelf or shelves(), catalogue, NEWSLETTER, SLOT, who, tuple(kept), b"ana")


MANY = [film(number, tags=("drama",) if number % 3 else ("jazz",)) for number in range(40)]


def test_slates_show_as_many_items_as_the_slot_and_the_best_first() -> None:
    found = made(view(*MANY), person(jazz=1.0))
    assert found is not None
    scores = found.scores
    assert 2 <= len(scores.variants) <= SLATES
    assert all(len(set(items_of_slate(slate))) == 2 for slate in scores.variants)
    assert scores.scores[0] == max(scores.scores)
    first = [view(*MANY).item(FILMS, item) for item in items_of_slate(scores.variants[0])]
    assert all(item is not None and item.tags == ("jazz",) for item in first)
    assert found.words[scores.variants[0]].keys() == {
        f"{part}_{n}" for part in ("title", "price", "url") for n in (1, 2)
    }


def test_a_slates_score_is_the_sum_of_its_weighted_terms_as_of_every_variant() -> None:
    found = made(view(*MANY), person(jazz=0.5, drama=0.5))
    assert found is not None
    scores = found.scores
    count = len(scores.weights) - 1
    for row, score in enumerate(scores.scores):
        terms = scores.terms[row * count : (row + 1) * count]
        assert score == pytest.approx(
            sum(a * b for a, b in zip(terms, scores.weights, strict=False)) + scores.weights[-1]
        )
    assert isinstance(scores.uncertainties, array)


def test_the_same_person_gets_the_same_slates() -> None:
    one, other = made(view(*MANY), person(jazz=1.0)), made(view(*MANY), person(jazz=1.0), shelf=shelves())
    assert one is not None
    assert one == other


def test_too_few_items_make_no_slate() -> None:
    assert made(view(film(1)), person()) is None
    assert made(view(film(1), film(2), film(2, gone=True)), person()) is None
    assert made(view(film(1), film(2, ends_ms=NOW_MS)), person()) is None
    found = made(view(film(1), film(2, ends_ms=NOW_MS + 1)), person())
    assert found is not None
    assert list(found.ends_ms.values()) == [NOW_MS + 1]


def test_a_changed_price_changes_words_and_no_slate() -> None:
    before = made(view(*MANY), person(jazz=1.0))
    assert before is not None
    dearer = film(3, price="£99", tags=("jazz",))
    after = made(view(*MANY, dearer), person(jazz=1.0), before.scores.variants)
    assert after is not None
    assert after.scores.variants == before.scores.variants
    assert {slate for slate in before.words if before.words[slate] != after.words[slate]} == {
        slate for slate in before.words if "f3" in items_of_slate(slate)
    }


def test_slates_that_were_emitted_stay_until_a_new_one_leads() -> None:
    before = made(view(*MANY), person(jazz=1.0))
    assert before is not None
    newer = [film(100 + number, tags=("jazz",)) for number in range(5)]
    kept = made(view(*MANY, *newer), person(jazz=1.0), before.scores.variants)
    assert kept is not None
    assert kept.scores.variants == before.scores.variants
    other = made(view(*MANY, *newer), person(drama=1.0), before.scores.variants)
    assert other is not None
    assert other.scores.variants != before.scores.variants
    assert LEAD < 1.0


def test_a_slate_with_an_item_that_is_gone_does_not_stay() -> None:
    before = made(view(*MANY), person(jazz=1.0))
    assert before is not None
    gone = items_of_slate(before.scores.variants[0])[0]
    after = made(view(*MANY, film(int(gone[1:]), gone=True)), person(jazz=1.0), before.scores.variants)
    assert after is not None
    assert all(gone not in items_of_slate(slate) for slate in after.scores.variants)


def test_a_trained_part_brings_items_that_are_neither_new_nor_of_the_persons_tags() -> None:
    table = table_of(60)
    part = part_of(*train_catalogue(choices_of(2_000, 60, 20, seed=1), table, seed=1))
    trained = Trained({PartKind.COLLABORATIVE: part})
    items = [
        Item(SAMPLE, FILMS, ItemId(name), film(1).parts, tags)
        for name, tags in zip(table.variants, table.tags, strict=True)
    ]
    newer = [film(number) for number in range(100)]
    catalogue = view(*items, *newer)
    shelf = Shelves(Scorers(ModelSnapshot(SAMPLE, 1, {}), trained, LearningSettings()), trained)
    liked = table.items[:6].tolist()
    taste = b""
    for item in liked:
        taste = take(taste, item, 0, liked=1.0)
    who = person()._replace(models=UserModels(taste=taste))
    ranked = list(shelf.ranked(catalogue, FILMS, who))
    assert 0 < len(ranked) <= RANKED_MAX
    assert {*ranked} <= {*table.variants}
    found = made(catalogue, who, shelf=shelf)
    assert found is not None
    assert made(catalogue, who, shelf=shelves()) != found
    # Without anything in the catalogue there is nothing to rank.
    assert list(shelf.ranked(view(), FILMS, who)) == []
