"""Examples of the topic as what parts are trained on."""

from collections.abc import Sequence

import numpy as np

from online_models.sequence.inputs import input_of_reward
from online_models.sequence.weights import Floats
from schemas.decisions import ASSESSED, TERMS
from schemas.examples import Example, RewardKind
from training.histories import Shown

WEIGHT_MAX = 1.5
ASSESSED_MIN = 50
"""Examples from which the weight of a term can be read: fewer say nothing of it."""
_SCORE, _SEQUENCE = ASSESSED.index("score"), TERMS.index("sequence")


def shown_of(examples: Sequence[Example]) -> list[Shown]:
    """Each slot of each example, in their order. What never arrived tells nothing."""
    used = [one for one in examples if one.kind is not RewardKind.BOUNCE]
    assessed = [assessed_of(one) for one in used]
    weight = term_weight(np.concatenate(assessed), _SEQUENCE) or 0.0 if assessed else 0.0
    shown = []
    for one, columns in zip(used, assessed, strict=True):
        user = f"{one.workspace}|{one.user}"
        for slot, variant in enumerate(one.variants):
            tags = one.tags[slot] if slot < len(one.tags) else ()
            ended = input_of_reward(variant, tags, one.ended_ms, clicked=one.reward > 0.0, grade=one.grade)
            offset = float(columns[slot, _SCORE] - weight * columns[slot, _SEQUENCE])
            shown.append(Shown(user, one.at_ms, ended, min(1.0, max(0.0, one.reward)), offset))
    return shown


def term_weight(assessed: Floats, term: int) -> float | None:
    """The weight that scores gave to a term, by least squares over what was assessed: shape (n, k).

    It is not stored with examples. What a new part has to explain is the reward beyond the score without its term.
    None: too few examples tell it.
    """
    told = assessed[assessed[:, term] != 0.0]
    if len(told) < ASSESSED_MIN:
        return None
    columns = np.concatenate([told[:, : len(TERMS)], np.ones((len(told), 1), np.float32)], 1).astype(np.float64)
    found = np.linalg.lstsq(columns, told[:, _SCORE].astype(np.float64), rcond=None)[0]
    return float(min(WEIGHT_MAX, max(0.0, found[term])))


def assessed_of(one: Example) -> Floats:
    """How the decision saw what was shown: shape (slots, len(ASSESSED)); zeros where nothing was told."""
    shape = (len(one.variants), len(ASSESSED))
    if len(one.assessed) != 4 * shape[0] * shape[1]:
        return np.zeros(shape, np.float32)
    found: Floats = np.nan_to_num(np.frombuffer(one.assessed, "<f4").reshape(shape))
    return found
