"""What `foresend explain` tells of a stored decision: scores, the terms they sum to, the features these sum to."""

from typing import TYPE_CHECKING

import msgspec

from connectors.kafka.settings import KafkaSettings
from schemas.decisions import Decision
from schemas.errors import TransientError

if TYPE_CHECKING:
    from flink_jobs.worlds import Worlds

OTHERS = "others"
"""The features of a term that are left out for room, together."""
Features = dict[str, dict[str, float]]
"""By term, by feature; in log-odds, weighted."""


class NotExplained(TransientError):
    """The gateway has no decision to explain; its message says why."""


class ExplainedSlot(msgspec.Struct, frozen=True):
    """One slot as the gateway explains it; all lists in the order of the variants."""

    variants: tuple[str, ...]
    probabilities: tuple[float, ...]
    scores: tuple[float, ...]
    terms: dict[str, tuple[float, ...]]
    affinities: tuple[float, ...]
    deviations: tuple[float, ...] = ()
    experience: int = 0


class Told(msgspec.Struct, frozen=True):
    """What the gateway tells of a message.

    stored  the packed decision; empty: a gateway of before tells none
    """

    decision: str
    release: str
    reason: str = ""
    explain: dict[str, ExplainedSlot] | None = None
    stored: bytes = b""


class Line(msgspec.Struct, frozen=True):
    """One variant: its score is the sum of its terms, and each term that of its features, in log-odds.

    features_missing  by how much the features of a term miss what the decision has kept of it, at most
    features_from     where they come from beside the decision; empty: they are not told
    """

    user: str
    template: str
    decision: str
    slot: str
    variant: str
    probability: float
    score: float
    deviation: float | None
    terms: dict[str, float]
    affinity: float
    experience: int
    features: Features | None = None
    features_missing: float = 0.0
    features_from: str = ""


class FeaturesTold(msgspec.Struct, frozen=True):
    """The features of a decision.

    source    the release and the models that they come from, beside the decision
    variants  by slot and variant: features, and by how much they miss a term
    """

    source: str
    variants: dict[tuple[str, str], tuple[Features, float]]


def lines_of(told: Told, user: str, template: str, features: FeaturesTold | None = None) -> list[Line]:
    """Slot by slot its variants, the likeliest first.

    Raises:
        NotExplained: default content is served: nobody chose it.
    """
    if told.explain is None:
        raise NotExplained(f"{template}: default content is served ({told.reason or 'no entry'}), which has no scores")
    by_variant = features.variants if features else {}
    lines = []
    for name, slot in told.explain.items():
        for place, variant in enumerate(slot.variants):
            own, missing = by_variant.get((name, variant), (None, 0.0))
            lines.append(
                Line(
                    user=user,
                    template=template,
                    decision=told.decision,
                    slot=name,
                    variant=variant,
                    probability=slot.probabilities[place],
                    score=slot.scores[place],
                    deviation=slot.deviations[place] if slot.deviations else None,
                    terms={term: values[place] for term, values in slot.terms.items()},
                    affinity=slot.affinities[place],
                    experience=slot.experience,
                    features=own,
                    features_missing=missing,
                    features_from=features.source if features and own is not None else "",
                )
            )
    slots = list(told.explain)
    return sorted(lines, key=lambda line: (slots.index(line.slot), -line.probability))


def features_of(stored: bytes, kafka: KafkaSettings, at_most: int) -> FeaturesTold:
    """The features of a stored decision, with the world that it names, read from Kafka.

    Raises:
        PersonalizationError: that world cannot be read, or is not the decision's.
    """
    from flink_jobs.worlds import WorldReader  # noqa: PLC0415 - takes a second, and terms need none of it

    reader = WorldReader.of(kafka)
    try:
        return features_in(msgspec.msgpack.decode(stored, type=Decision), reader, at_most)
    finally:
        reader.close()


def features_in(decision: Decision, worlds: "Worlds", at_most: int) -> FeaturesTold:
    """The features of a decision in the world that it names; of each term the largest ones, and the others together.

    Raises:
        PersonalizationError: there is no such world, or it is not the decision's.
    """
    from online_models.explaining import explained  # noqa: PLC0415 - numpy and River are of no use to the terms alone

    world = worlds(decision.workspace, decision.world)
    scorers = world.scorers_of(decision)
    found = {
        (str(slot.slot), str(variant)): ({name: shortened(f, at_most) for name, f in one.terms.items()}, one.missing)
        for slot, scorer in zip(decision.slots, scorers, strict=True)
        for variant, one in zip(slot.variants, explained(decision, slot, scorer, world.settings), strict=True)
    }
    source = f"release {decision.release}, models below offset {decision.world.models}"
    return FeaturesTold(source, found)


def shortened(features: dict[str, float], at_most: int) -> dict[str, float]:
    """The features that say most, and the others together: the sum stays.

    >>> shortened({"a": 0.1, "b": -2.0, "c": 1.0, "d": 0.25, "e": 0.0}, 2)
    {'b': -2.0, 'c': 1.0, 'others': 0.35}
    """
    largest = sorted(features, key=lambda name: -abs(features[name]))
    kept = {name: features[name] for name in largest[:at_most] if features[name]}
    left = [features[name] for name in features if name not in kept]
    return {**kept, OTHERS: sum(left)} if any(left) else kept
