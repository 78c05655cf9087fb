"""Scores: one number for each variant of a slot, as a sum of terms that explain it."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from online_models.features import affinity
from online_models.slot_model import SlotModel
from schemas.ids import Tag, VariantId
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


class SlotScorer:
    """Scores the variants of one slot: the population's logit, and the user's own offset on top of it.

    Built once for each slot and prior, so that scoring a user looks up nothing but what is his own.
    """

    __slots__ = ("_near_weight", "_priors", "_tags", "variants")

    def __init__(self, variants: Sequence[Variant], prior: SlotPrior) -> None:
        self.variants = tuple(variant.id for variant in variants)
        self._tags = tuple(variant.tags for variant in variants)
        self._near_weight = prior.weights.get("affinity", 0.0)
        self._priors = [prior_logit(prior, variant_features(variant, 0.0)) for variant in variants]

    def score(self, shares: Mapping[int | str, float], model: SlotModel) -> SlotScores:
        """Score each variant for one user.

        shares  the parts of the user's engagement that go to each tag
        """
        affinities = array("f", [affinity(shares, tags) for tags in self._tags])
        near_weight = self._near_weight
        priors = [prior + near_weight * near for prior, near in zip(self._priors, affinities, strict=True)]
        terms = array("f", [0.0]) * (2 * len(priors))
        terms[::2] = array("f", priors)
        if model.experience:
            columns = zip(self.variants, self._tags, affinities, strict=True)
            terms[1::2] = array("f", [model.offset(features_of(*column)) for column in columns])
        deviation = 1.0 / (1.0 + model.experience) ** 0.5
        return SlotScores(
            variants=self.variants,
            terms=tuple(zip(terms[::2], terms[1::2], strict=True)),
            uncertainties=(deviation,) * len(priors),
            affinities=tuple(affinities),
        )


def variant_features(variant: Variant, near: float) -> dict[str, float]:
    """What a variant is to a user: itself, its tags, and the user's affinity to them."""
    return features_of(variant.id, variant.tags, near)


def features_of(variant: VariantId, tags: Sequence[Tag], near: float) -> dict[str, float]:
    """`variant_features` of a variant's parts."""
    x = {"affinity": near, f"variant:{variant}": 1.0}
    for tag in tags:
        x[f"tag:{tag}"] = 1.0
    return x


def prior_logit(prior: SlotPrior, x: Mapping[str, float]) -> float:
    """The population's log-odds for these features."""
    weights = prior.weights
    return prior.bias + sum(value * weights.get(name, 0.0) for name, value in x.items())
