"""Training of what a catalogue is ranked by."""

import numpy as np

from online_models.collaborative import CollaborativePart, Ranker
from online_models.terms import hash_of_name
from schemas.topics import RECORD_BYTES_MAX
from tests.support.choices import choices_of, part_of, table_of
from training.catalogue import ranker_of, train_catalogue
from training.factors import ITEMS_MAX, NEIGHBOURS, Choices, most_chosen


def test_a_part_carries_what_was_counted_and_learnt() -> None:
    choices, table = choices_of(900, 40, 20, seed=1), table_of(40)
    part = part_of(*train_catalogue(choices, table, seed=1))
    part.check()
    met = ranker_of(choices, table, seed=1)
    ranker = Ranker(table)
    ranker.use(CollaborativePart.of(part))
    assert ranker.catalog.examples == met.catalog.examples == 900
    assert np.allclose(ranker.catalog.counted(), met.catalog.counted(), rtol=1e-5)
    assert np.allclose(ranker.weights.curves, met.weights.curves, atol=1e-5)
    assert np.abs(met.weights.curves).max() > 0.1


def test_the_same_choices_and_seed_give_the_same_bytes() -> None:
    choices = choices_of(400, 40, 20, seed=1)
    assert train_catalogue(choices, table_of(40), seed=3) == train_catalogue(choices, table_of(40), seed=3)


def test_items_that_are_no_longer_in_the_table_are_passed_over() -> None:
    part = CollaborativePart.read(*train_catalogue(choices_of(400, 40, 20, seed=1), table_of(8), seed=1))
    assert part.counted is not None
    gone = part.rows_of([hash_of_name("item39")])
    assert part.counted[:, gone].sum() == 0.0
    assert len(part.items) == 40


def test_what_was_shown_in_vain_is_no_choice() -> None:
    choices = choices_of(400, 40, 20, seed=1)
    liked = np.where(np.arange(400) % 4 == 0, 1.0, 0.0).astype(np.float32)
    met = ranker_of(Choices(choices.users, choices.items, choices.at_s, liked), table_of(40), seed=1)
    assert met.catalog.examples == 100


def test_nothing_to_learn_from_gives_a_part_that_can_be_read() -> None:
    part = CollaborativePart.read(*train_catalogue(choices_of(3, 40, 2, seed=1).first(0), table_of(8), seed=1))
    assert (len(part.items), part.examples) == (0, 0)


def test_a_part_of_as_many_items_as_it_may_know_fits_into_a_record() -> None:
    arrays, _ = train_catalogue(choices_of(2_000, 200, 40, seed=1), table_of(200), seed=1)
    rows = next(array.shape[0] for array in arrays if array.name == "items")
    # A small catalogue's items have fewer neighbours than they may have.
    width = sum(len(one.data) / one.shape[1] for one in arrays if one.name in ("neighbours", "weights")) * NEIGHBOURS
    others = sum(len(one.data) for one in arrays if one.name in ("items", "factors", "counted"))
    curves = sum(len(one.data) for one in arrays if one.name == "curves")
    assert rows > 100
    assert (width + others) / rows * ITEMS_MAX + curves < RECORD_BYTES_MAX - 100_000


def test_of_more_items_those_chosen_most_often_are_known() -> None:
    choices = choices_of(900, 40, 20, seed=2)
    kept = most_chosen(choices, 5)
    items, times = np.unique(choices.items[choices.liked > 0], return_counts=True)
    least = sorted(times.tolist(), reverse=True)[4]
    assert len(set(kept.items.tolist())) == 5
    assert all(times[items.tolist().index(item)] >= least for item in kept.items.tolist())
    assert most_chosen(choices, 10_000) is choices
