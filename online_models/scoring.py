"""Scores: one number for each variant of a slot, as a sum of terms that explain it."""

from array import array
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from online_models.slot_model import SlotModel
from schemas.ids import Tag, VariantId
from schemas.library import Variant
from schemas.models import SlotPrior


class SlotScores(NamedTuple):
    """Scores of the n allowed variants of one slot.

    scores         for each variant the sum of its terms
    terms          float32, shape (n, 2), row by row: the first of `schemas.decisions.TERMS`
    uncertainties  standard deviation of each score, for policies that explore by it
    affinities     float32, for each variant, from 0 to 1
    """

    variants: tuple[VariantId, ...]
    scores: Sequence[float]
    terms: "array[float]"
    uncertainties: tuple[float, ...]
    affinities: "array[float]"


class SlotScorer:
    """Scores the variants of one slot: the population's logit, and the user's own offset on top of it.

    Built once for each slot and prior, so that scoring a user looks up nothing but what is his own.
    """

    __slots__ = ("_near_weight", "_priors", "_tags", "_with_tag", "variants")

    def __init__(self, variants: Sequence[Variant], prior: SlotPrior) -> None:
        self.variants = tuple(variant.id for variant in variants)
        self._tags = tuple(variant.tags for variant in variants)
        self._with_tag: dict[int | str, list[int]] = {}
        for number, tags in enumerate(self._tags):
            for tag in dict.fromkeys(tags):
                self._with_tag.setdefault(tag, []).append(number)
        self._near_weight = prior.weights.get("affinity", 0.0)
        self._priors = [prior_logit(prior, variant_features(variant, 0.0)) for variant in variants]

    def score(self, shares: Mapping[int | str, float], model: SlotModel) -> SlotScores:
        """Score each variant for one user.

        shares  the parts of the user's engagement that go to each tag; the same order gives the same bits
        """
        affinities = self._affinities(shares)
        near_weight, count = self._near_weight, len(affinities)
        priors = array("f", [prior + near_weight * near for prior, near in zip(self._priors, affinities, strict=True)])
        terms = array("f", bytes(8 * count))
        terms[::2] = priors
        scores: Sequence[float] = priors
        if model.experience:
            columns = zip(self.variants, self._tags, affinities, strict=True)
            offsets = array("f", [model.offset(features_of(*column)) for column in columns])
            terms[1::2] = offsets
            scores = [prior + offset for prior, offset in zip(priors, offsets, strict=True)]
        deviation = 1.0 / (1.0 + model.experience) ** 0.5
        return SlotScores(self.variants, scores, terms, (deviation,) * count, affinities)

    def _affinities(self, shares: Mapping[int | str, float]) -> "array[float]":
        """How much of a user's engagement goes to each variant's tags, from 0 to 1."""
        near = [0.0] * len(self.variants)
        with_tag = self._with_tag
        for tag, share in shares.items():
            for number in with_tag.get(tag, ()):
                near[number] += share
        # Shares sum to 1, but for rounding.
        return array("f", near if max(near, default=0.0) <= 1.0 else [min(1.0, one) for one in near])


def variant_features(variant: Variant, near: float) -> dict[str, float]:
    """What a variant is to a user: itself, its tags, and the user's affinity to them."""
    return features_of(variant.id, variant.tags, near)


def features_of(variant: VariantId, tags: Sequence[Tag], near: float) -> dict[str, float]:
    """`variant_features` of a variant's parts.

    The tags together have length 1, whatever their number: or else a click would teach five times as much about a
    variant with ten tags as about one with two, for no better reason.
    """
    x = {"affinity": near, f"variant:{variant}": 1.0}
    if tags:
        value = len(tags) ** -0.5
        for tag in tags:
            x[f"tag:{tag}"] = value
    return x


def prior_logit(prior: SlotPrior, x: Mapping[str, float]) -> float:
    """The population's log-odds for these features."""
    weights = prior.weights
    return prior.bias + sum(value * weights.get(name, 0.0) for name, value in x.items())
