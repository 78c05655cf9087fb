"""Slates of a catalog slot: a few rows of items for one person, scored as the mean of what their items score."""

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import islice
from math import log, sqrt
from typing import NamedTuple

from online_models.catalogue import CatalogueView, generation_of
from online_models.scoring import Scorers, SlotScorer, SlotScores, weighted
from online_models.terms import Person, SlotTable
from online_models.trained import Trained
from schemas.catalogue import SLATES, Item, ItemId, items_of_slate, slate_of_items
from schemas.ids import SlotName, Tag, TemplateName, VariantId
from schemas.library import Slot, Variant

POOL_MAX = 24
"""Items that are scored for one person: more cost more, and the best few are among them (docs/catalogues.md)."""
RANKED_MAX = 12
TAGS_LOOKED_AT = 6
OF_TAG_MAX = 4
SPREAD = 0.5
"""In log-odds, of the noise by which slates after the first differ from it."""
LEAD = 0.1
"""In log-odds, by which a new best slate must lead the one that was emitted (hysteresis)."""
SCORERS_KEPT_MAX = 512
_NUMBERS = 1 << 64


class Slates(NamedTuple):
    """What a catalog slot may show one person: the rows of `scores` are slates, `scores.variants` their names.

    words    what each slate shows, by the part's name in the layout
    ends_ms  when the first item of each ends; 0 is never
    lost     whether one that was kept can no longer be shown whole
    """

    scores: SlotScores
    words: dict[VariantId, dict[str, str]]
    ends_ms: dict[VariantId, int]
    lost: bool = False


class Shelves:
    """What is made once for the items of one world: scorers of pools, and rankings of whole catalogues."""

    def __init__(self, scorers: Scorers, trained: Trained) -> None:
        self._scorers, self._trained = scorers, trained
        self._kept: OrderedDict[tuple[TemplateName, SlotName, tuple[tuple[ItemId, tuple[Tag, ...]], ...]], SlotScorer]
        self._kept = OrderedDict()

    def scorer(self, template: TemplateName, slot: SlotName, items: Iterable[Item]) -> SlotScorer:
        """Scores these items."""
        key = (template, slot, tuple([(item.id, item.tags) for item in items]))
        found = self._kept.pop(key, None)
        if found is None:
            variants = [Variant(VariantId(name), tags, {}) for name, tags in key[2]]
            found = self._scorers.of(SlotTable(template, slot, variants, is_catalog=True))
        self._kept[key] = found
        while len(self._kept) > SCORERS_KEPT_MAX:
            self._kept.popitem(last=False)
        return found

    def ranked(self, catalogue: CatalogueView, name: str, person: Person) -> Iterable[ItemId]:
        """Items that a trained part ranks first for a person; none where there is no such part."""
        end = generation_of(catalogue.end)
        term = self._trained.ranking((name, end), lambda: _whole(catalogue.below(end), name))
        if term is None:
            return ()
        rows, _ = term.rank(person, RANKED_MAX)
        return [ItemId(term.table.variants[row]) for row in rows]


def _whole(catalogue: CatalogueView, name: str) -> SlotTable:
    variants = [Variant(VariantId(item.id), item.tags, {}) for item in catalogue.items(name)]
    return SlotTable(TemplateName(""), SlotName(name), variants, is_catalog=True)


def slates_for(
    shelves: Shelves,
    catalogue: CatalogueView,
    template: TemplateName,
    slot: Slot,
    person: Person,
    kept: Sequence[VariantId],
    seed: bytes,
) -> Slates | None:
    """At most `SLATES` slates for a person, the best first; None where too few items may be shown.

    kept  slates that were emitted last: they stay as long as all of their items may be shown and no new one leads
    seed  of the noise: the same for a person as long as it is to be the same
    """
    parts = _parts_of(slot)
    known = _shown_of(catalogue, slot, kept, person.at_ms, parts)
    pool = {item.id: item for items in known.values() for item in items}
    for item in _pool(shelves, catalogue, slot.catalogue, person):
        if parts <= item.parts.keys():
            pool.setdefault(item.id, item)
    if len(pool) < slot.items:
        return None
    items = list(pool.values())
    scored = shelves.scorer(template, slot.name, items).score(person)
    fresh = _fresh(items, scored.scores, slot.items, seed)
    row_of = {item.id: row for row, item in enumerate(items)}
    is_lost = len(known) < len(kept)
    if known and not is_lost:
        best = max(_mean(scored.scores, [row_of[item.id] for item in one]) for one in known.values())
        if _mean(scored.scores, fresh[0]) - best < LEAD:
            fresh = [[row_of[item.id] for item in one] for one in known.values()]
    return _made(items, scored, fresh)._replace(lost=is_lost)


