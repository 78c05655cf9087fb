"""Scores: one number for each variant of a slot, as a sum of terms that explain it."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from online_models.features import affinity
from online_models.slot_model import SlotModel
from schemas.ids import VariantId
from schemas.library import Variant
from schemas.models import SlotPrior


@dataclass(frozen=True, slots=True)
class SlotScores:
    """Scores of the n allowed variants of one slot.

    terms         for each variant its additive terms, in the order of `schemas.decisions.TERMS`, exact in float32
    uncertainties standard deviation of each score, for policies that explore by it
    affinities    for each variant, from 0 to 1, exact in float32
    """

    variants: tuple[VariantId, ...]
    terms: tuple[tuple[float, float], ...]
    uncertainties: tuple[float, ...]
    affinities: tuple[float, ...]

    @property
    def scores(self) -> tuple[float, ...]:
        """Each variant's score: the sum of its terms."""
        return tuple(map(sum, self.terms))

    def packed_terms(self) -> bytes:
        """The terms as float32, row by row."""
        return array("f", [term for row in self.terms for term in row]).tobytes()

    def packed_affinities(self) -> bytes:
        """The affinities as float32."""
        return array("f", self.affinities).tobytes()


def score_slot(
    variants: Sequence[Variant], shares: Mapping[int | str, float], prior: SlotPrior, model: SlotModel
) -> SlotScores:
    """Score each variant for one user: the population's logit, and the user's own offset on top of it."""
    affinities = array("f", [affinity(shares, variant.tags) for variant in variants])
    rows = [variant_features(variant, near) for variant, near in zip(variants, affinities, strict=True)]
    terms = array("f", [term for x in rows for term in (prior_logit(prior, x), model.offset(x))])
    deviation = 1.0 / (1.0 + model.experience) ** 0.5
    return SlotScores(
        variants=tuple(variant.id for variant in variants),
        terms=tuple(zip(terms[::2], terms[1::2], strict=True)),
        uncertainties=(deviation,) * len(variants),
        affinities=tuple(affinities),
    )


def variant_features(variant: Variant, near: float) -> dict[str, float]:
    """What a variant is to a user: itself, its tags, and the user's affinity to them."""
    x = {"affinity": near, f"variant:{variant.id}": 1.0}
    for tag in variant.tags:
        x[f"tag:{tag}"] = 1.0
    return x


def prior_logit(prior: SlotPrior, x: Mapping[str, float]) -> float:
    """The population's log-odds for these features."""
    weights = prior.weights
    return prior.bias + sum(value * weights.get(name, 0.0) for name, value in x.items())
