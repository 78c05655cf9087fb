"""The collaborative term of an ordinary slot."""

import math

import numpy as np
import pytest

from online_models.collaborative import CollaborativeTerm, take, term
from online_models.collaborative.part import array_of
from online_models.collaborative.term import DEVIATION, HALF_LIFE_S
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation, SlotTable, hash_of_name
from schemas.errors import SchemaError
from schemas.ids import SlotName, TemplateName, VariantId
from schemas.library import Variant
from schemas.models import ModelPart
from tests.support.choices import part_of

NAMES = ("jazz", "blues", "opera", "unheard")
FACTORS = {"jazz": [1.0, 0.0], "blues": [1.0, 0.2], "opera": [0.0, 1.0], "swing": [2.0, 0.1]}


def part() -> ModelPart:
    known = sorted(FACTORS, key=hash_of_name)
    nobody = np.zeros((len(known), 1))
    arrays = (
        array_of("factors", np.array([FACTORS[name] for name in known]), "<f4"),
        array_of("items", np.array([hash_of_name(name) for name in known], np.uint32), "<u4"),
        array_of("neighbours", nobody, "<u4"),
        array_of("weights", nobody, "<f2"),
    )
    return part_of(arrays, {"alpha": 10.0, "ridge": 5.0, "base": 0.1})


def table(names: tuple[str, ...] = NAMES) -> SlotTable:
    return SlotTable(TemplateName("letter"), SlotName("hero"), [Variant(VariantId(name), (), {}) for name in names])


def person(*met: tuple[str, float], at_ms: int = 0) -> Person:
    packed = b""
    for name, liked in met:
        packed = take(packed, hash_of_name(name), 0, liked, expected=0.25)
    return Person({}, Situation(), UserModels(taste=packed), b"", at_ms)


def test_of_whom_nothing_is_known_nothing_is_said() -> None:
    scores = CollaborativeTerm(table(), part()).score(person())
    assert list(scores.values) == [0.0] * 4
    assert list(scores.deviations) == [DEVIATION] * 4


def test_what_is_like_a_liked_item_scores_higher_and_is_surer() -> None:
    scores = CollaborativeTerm(table(), part()).score(person(("swing", 1.0)))
    jazz, blues, opera, unheard = scores.values
    assert jazz > 0.0
    assert blues > 0.0
    assert jazz > 5 * opera
    assert unheard == 0.0
    assert scores.deviations[0] < scores.deviations[3] - 0.01
    assert scores.deviations[3] == pytest.approx(DEVIATION)


def test_what_is_like_an_item_passed_over_scores_lower() -> None:
    assert CollaborativeTerm(table(), part()).score(person(("swing", 0.0))).values[0] < 0.0


def test_a_variants_own_past_is_left_to_the_content_term() -> None:
    values = CollaborativeTerm(table(("jazz",)), part()).score(person(("jazz", 1.0))).values
    assert list(values) == [0.0]


def test_the_past_counts_half_after_a_half_life() -> None:
    term = CollaborativeTerm(table(("opera",)), part())
    now, later = (term.explain(person(("blues", 1.0), at_ms=at_ms), 0)[0][1] for at_ms in (0, int(HALF_LIFE_S * 1000)))
    assert later == pytest.approx(now / 2, rel=0.02)


def test_rows_are_scored_as_in_the_whole_and_explained_to_their_sum() -> None:
    scorer, somebody = (
        CollaborativeTerm(table(), part()),
        person(("swing", 1.0), ("opera", 0.0), ("nothing known", 1.0)),
    )
    whole = scorer.score(somebody).values
    assert list(scorer.score(somebody, [2, 0]).values) == pytest.approx([whole[2], whole[0]], abs=1e-7)
    for row in range(4):
        assert math.fsum(value for _, value in scorer.explain(somebody, row)) == pytest.approx(whole[row], abs=1e-6)


def test_large_tables_are_scored_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    somebody = person(("swing", 1.0), ("opera", 0.0), ("nothing known", 1.0))
    at_hand = CollaborativeTerm(table(), part()).score(somebody)
    monkeypatch.setattr(term, "SIMILARITIES_MAX", 0)
    worked_out = CollaborativeTerm(table(), part()).score(somebody)
    assert list(worked_out.values) == pytest.approx(list(at_hand.values), abs=1e-7)
    assert list(worked_out.deviations) == pytest.approx(list(at_hand.deviations), abs=1e-7)


def test_a_part_of_another_shape_is_refused() -> None:
    with pytest.raises(SchemaError, match="expected an array"):
        CollaborativeTerm(table(), part_of((), {}))


def test_a_part_without_items_says_nothing() -> None:
    empty = (
        array_of("factors", np.zeros((0, 2)), "<f4"),
        array_of("items", np.zeros(0), "<u4"),
        array_of("neighbours", np.zeros((0, 1)), "<u4"),
        array_of("weights", np.zeros((0, 1)), "<f2"),
    )
    term = CollaborativeTerm(table(), part_of(empty, {"alpha": 1.0, "ridge": 1.0}))
    assert list(term.score(person(("jazz", 1.0))).values) == [0.0] * 4


def test_a_part_is_read_once_for_a_table_however_often_the_term_is_made() -> None:
    shown, champion = table(), part()
    first, again = CollaborativeTerm(shown, champion), CollaborativeTerm(shown, champion)
    assert first._part is again._part
    other = part_of(champion.arrays, {**champion.settings, "base": 0.3})
    assert CollaborativeTerm(shown, other)._part.base == 0.3
