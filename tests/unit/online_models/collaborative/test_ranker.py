"""Ranking a catalogue for one person."""

import math
from statistics import fmean

import numpy as np
import pytest

from online_models.collaborative import CatalogTerm, CollaborativePart, Ranker, Taste, take, taste_of
from online_models.collaborative.signals import SIGNALS
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation, hash_of_name
from tests.support.choices import CIRCLES, choices_of, part_of, table_of
from training.catalogue import ranker_of, train_catalogue
from training.factors import train_factors

ITEMS = 80


def taste(*rows: int) -> bytes:
    packed = b""
    for row in rows:
        packed = take(packed, hash_of_name(f"item{row}"), 0, 1.0)
    return packed


def person(packed: bytes) -> Person:
    return Person({}, Situation(), UserModels(taste=packed), b"", 0)


@pytest.fixture(scope="module")
def term() -> CatalogTerm:
    table = table_of(ITEMS)
    return CatalogTerm(table, part_of(*train_catalogue(choices_of(3_000, ITEMS, 40, seed=1), table, seed=1)))


def test_items_that_the_same_people_choose_come_first(term: CatalogTerm) -> None:
    for circle in range(CIRCLES):
        rows, _ = term.rank(person(taste(circle, circle + 4, circle + 8)), items=10)
        assert fmean(int(row) % CIRCLES == circle for row in rows) >= 0.9


def test_what_was_met_is_no_candidate(term: CatalogTerm) -> None:
    rows = term.candidates(person(taste(1, 5, 9)))
    assert not {1, 5, 9} & set(rows.tolist())
    assert rows.tolist() == sorted(set(rows.tolist()))


def test_candidates_are_as_many_as_asked_for_at_most(term: CatalogTerm) -> None:
    assert len(term.candidates(person(taste(1)), count=7)) <= 7
    assert len(term.candidates(person(b""), count=ITEMS)) == ITEMS


def test_contributions_sum_to_the_score(term: CatalogTerm) -> None:
    somebody = person(taste(1, 5, 9))
    whole = term.score(somebody)
    for row in (0, 13, ITEMS - 1):
        explained = term.explain(somebody, row)
        assert [name for name, _ in explained] == [signal.name for signal in SIGNALS]
        assert math.fsum(value for _, value in explained) == pytest.approx(whole.values[row], abs=1e-5)
    assert list(term.score(somebody, [13]).values) == pytest.approx([whole.values[13]], abs=1e-5)
    assert all(math.isfinite(value) for value in (*whole.values, *whole.deviations))


def test_a_ranking_is_stale_only_when_taste_or_part_changed(term: CatalogTerm) -> None:
    before = term.stamp(person(taste(1, 5)))
    other = part_of(*train_catalogue(choices_of(300, ITEMS, 40, seed=2), table_of(ITEMS), seed=1))
    assert term.stamp(person(taste(1, 5))) == before
    assert term.stamp(person(taste(1, 6))) != before
    assert CatalogTerm(table_of(ITEMS), other).stamp(person(taste(1, 5))) != before


def test_a_ranker_without_a_part_ranks_by_what_it_counts() -> None:
    ranker = Ranker(table_of(ITEMS))
    for place in range(400):
        ranker.take(Taste(), hash_of_name(f"item{place % 5}"), liked=1.0)
    rows, scores = ranker.rank(Taste(), items=5, count=ITEMS)
    assert sorted(rows.tolist()) == [0, 1, 2, 3, 4]
    assert list(scores) == sorted(scores, reverse=True)


def test_an_item_that_the_table_lacks_teaches_nothing() -> None:
    ranker = Ranker(table_of(ITEMS))
    ranker.take(Taste(), hash_of_name("gone"), liked=1.0)
    assert ranker.catalog.examples == 0


def test_what_was_shown_beside_the_choice_is_learnt_from() -> None:
    # Given people who choose items of kind 0 wherever one of kind 1 is shown beside it
    ranker = Ranker(table_of(ITEMS))
    somebody = taste_of(taste(0, 3, 6))
    for place in range(200):
        ranker.take(somebody, hash_of_name(f"item{place % 20 * 3}"), 1.0, shown=[place % 20 * 3 + 1])
    # Then kind 0 is ranked before kind 1, also where nobody ever chose
    first, second = ranker.score(somebody, np.array([66, 67]))
    assert first > second


def test_an_item_that_the_part_does_not_know_has_no_neighbours() -> None:
    part = CollaborativePart.read(*train_factors(choices_of(500, 40, 20, seed=1), seed=1))
    ranker = Ranker(table_of(ITEMS))
    ranker.use(part)
    view = ranker.view(taste_of(taste(1, 2)))
    assert view.similar is not None
    known = view.similar[0][view.similar[1] > 0]
    assert len(known)
    assert known.max() < 40


def test_signals_can_be_left_out() -> None:
    ranker = ranker_of(choices_of(600, ITEMS, 20, seed=1), table_of(ITEMS), seed=1)
    ranker.leave_out(["collaborative", "chosen"])
    added = ranker.contributions(taste_of(taste(1, 5)), np.arange(ITEMS))
    spread = {signal.name: float(np.ptp(added[:, n])) for n, signal in enumerate(SIGNALS)}
    assert spread["neighbours"] == spread["factors"] == spread["chosen"] == 0.0
    assert spread["chosen_lately"] > 0.0
    with pytest.raises(ValueError, match="expected signals or terms"):
        ranker.leave_out(["nonsense"])