def words_of(items: Sequence[Item]) -> dict[str, str]:
    """What a slate shows, by the part's name in the layout: the first item's parts end in `_1`."""
    return {f"{part}_{number}": text for number, item in enumerate(items, 1) for part, text in item.parts.items()}


def _parts_of(slot: Slot) -> frozenset[str]:
    """What an item must have to be shown: items that were told before a part was asked for have it only told again."""
    words = next(iter(slot.variants[0].content.values()), {}) if slot.variants else {}
    return frozenset([name.rpartition("_")[0] for name in words])


def _shown_of(
    catalogue: CatalogueView, slot: Slot, kept: Sequence[VariantId], at_ms: int, parts: frozenset[str]
) -> dict[VariantId, list[Item]]:
    """The items of each slate that may still be shown whole."""
    found: dict[VariantId, list[Item]] = {}
    for slate in kept:
        items = [catalogue.item(slot.catalogue, item) for item in items_of_slate(slate)]
        there = [item for item in items if item is not None and item.is_shown_at(at_ms)]
        shown = [item for item in there if parts <= item.parts.keys()]
        if len(shown) == len(items) == slot.items:
            found[slate] = shown
    return found


def _pool(shelves: Shelves, catalogue: CatalogueView, name: str, person: Person) -> list[Item]:
    """Items worth scoring: those that a trained part ranks first, then by the person's tags, then the newest."""
    found: dict[ItemId, Item] = {}
    for ranked in shelves.ranked(catalogue, name, person):
        item = catalogue.item(name, ranked)
        if item is not None and item.is_shown_at(person.at_ms):
            found[ranked] = item
    liked = sorted((tag for tag in person.shares if isinstance(tag, str)), key=lambda tag: (-person.shares[tag], tag))
    for tag in islice(liked, TAGS_LOOKED_AT):
        for item in catalogue.newest(name, OF_TAG_MAX, person.at_ms, Tag(tag)):
            found.setdefault(item.id, item)
    for item in catalogue.newest(name, POOL_MAX, person.at_ms):
        if len(found) >= POOL_MAX:
            break
        found.setdefault(item.id, item)
    return list(found.values())[:POOL_MAX]


def _fresh(items: Sequence[Item], scores: Sequence[float], count: int, seed: bytes) -> list[list[int]]:
    """Rows of the best items, and others drawn by their scores without being put back: the Gumbel trick.

    Source: Kool, van Hoof, Welling 2019, "Stochastic beams and where to find them", §2.3.
    """
    found: dict[frozenset[int], list[int]] = {}
    for number in range(SLATES):
        noise = [SPREAD * _gumbel(seed, number, item.id) if number else 0.0 for item in items]
        keys = [score + one for score, one in zip(scores, noise, strict=True)]
        rows = sorted(range(len(items)), key=lambda row: (-keys[row], items[row].id))[:count]
        rows.sort(key=lambda row: (-scores[row], items[row].id))
        found.setdefault(frozenset(rows), rows)
    return list(found.values())


def _gumbel(seed: bytes, number: int, item: ItemId) -> float:
    drawn = int.from_bytes(blake2b(item.encode(), key=seed[:64], digest_size=8, salt=bytes((number,))).digest())
    return -log(-log((drawn + 0.5) / _NUMBERS))


def _made(items: Sequence[Item], scored: SlotScores, slates: Sequence[Sequence[int]]) -> Slates:
    count = len(scored.weights) - 1
    terms, uncertainties, affinities = array("f"), array("f"), array("f")
    names: list[VariantId] = []
    words: dict[VariantId, dict[str, str]] = {}
    ends: dict[VariantId, int] = {}
    for rows in slates:
        shown = [items[row] for row in rows]
        name = slate_of_items(tuple([item.id for item in shown]))
        names.append(name)
        words[name] = words_of(shown)
        ends[name] = min((item.valid_until_ms for item in shown if item.valid_until_ms), default=0)
        terms.extend([_mean(scored.terms[term::count], rows) for term in range(count)])
        # Items err independently: so does their mean, by less.
        uncertainties.append(sqrt(sum([scored.uncertainties[row] ** 2 for row in rows])) / len(rows))
        affinities.append(_mean(scored.affinities, rows))
    scores = scored._replace(
        variants=tuple(names),
        scores=weighted(terms, scored.weights),
        terms=terms,
        uncertainties=uncertainties,
        affinities=affinities,
        top=max(affinities),
    )
    return Slates(scores, words, ends)


def _mean(values: Sequence[float], rows: Sequence[int]) -> float:
    return sum([values[row] for row in rows]) / len(rows)
