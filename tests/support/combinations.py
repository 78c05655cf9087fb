"""Content rules and candidates by brute force: every combination is tried, so nothing clever can go wrong."""

from collections.abc import Sequence
from itertools import product
from math import prod

from online_models.rules import Rules
from schemas.ids import SlotName, VariantId
from schemas.library import ContentRules, Pair

Choice = tuple[int, ...]
Named = list[tuple[SlotName, list[VariantId]]]


def named(*sizes: int) -> Named:
    """Slots `s0`, `s1` … with variants `v0`, `v1` …, so many in each."""
    return [(SlotName(f"s{slot}"), [VariantId(f"v{v}") for v in range(size)]) for slot, size in enumerate(sizes)]


def pair(first: str, second: str) -> Pair:
    """`pair("s0.v1", "s2.v0")`: two variants of named slots."""
    (one_slot, one), (other_slot, other) = first.split("."), second.split(".")
    return Pair((SlotName(one_slot), VariantId(one)), (SlotName(other_slot), VariantId(other)))


def rules_of(slots: Named, forbidden: Sequence[Pair] = (), required: Sequence[Pair] = ()) -> Rules:
    """Build rules over these slots."""
    return Rules.of(ContentRules(tuple(forbidden), tuple(required)), slots)


def allowed(slots: Named, rules: ContentRules) -> list[Choice]:
    """List every combination that keeps all rules, by the words of the rules and nothing else."""
    found = []
    for choice in product(*(range(len(variants)) for _, variants in slots)):
        shown = {(name, variants[v]) for (name, variants), v in zip(slots, choice, strict=True)}
        both = any(one.first in shown and one.second in shown for one in rules.forbidden)
        lacking = any(one.first in shown and one.second not in shown for one in rules.required)
        if not both and not lacking:
            found.append(choice)
    return found


def likelihood(distributions: Sequence[Sequence[float]], choice: Choice) -> float:
    """Multiply the probabilities of a combination's variants."""
    return prod(p[v] for p, v in zip(distributions, choice, strict=True))


def fewest_covering(choices: Sequence[Choice], held: Sequence[Choice] = ()) -> int:
    """Count the fewest of `choices` that, with those held already, show every variant that any of them shows."""
    places = {place: 1 << i for i, place in enumerate(sorted({p for choice in choices for p in enumerate(choice)}))}
    masks = {sum(places[place] for place in enumerate(choice)) for choice in choices}
    start = 0
    for choice in held:
        start |= sum(places[place] for place in enumerate(choice))
    reached, count = {start}, 0
    while (1 << len(places)) - 1 not in reached:
        reached = {mask | more for mask in reached for more in masks}
        count += 1
    return count
