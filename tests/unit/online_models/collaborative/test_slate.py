"""A catalog slot's slate: ranked again only when it must be."""

import pytest

from online_models.collaborative import CatalogTerm, Ranker, rows_of, slate_of, take
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation, hash_of_name
from schemas.models import ModelPart
from tests.support.choices import choices_of, part_of, table_of
from training.catalogue import train_catalogue

ITEMS = 80


@pytest.fixture(scope="module")
def part() -> ModelPart:
    return part_of(*train_catalogue(choices_of(1_000, ITEMS, 40, seed=1), table_of(ITEMS), seed=1))


def person(*rows: int, at_ms: int = 0) -> Person:
    packed = b""
    for row in rows:
        packed = take(packed, hash_of_name(f"item{row}"), 0, 1.0)
    return Person({}, Situation(), UserModels(taste=packed), b"", at_ms)


def test_a_slate_holds_the_best_rows(part: ModelPart) -> None:
    term = CatalogTerm(table_of(ITEMS), part)
    slate = slate_of(term, person(1, 5), 6, b"")
    assert rows_of(term, slate) == tuple(term.rank(person(1, 5), 6)[0].tolist())
    assert len(slate) == 8 + 4 * 6
    assert rows_of(term, b"") == ()


def test_nothing_is_ranked_where_nothing_changed(part: ModelPart, monkeypatch: pytest.MonkeyPatch) -> None:
    term = CatalogTerm(table_of(ITEMS), part)
    before = slate_of(term, person(1, 5), 6, b"")
    monkeypatch.setattr(Ranker, "rank", None)
    assert slate_of(term, person(1, 5, at_ms=9_000), 6, before) is before


def test_a_new_taste_part_or_catalogue_is_ranked_anew(part: ModelPart) -> None:
    term = CatalogTerm(table_of(ITEMS), part)
    before = slate_of(term, person(1, 5), 6, b"")
    other = part_of(part.arrays, {**part.settings, "base": 0.25})
    for changed, somebody in (
        (term, person(1, 5, 9)),
        (CatalogTerm(table_of(ITEMS), other), person(1, 5)),
        (CatalogTerm(table_of(ITEMS - 1), part), person(1, 5)),
    ):
        assert slate_of(changed, somebody, 6, before)[:8] != before[:8]


def test_items_that_left_the_table_leave_the_slate(part: ModelPart) -> None:
    slate = slate_of(CatalogTerm(table_of(ITEMS), part), person(1, 5), ITEMS, b"")
    rows = rows_of(CatalogTerm(table_of(ITEMS // 2), part), slate)
    assert rows
    assert max(rows) < ITEMS // 2
