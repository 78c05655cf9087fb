"""What the gateway answers, as far as the demo reads it."""

from collections.abc import Mapping

import msgspec

from schemas.ids import DecisionId, SlotName, VariantId


class Explained(msgspec.Struct, frozen=True):
    """One slot's distribution over its variants, and what each score is the sum of; all lists in one order."""

    variants: tuple[VariantId, ...]
    probabilities: tuple[float, ...]
    terms: dict[str, tuple[float, ...]]
    affinities: tuple[float, ...]

    def of(self, variant: VariantId) -> "VariantWhy | None":
        """What holds for one variant; None where it is not among them."""
        if variant not in self.variants:
            return None
        place = self.variants.index(variant)
        terms = {name: values[place] for name, values in self.terms.items()}
        return VariantWhy(self.probabilities[place], self.affinities[place], terms)


class VariantWhy(msgspec.Struct, frozen=True):
    """Why one variant is as likely as it is."""

    probability: float
    affinity: float
    terms: dict[str, float]


Explanation = Mapping[SlotName, Explained]


class Drawn(msgspec.Struct, frozen=True):
    """What the traffic needs of a draw."""

    source: str
    reason: str
    variants: dict[SlotName, VariantId]
    explain: dict[SlotName, Explained] | None = None

    @property
    def is_personal(self) -> bool:
        """Whether it comes from an entry in which the person's own events count."""
        return self.source == "entry" and counts_own_events(self.explain or {})


class Looked(Drawn, frozen=True, kw_only=True):
    """A message and why it is so."""

    template: str
    user: str
    decision: DecisionId
    candidate: int
    propensity: float
    language: str
    subject: str
    preheader: str
    html: str


decode_drawn = msgspec.json.Decoder(Drawn).decode
decode_looked = msgspec.json.Decoder(Looked).decode


def counts_own_events(explanation: Explanation) -> bool:
    """Whether anything in a decision comes from the person: an affinity, or what the person's clicks have taught."""
    return any(any(slot.affinities) or any(slot.terms.get("content", ())) for slot in explanation.values())


def terms_of(explanation: Explanation) -> tuple[str, ...]:
    """The terms that some slot's scores are the sum of, in their order."""
    return tuple(dict.fromkeys(name for slot in explanation.values() for name in slot.terms))
