"""The term of the sequence part: state × embedding, explained by what it is a sum of."""

import numpy as np
import pytest

from online_models.sequence.inputs import input_of_event, input_of_reward
from online_models.sequence.state import SequenceState, packed
from online_models.sequence.term import VALUE_MAX, Outputs, SequenceTerm
from online_models.sequence.weights import Floats, SequenceWeights
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation, SlotTable, hash_of_name
from schemas.events import Event, EventKind
from schemas.ids import EventId, RecordId, SlotName, Tag, TemplateName, UserId, VariantId, WorkspaceId
from schemas.library import TagRule, Variant
from tests.support.sequences import arrays_of, part_of


def table_of(**tags: tuple[str, ...]) -> SlotTable:
    variants = [Variant(VariantId(name), tuple(map(Tag, own)), {}) for name, own in tags.items()]
    return SlotTable(TemplateName("t"), SlotName("s"), variants)


def person_of(weights: SequenceWeights, seed: int = 3) -> Person:
    values = np.random.default_rng(seed).uniform(-1, 1, weights.hidden).astype(np.float32)
    return Person({}, Situation(), UserModels(), packed(SequenceState(values, 1, 0), weights), 1)


TABLE = table_of(a=("jazz",), b=("jazz", "folk"), never=("rock", "never"), nothing=())


def term_of(head: str = "reward", **changes: Floats) -> tuple[SequenceTerm, SequenceWeights]:
    weights = SequenceWeights.of(part_of(arrays_of() | changes, deviation=0.25))
    return SequenceTerm(Outputs(TABLE, weights, head)), weights


@pytest.mark.parametrize("head", ["reward", "next"])
def test_what_explains_a_value_sums_to_it(head: str) -> None:
    term, weights = term_of(head)
    person = person_of(weights)
    values = term.score(person).values
    for row, value in enumerate(values):
        explained = term.explain(person, row)
        assert sum(part for _, part in explained) == pytest.approx(value, abs=1e-5)
    assert [name for name, _ in term.explain(person, 1)] == ["all", "variant:b", "tag:jazz", "tag:folk"]


def test_rows_are_scored_as_in_the_whole() -> None:
    term, weights = term_of()
    person = person_of(weights)
    some = term.score(person, [2, 0])
    whole = term.score(person)
    assert some.values == pytest.approx([whole.values[2], whole.values[0]], abs=1e-6)
    assert some.deviations == (0.25, 0.25)


def test_the_heads_say_different_things() -> None:
    reward, weights = term_of()
    person = person_of(weights)
    assert reward.score(person).values != term_of("next")[0].score(person).values


def test_a_variant_without_row_and_tags_has_what_all_have() -> None:
    term, weights = term_of()
    assert term.explain(person_of(weights), 3)[1:] == [("variant:nothing", 0.0)]


def test_a_value_has_a_bound() -> None:
    term, weights = term_of(base_reward=np.full(17, 1e3, np.float32))
    assert all(abs(value) == VALUE_MAX for value in term.score(person_of(weights)).values)


def test_a_person_without_state_is_at_zero() -> None:
    term, weights = term_of()
    unknown = person_of(weights)._replace(hidden=b"")
    expected = [float(Outputs(TABLE, weights).rows([row])[0, -1]) for row in range(4)]
    assert term.score(unknown).values == pytest.approx(expected)


def test_an_event_tells_its_name_content_and_tags() -> None:
    event = Event(
        workspace=WorkspaceId("w"), user=UserId("u"), record_id=RecordId("r"), id=EventId("i"), kind=EventKind.TRACK,
        at_ms=5, received_ms=6, name="Product Viewed", properties={"product_id": 9, "category": "Jazz"},
    )  # fmt: skip
    found = input_of_event(event, [TagRule(property="category")], 7)
    assert found == (hash_of_name("Product Viewed"), hash_of_name("9"), (hash_of_name("jazz"),), 7)
    assert input_of_event(event, [], 7).tags == ()


def test_a_reward_tells_whether_it_was_one() -> None:
    found = input_of_reward(VariantId("a"), (Tag("jazz"),), 7, clicked=True)
    assert found == (hash_of_name("reward:1"), hash_of_name("a"), (hash_of_name("jazz"),), 7)
    assert input_of_reward(VariantId("a"), (), 7, clicked=False).kind == hash_of_name("reward:0")


@pytest.mark.parametrize(("grade", "step"), [(0.0, 0), (0.099, 0), (0.5, 5), (1.0, 9), (7.0, 9), (-1.0, 0)])
def test_a_grade_counts_in_steps(grade: float, step: int) -> None:
    found = input_of_reward(VariantId("a"), (), 7, clicked=False, grade=grade)
    assert found.kind == hash_of_name(f"reward:0:{step}")
