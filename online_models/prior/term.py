"""The population's term of a score: what was published by hand, main effects, and what tells variants apart."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from online_models.ages import newcomers_age
from online_models.prior.features import (
    AFFINITY,
    BIAS,
    FACT_TAG_VARIANCE,
    FACT_VARIANT_VARIANCE,
    NEWCOMERS_AGE,
    RECENT,
    TAG_VARIANCE,
    TOP,
    VARIANT_VARIANCE,
    Floats,
    Hashes,
    bases_of,
    crossed_keys,
    features_of,
    hash_of_number,
    number_effects,
)
from online_models.prior.learnt import LearntPrior, unpack
from online_models.terms import Person, SlotTable, TermScores
from schemas.library import LearningSettings
from schemas.models import SlotPrior

REMEMBERED_MAX = 32
"""Variants up to which a fact's effects on all of them are remembered; a catalogue's are worked out when asked."""
FACTS_REMEMBERED_MAX = 4096
TABLES_REMEMBERED_MAX = 64
"""Tables whose keys are remembered: terms are made anew at every snapshot."""

Places = NDArray[np.intp]
Effects = tuple[tuple[float, ...], tuple[float, ...]]


class PriorTerm:
    """The population's log-odds of a click, and how uncertain what tells a slot's variants apart still is.

    The uncertainty of what all variants share is left out: it helps no choice among them.
    """

    __slots__ = ("_bases", "_common", "_facts", "_learnt", "_near_weight", "_newcomers", "_numbers", "_own", "_prior",
                 "_settings", "_table", "_top_weight", "_values", "_variances")  # fmt: skip

    def __init__(self, table: SlotTable, prior: SlotPrior, settings: LearningSettings) -> None:
        """Bind what was learnt to a slot's variants.

        Raises:
            StateError: what was learnt cannot be read.
        """
        self._table = table
        self._prior = prior
        self._settings = settings
        self._learnt: LearntPrior = unpack(prior.learnt)
        self._numbers = [hash_of_number(name) for name in settings.numbers]
        # Where no tag tells an age there is none to ask for.
        self._newcomers = self._learnt.main(NEWCOMERS_AGE) if table.has_ages else 0.0
        self._near_weight = prior.weights.get("affinity", 0.0) + self._learnt.main(AFFINITY)
        self._top_weight = self._learnt.main(TOP) - self._near_weight
        self._common = prior.bias + self._learnt.main(BIAS) + self._learnt.main(RECENT)
        self._bases, self._values = _padded(table)
        self._variances = np.full(self._bases.shape, FACT_TAG_VARIANCE * settings.reach)
        self._variances[:, 0] = FACT_VARIANT_VARIANCE * settings.reach
        # A catalogue's are worked out when asked: there is a new term for each snapshot.
        self._own = self._own_effects(np.arange(len(table))) if len(table) <= REMEMBERED_MAX else None
        self._facts: dict[int, Effects] = {}

    def score(self, person: Person, rows: Sequence[int] | None = None) -> TermScores:
        """See `online_models.terms.Term`."""
        facts = [fact for fact in person.situation.facts if fact]
        common = self._common + self._main(person, facts)
        near = self._table.affinities(person.shares)
        common += self._top_weight * max(near, default=0.0)
        if rows is None and len(near) <= REMEMBERED_MAX:
            found = self._score_all(facts, common, near)
        else:
            found = self._score_rows(facts, common, near, range(len(near)) if rows is None else rows)
        if not self._newcomers:
            return found
        pairs = zip(range(len(near)) if rows is None else rows, found.values, strict=True)
        return found._replace(values=[value + self._of_newcomers(person, row) for row, value in pairs])

    def explain(self, person: Person, row: int) -> list[tuple[str, float]]:
        """Return each feature and what it adds for one variant, in log-odds; they sum to its value.

        Of facts only the names are told here: a situation holds hashes of their values.
        """
        learnt, variant, tags = self._learnt, self._table.variants[row], self._table.tags[row]
        near = self._table.affinities(person.shares)
        parts = [
            ("bias", self._common),
            ("affinity", self._near_weight * near[row]),
            ("top", self._top_weight * max(near, default=0.0)),
        ]
        names = [f"variant:{variant}", *[f"tag:{tag}" for tag in dict.fromkeys(tags)]]
        bases, values = bases_of(variant, tags)
        own = learnt.crossed(bases, np.zeros(len(bases)))[0] * values
        named = features_of(variant, tags, 0.0)
        weights = self._prior.weights
        parts += [
            (name, float(one) + weights.get(name, 0.0) * named.get(name, 0.0))
            for name, one in zip(names, own, strict=True)
        ]
        for name, fact in zip(self._settings.facts, person.situation.facts, strict=False):
            if fact:
                keys = crossed_keys(np.array([fact], np.uint32), bases)
                crossed = learnt.crossed(keys, np.zeros(len(bases)))[0] * values
                parts.append((name, learnt.main(fact)))
                parts += [(f"{name} × {base}", float(one)) for base, one in zip(names, crossed, strict=True)]
        for name, key, number in zip(self._settings.numbers, self._numbers, person.situation.numbers, strict=False):
            parts.append((name, self._of_number(key, number)))
        if self._newcomers:
            parts.append(("age for a newcomer", self._of_newcomers(person, row)))
        return parts

    def _of_newcomers(self, person: Person, row: int) -> float:
        """What a variant's age says to somebody new."""
        table = self._table
        experience = person.models.experience_of(table.template, table.slot)
        return self._newcomers * newcomers_age(table.tags[row], person.at_ms, experience)

    def _main(self, person: Person, facts: Sequence[int]) -> float:
        """What facts and numbers say, whatever the variant."""
        learnt = self._learnt
        if not learnt.dense:
            return 0.0
        dense, full = learnt.dense, learnt.is_full
        said = sum([learnt.main(fact) if full else dense.get(fact, 0.0) for fact in facts])
        for key, number in zip(self._numbers, person.situation.numbers, strict=False):
            said += self._of_number(key, number)
        return said

    def _of_number(self, key: int, number: float) -> float:
        return sum([self._learnt.main(effect) * value for effect, value, _ in number_effects(key, number)])

    def _score_all(self, facts: Sequence[int], common: float, near: Sequence[float]) -> TermScores:
        own = self._own or self._own_effects(np.arange(len(near)))
        effects = [own, *[self._remembered(fact) for fact in facts]]
        weight = self._near_weight
        # Plain floats: for a few variants this is cheaper than numpy.
        values = [
            common + weight * one + sum(column)
            for one, column in zip(near, zip(*[effect[0] for effect in effects], strict=True), strict=True)
        ]
        if not self._prior.learnt:
            return TermScores(values, (0.0,) * len(values))
        deviations = [math.sqrt(sum(column)) for column in zip(*[effect[1] for effect in effects], strict=True)]
        return TermScores(values, deviations)

    def _score_rows(
        self, facts: Sequence[int], common: float, near: Sequence[float], rows: Sequence[int]
    ) -> TermScores:
        places = np.asarray(rows, np.intp)
        own, uncertain = self._own_effects(places)
        values, variances = np.array(own), np.array(uncertain)
        for fact in facts:
            more, more_variance = self._of_fact(fact, places)
            values = values + more
            variances = variances + more_variance
        weight = self._near_weight
        found = [common + weight * near[row] + value for row, value in zip(rows, values.tolist(), strict=True)]
        if not self._prior.learnt:
            return TermScores(found, (0.0,) * len(found))
        return TermScores(found, np.sqrt(variances).tolist())

    def _remembered(self, fact: int) -> Effects:
        found = self._facts.get(fact)
        if found is None:
            if len(self._facts) >= FACTS_REMEMBERED_MAX:
                self._facts.clear()
            values, variances = self._of_fact(fact, np.arange(len(self._table)))
            found = self._facts[fact] = tuple(values.tolist()), tuple(variances.tolist())
        return found

    def _of_fact(self, fact: int, places: Places) -> tuple[Floats, Floats]:
        """A fact's effects on these variants, and their variances."""
        bases, x = self._bases[places], self._values[places]
        means, variances = self._learnt.crossed(
            crossed_keys(np.array([[fact]], np.uint32), bases), self._variances[places]
        )
        return (means * x).sum(axis=1), (variances * x * x).sum(axis=1)

    def _own_effects(self, places: Places) -> Effects:
        """What each of these variants and its tags say to everybody, and how surely."""
        bases, x = self._bases[places], self._values[places]
        reach = self._settings.reach
        priors = np.full(bases.shape, TAG_VARIANCE * reach)
        priors[:, 0] = VARIANT_VARIANCE * reach
        means, variances = self._learnt.crossed(bases, priors)
        weights: Mapping[str, float] = self._prior.weights
        values = (means * x).sum(axis=1).tolist()
        if weights.keys() - {"affinity"}:
            table = self._table
            named = [features_of(table.variants[row], table.tags[row], 0.0) for row in places.tolist()]
            values = [
                own + sum([value * weights.get(name, 0.0) for name, value in features.items()])
                for own, features in zip(values, named, strict=True)
            ]
        return tuple(values), tuple((variances * x * x).sum(axis=1).tolist())


@lru_cache(maxsize=TABLES_REMEMBERED_MAX)
def _padded(table: SlotTable) -> tuple[Hashes, Floats]:
    """Keys of each variant and its tags, and their values: shape (n, 1 + most tags); where there is none, value 0.

    Not to be changed: it is remembered.
    """
    pairs = [bases_of(variant, tags) for variant, tags in zip(table.variants, table.tags, strict=True)]
    width = max((len(keys) for keys, _ in pairs), default=1)
    bases, values = np.zeros((len(pairs), width), np.uint32), np.zeros((len(pairs), width))
    for row, (keys, own) in enumerate(pairs):
        bases[row, : len(keys)] = keys
        values[row, : len(keys)] = own
    return bases, values
