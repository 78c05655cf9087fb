"""What a collaborative part says of what was shown, from what each person had met by then, and its training data."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.calibration import probability
from online_models.collaborative import CollaborativeTerm, take
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation, SlotTable, hash_of_name
from schemas.decisions import ASSESSED, TERMS
from schemas.examples import Example, RewardKind
from schemas.ids import SlotName, TemplateName, VariantId
from schemas.library import Variant
from schemas.models import ModelPart
from training.examples import assessed_of, term_weight
from training.factors import Choices
from training.histories import Did

_PRIOR, _CONTENT = TERMS.index("prior"), TERMS.index("content")
_SCORE, _COLLABORATIVE = ASSESSED.index("score"), TERMS.index("collaborative")
Doubles = NDArray[np.float64]


class Met(NamedTuple):
    """An item that a person met.

    known_ms  log time from which on it was known
    liked     as the person's taste has it: a grade where one was told
    chosen    what it earned
    expected  probability that prior and content gave it
    """

    user: str
    known_ms: int
    at_ms: int
    item: int
    liked: float
    chosen: float
    expected: float


class Offered(NamedTuple):
    """A variant whose reward is to be foretold.

    offset  log-odds of all terms but the collaborative one
    """

    user: str
    at_ms: int
    variant: VariantId
    label: float
    offset: float


def met_of(examples: Iterable[Example], did: Iterable[Did]) -> list[Met]:
    """All that was met, by person and in the order of the log; of two at one time the end of an exposure is first."""
    met: list[Met] = []
    for one in examples:
        if one.kind is RewardKind.BOUNCE:
            continue
        columns = assessed_of(one)
        for slot, variant in enumerate(one.variants):
            expected = probability(float(columns[slot, _PRIOR] + columns[slot, _CONTENT]))
            liked = one.reward if one.grade is None else one.grade
            user = f"{one.workspace}|{one.user}"
            met.append(Met(user, one.ended_ms, one.at_ms, hash_of_name(variant), liked, one.reward, expected))
    met += [Met(one.user, one.step.at_ms, one.at_ms, one.step.item, 1.0, 1.0, 0.0) for one in did if one.step.item]
    return sorted(met, key=attrgetter("user", "known_ms"))


def offered_of(examples: Sequence[Example], since_ms: int) -> tuple[list[Offered], float]:
    """What was shown from a time on, in the order of time, and the weight that scores give to the term.

    The weight is that of the past where it can be told, else 1: what the online stack begins with.
    """
    used = [one for one in examples if one.kind is not RewardKind.BOUNCE]
    columns = [assessed_of(one) for one in used]
    weight = term_weight(np.concatenate(columns), _COLLABORATIVE) if columns else None
    offered = []
    for one, rows in zip(used, columns, strict=True):
        if one.at_ms >= since_ms:
            offsets = rows[:, _SCORE] - (weight or 0.0) * rows[:, _COLLABORATIVE]
            label, user = min(1.0, max(0.0, one.reward)), f"{one.workspace}|{one.user}"
            offered += [
                Offered(user, one.at_ms, variant, label, float(offset))
                for variant, offset in zip(one.variants, offsets, strict=True)
            ]
    return sorted(offered, key=attrgetter("at_ms")), 1.0 if weight is None else weight


def foretold_by(part: ModelPart, met: Sequence[Met], offered: Sequence[Offered]) -> Doubles:
    """What a part says of each variant, from what its person had met before: shape (n,), in log-odds."""
    variants = sorted({one.variant for one in offered})
    table = SlotTable(TemplateName("all"), SlotName("all"), [Variant(variant, (), {}) for variant in variants])
    term = CollaborativeTerm(table, part)
    row_of = {variant: row for row, variant in enumerate(variants)}
    by_user = {user: list(group) for user, group in groupby(met, attrgetter("user"))}
    said, packed, done = np.zeros(len(offered)), dict[str, bytes](), dict[str, int]()
    for place, one in enumerate(offered):
        own, at = by_user.get(one.user, []), done.get(one.user, 0)
        taste = packed.get(one.user, b"")
        while at < len(own) and own[at].known_ms < one.at_ms:
            taste = take(taste, own[at].item, own[at].at_ms, own[at].liked, own[at].expected)
            at += 1
        packed[one.user], done[one.user] = taste, at
        person = Person({}, Situation(), UserModels(taste=taste), b"", one.at_ms)
        said[place] = term.score(person, [row_of[one.variant]]).values[0]
    return said


def choices_known(met: Iterable[Met], until_ms: int, owner: Callable[[str, int], str]) -> Choices:
    """What had been chosen, and shown in vain, before a moment, in the order of the log.

    owner  whose what an id did at a time is
    """
    known = sorted([one for one in met if one.known_ms < until_ms], key=attrgetter("known_ms", "user"))
    numbers: dict[str, int] = {}
    users = [numbers.setdefault(owner(one.user, one.at_ms), len(numbers)) for one in known]
    return Choices(
        np.array(users, np.int64),
        np.array([one.item for one in known], np.uint32),
        np.array([one.at_ms / 1000 for one in known], np.float64),
        np.array([one.chosen for one in known], np.float32),
    )
