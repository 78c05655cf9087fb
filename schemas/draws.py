"""The draw of a candidate: by the stated probabilities, from nothing but the send id."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate

from schemas.ids import SendId

SUM_TOLERANCE = 1e-6
"""How far probabilities may be from 1 in sum: above what rounding does, below what a mistake does."""
_PERSON = b"foresend.draw"


def draw(probabilities: Sequence[float], send_id: SendId) -> int:
    """Return the index drawn for a send; the same for the same send id and probabilities.

    probabilities  of the candidates, in the decision's order; they sum to 1. One with 0 is never drawn.

    Raises:
        ValueError: not probabilities (a bug of the caller: decisions hold nothing else).

    >>> draw((0.0, 1.0, 0.0), SendId("send-1"))
    1
    >>> [draw((0.5, 0.5), SendId(f"send-{n}")) for n in range(8)]
    [1, 0, 0, 0, 1, 0, 0, 1]
    """
    _check(probabilities)
    cumulative = list(accumulate(probabilities))
    index = bisect_right(cumulative, uniform_of(send_id))
    if index < len(cumulative):
        return index
    # Rounding left the sum a hair under 1: the last candidate that can be drawn at all.
    return max(i for i, probability in enumerate(probabilities) if probability > 0)


def uniform_of(send_id: SendId) -> float:
    """Return a number in [0, 1) with 53 random bits, which is all that the draw takes from a send id."""
    digest = blake2b(send_id.encode("utf-8", "surrogatepass"), digest_size=8, person=_PERSON).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53


def renormalise(probabilities: Sequence[float], valid: Sequence[bool]) -> tuple[float, ...]:
    """Return the probabilities given that only valid candidates may be drawn, 0 for the others.

    Positions stay as they are, so that an index still means the same candidate. Nothing valid left that
    had a chance: an empty tuple, and the fallback is served. All valid: the very same numbers.

    Raises:
        ValueError: not probabilities, or not one `valid` for each.

    >>> renormalise((0.5, 0.25, 0.25), (True, False, True))
    (0.6666666666666666, 0.0, 0.3333333333333333)
    >>> renormalise((1.0, 0.0), (False, True))
    ()
    """
    _check(probabilities)
    if len(valid) != len(probabilities):
        raise ValueError(f"expected {len(probabilities)} validities, got {len(valid)}")
    if all(valid):
        return tuple(probabilities)
    kept = [probability if ok else 0.0 for probability, ok in zip(probabilities, valid, strict=True)]
    total = math.fsum(kept)
    return tuple(probability / total for probability in kept) if total > 0 else ()


def _check(probabilities: Sequence[float]) -> None:
    """Refuse what is no distribution."""
    # A NaN may pass these two, wherever it stands, but never the sum.
    if not probabilities or min(probabilities) < 0 or max(probabilities) > 1:
        raise ValueError("expected probabilities between 0 and 1")
    total = math.fsum(probabilities)
    if not abs(total - 1) <= SUM_TOLERANCE:
        raise ValueError(f"expected probabilities that sum to 1, got {total!r}")
