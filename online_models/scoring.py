"""Scores: one number for each variant of a slot, as a weighted sum of terms that explain it."""

from array import array
from collections.abc import Mapping, Sequence
from math import sqrt
from typing import NamedTuple

from online_models.content import ContentTerm
from online_models.prior import PriorTerm
from online_models.stacking import Stack
from online_models.terms import Person, SlotTable, Term, TermScores
from online_models.trained import Trained
from schemas.decisions import TERMS
from schemas.ids import VariantId
from schemas.library import LearningSettings
from schemas.models import ModelSnapshot, SlotPrior


class SlotScores(NamedTuple):
    """Scores of n variants of one slot.

    scores         for each variant the sum of its weighted terms, in their order, and of what is added to all
    terms          float32, shape (n, k), row by row: the first k of `schemas.decisions.TERMS`, before their weights
    weights        float32, shape (k + 1,): of each term for this person, then what is added to all
    uncertainties  float32, standard deviation of each score, for policies that explore by it; as they are stored
    affinities     float32, for each variant, from 0 to 1
    experience     examples that the person's own model has learnt
    top            the largest affinity among all variants of the slot
    """

    variants: tuple[VariantId, ...]
    scores: Sequence[float]
    terms: "array[float]"
    weights: "array[float]"
    uncertainties: "array[float]"
    affinities: "array[float]"
    experience: int
    top: float


class SlotScorer:
    """Scores the variants of one slot: terms, each bound to what was learnt over all users, and their weights.

    Built once for each slot and world, so that scoring a user looks up nothing but what is his own.
    """

    __slots__ = ("_content", "_stack", "_table", "_terms")

    def __init__(self, table: SlotTable, terms: Sequence[Term], content: ContentTerm, stack: Stack) -> None:
        self._table = table
        self._stack = stack
        self._content = content
        self._terms = tuple(terms)

    @property
    def table(self) -> SlotTable:
        """The slot's variants."""
        return self._table

    def explain(self, person: Person, row: int) -> dict[str, list[tuple[str, float]]]:
        """What each feature adds to each term of one variant, before the terms' weights."""
        return {name: term.explain(person, row) for name, term in zip(TERMS, self._terms, strict=False)}

    def score(self, person: Person, rows: Sequence[int] | None = None) -> SlotScores:
        """Score these rows of the slot's table, or all, for one person; the same person gives the same bits."""
        table = self._table
        scored = [term.score(person, rows) for term in self._terms]
        affinities = table.affinities(person.shares)
        top = max(affinities, default=0.0)
        variants = table.variants
        if rows is not None:
            affinities = array("f", [affinities[row] for row in rows])
            variants = tuple([variants[row] for row in rows])
        count = len(scored)
        terms = array("f", bytes(4 * count * len(variants)))
        for number, one in enumerate(scored):
            terms[number::count] = array("f", one.values)
        experience = self._content.experience(person)
        weights = array("f", self._stack.weights(experience, count))
        return SlotScores(
            variants,
            weighted(terms, weights),
            terms,
            weights,
            array("f", _deviations(scored, weights)),
            affinities,
            experience,
            top,
        )


def weighted(terms: "array[float]", weights: "array[float]") -> list[float]:
    """The scores that terms come to: what `schemas.decisions.SlotDecision.scores` reads from the stored ones."""
    count, added = len(weights) - 1, weights[-1]
    if count == 4:
        # Unrolled, as for two: half the time of what follows, to the same bits.
        a, b, c, d, _ = weights
        columns_of_four = zip(terms[::4], terms[1::4], terms[2::4], terms[3::4], strict=True)
        return [a * one + b * two + c * three + d * four + added for one, two, three, four in columns_of_four]
    if count == 2:
        first, second = weights[0], weights[1]
        return [first * one + second * two + added for one, two in zip(terms[::2], terms[1::2], strict=True)]
    columns = [[weights[number] * term for term in terms[number::count]] for number in range(count)]
    return [sum(column) + added for column in zip(*columns, strict=True)]


def _deviations(scored: Sequence[TermScores], weights: "array[float]") -> list[float]:
    """The deviation of each score: terms err independently."""
    if len(scored) == 4:
        a, b, c, d, _ = [weight * weight for weight in weights]
        columns = zip(*[one.deviations for one in scored], strict=True)
        return [
            sqrt(a * one * one + b * two * two + c * three * three + d * four * four)
            for one, two, three, four in columns
        ]
    squares = [
        [(weight * deviation) ** 2 for deviation in one.deviations]
        for weight, one in zip(weights, scored, strict=False)
    ]
    return [sum(column) ** 0.5 for column in zip(*squares, strict=True)]


class Absent:
    """In place of a term that is left out."""

    def __init__(self, table: SlotTable) -> None:
        self._table = table

    def score(self, person: Person, rows: Sequence[int] | None = None) -> TermScores:  # noqa: ARG002
        """Nothing, and surely so."""
        nothing = (0.0,) * (len(self._table) if rows is None else len(rows))
        return TermScores(nothing, nothing)

    def explain(self, person: Person, row: int) -> list[tuple[str, float]]:  # noqa: ARG002
        """Nothing adds anything."""
        return []


class Scorers:
    """Makes the scorers of one world.

    without  names of `schemas.decisions.TERMS` that are left out, `stack` for their weights, `calibration` for the
             line over them: what an evaluation compares with
    """

    def __init__(
        self,
        models: ModelSnapshot,
        trained: Trained,
        settings: LearningSettings,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self._models = models
        self._trained = trained
        self._settings = settings
        self._without = without

    def of(self, table: SlotTable) -> SlotScorer:
        """The scorer of a slot."""
        prior = self._models.prior_of(table.template, table.slot)
        content = ContentTerm(table, self._settings, prior)
        terms: list[Term | None] = [PriorTerm(table, prior, self._settings), content, *self._trained.terms(table)]
        while terms[-1] is None:
            terms.pop()
        kept = [
            Absent(table) if term is None or name in self._without else term
            for name, term in zip(TERMS, terms, strict=False)
        ]
        stack = Stack.of(b"" if "stack" in self._without else prior.stack)
        if "calibration" in self._without:
            stack = stack.uncalibrated()
        return SlotScorer(table, kept, content, stack)


def prior_logit(prior: SlotPrior, x: Mapping[str, float]) -> float:
    """The population's log-odds for these features."""
    weights = prior.weights
    return prior.bias + sum(value * weights.get(name, 0.0) for name, value in x.items())
