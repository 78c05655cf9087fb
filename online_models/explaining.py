"""A stored decision by features: what each adds to each term of each variant's score.

The decision has kept all that was the person's: affinities, the vector of features, his own model's weights and, where
trained parts are used, the state of the sequence model and the items he met. What was learnt over all users, and the
variants' tags, are those of the world that the decision names. So what is told here can be checked: the features of a
term sum to the value that the decision has kept of it.
"""

from array import array
from collections.abc import Iterable
from typing import NamedTuple

from online_models.scoring import SlotScorer
from online_models.slot_model import SlotWeights, UserModels
from online_models.terms import Person, SlotTable, hash_of_name
from online_models.vector import situation_of
from schemas.catalogue import items_of_slate
from schemas.decisions import Decision, SlotDecision
from schemas.errors import StateCorrupt
from schemas.ids import VariantId
from schemas.library import WorkspaceSettings

TOLERANCE = 1e-5
"""In log-odds, between the sum of a term's features and what the decision has kept of it, rounded to float32; of sums
beyond 1 this part of them."""
ADDED = "all"
"""What `SlotDecision.contributions` calls the part that is added to every variant."""
ITEM = "item:"

Features = dict[str, float]


class Explained(NamedTuple):
    """One variant of a decision. Features are weighted as their term is: they sum to `SlotDecision.contributions`.

    missing  largest difference between the features of a term and the term, as kept
    """

    terms: dict[str, Features]
    missing: float


def explained(
    decision: Decision, slot: SlotDecision, scorer: SlotScorer, settings: WorkspaceSettings
) -> tuple[Explained, ...]:
    """Tell each variant of a slot by features.

    scorer  of the slot, in the world that the decision names; of a slot that shows items, of these

    Raises:
        StateCorrupt: the decision is of other variants than that world's.
    """
    table = scorer.table
    groups = _groups_of(slot, table)
    person = None if slot.catalogue else _person(decision, slot, table, _own_affinities(slot, table, groups), settings)
    names = _names(table)
    contributions = slot.contributions()
    added = contributions.pop(ADDED)
    weights = array("f", slot.weights) or array("f", (1.0,) * len(contributions))
    told = []
    for number, rows in enumerate(groups):
        # What a slate's items were to the person together is kept, and not what each was.
        of = person or _person(decision, slot, table, _alike(slot, table, rows, number), settings)
        found, missing = _mean([scorer.explain(of, row) for row in rows]), 0.0
        terms = {}
        for weight, (term, values) in zip(weights, contributions.items(), strict=False):
            parts = [(name, weight * value) for name, value in found[term]]
            missing = max(missing, _difference(parts, values[number]))
            terms[term] = _together(parts, names)
        terms[ADDED] = {ADDED: added[number]}
        told.append(Explained(terms, missing))
    return tuple(told)


def _rows_of(slot: SlotDecision, table: SlotTable) -> list[int]:
    """The rows of the variants that were allowed for this person.

    Raises:
        StateCorrupt: the table has not all of them, or has them in another order.
    """
    places = {variant: row for row, variant in enumerate(table.variants)}
    rows = [places[variant] for variant in slot.variants if variant in places]
    if len(rows) < len(slot.variants) or rows != sorted(rows):
        raise StateCorrupt(f"expected the {len(slot.variants)} variants of the decision, the world has {len(table)}")
    return rows


def _groups_of(slot: SlotDecision, table: SlotTable) -> list[list[int]]:
    """The row of each variant; of a slate those of its items.

    Raises:
        StateCorrupt: the table has not all of them, or has them in another order.
    """
    if not slot.catalogue:
        return [[row] for row in _rows_of(slot, table)]
    places = {variant: row for row, variant in enumerate(table.variants)}
    try:
        return [[places[VariantId(item)] for item in items_of_slate(slate)] for slate in slot.variants]
    except KeyError:
        raise StateCorrupt(f"expected the items of {len(slot.variants)} slates, the world lacks some") from None


def _own_affinities(slot: SlotDecision, table: SlotTable, groups: list[list[int]]) -> "array[float]":
    affinities = array("f", bytes(4 * len(table)))
    for (row,), affinity in zip(groups, array("f", slot.features), strict=True):
        affinities[row] = affinity
    return affinities


def _alike(slot: SlotDecision, table: SlotTable, rows: list[int], slate: int) -> "array[float]":
    """All items of a slate as near as they are together; another one as near as the nearest slate was."""
    near = array("f", slot.features)
    affinities = array("f", bytes(4 * len(table)))
    for row in range(len(table)):
        affinities[row] = near[slate] if row in rows else max(near)
    return affinities


def _mean(told: list[dict[str, list[tuple[str, float]]]]) -> dict[str, list[tuple[str, float]]]:
    """The features of a slate: a part of each item's, for its score is the mean of theirs."""
    if len(told) == 1:
        return told[0]
    return {term: [(name, value / len(told)) for one in told for name, value in one[term]] for term in told[0]}


def _person(
    decision: Decision,
    slot: SlotDecision,
    table: SlotTable,
    affinities: "array[float]",
    settings: WorkspaceSettings,
) -> Person:
    """The person as the decision has kept him: of his own models that of this slot alone."""
    own = SlotWeights(examples=slot.experience, packed=slot.own)
    models = UserModels({f"{decision.template}/{slot.slot}": own}, decision.taste)
    shares = table.recall(affinities)
    situation = situation_of(decision.vector, settings)
    return Person(shares, situation, models, decision.hidden, decision.at_ms, decision.vector)


def _names(table: SlotTable) -> dict[str, str]:
    """Names of the items that are variants here; of others only hashes are kept."""
    return {f"{ITEM}{hash_of_name(variant):08x}": f"{ITEM}{variant}" for variant in table.variants}


def _difference(parts: Iterable[tuple[str, float]], value: float) -> float:
    """How far features are from their term; beyond 1 as a part of it."""
    return abs(sum([part for _, part in parts]) - value) / max(1.0, abs(value))


def _together(parts: Iterable[tuple[str, float]], names: dict[str, str]) -> Features:
    """By name; those of one name together."""
    found: Features = {}
    for name, value in parts:
        readable = names.get(name, name)
        found[readable] = found.get(readable, 0.0) + value
    return found
