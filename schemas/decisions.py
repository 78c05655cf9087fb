"""What is decided for a user, what is shown, and what is learnt from it."""

import math
import struct
from collections.abc import Mapping
from operator import mul
from typing import Annotated, ClassVar, Self

import msgspec

from schemas.catalogue import SLATE_LENGTH_MAX
from schemas.codec import Upgrade, Versioned
from schemas.ids import (
    ID_LENGTH,
    ID_LENGTH_MAX,
    DecisionId,
    Locale,
    ReleaseId,
    SendId,
    SlotName,
    TemplateName,
    UserId,
    VariantId,
    WorkspaceId,
)
from schemas.versions import Version
from schemas.worlds import WorldRef

TERMS = ("prior", "content", "collaborative", "sequence")
"""The additive terms of a score, in the order in which `SlotDecision.terms` packs them: the first k of them."""
ASSESSED = (*TERMS, "score", "deviation", "experience", "top")
"""What is remembered of each slot of an exposure until its reward comes: float32 each, of the variant shown; `top` is
the largest affinity among all variants."""
ASSESSED_BYTES_MAX = 4 * 8 * 32
_ASSESSED = struct.Struct(f"<{len(ASSESSED)}f")


def assessed_rows(packed: bytes, slots: int) -> list[tuple[float, ...]]:
    """Read the columns of `ASSESSED` of each slot; none where they were not told, or were told in another form."""
    return list(_ASSESSED.iter_unpack(packed)) if len(packed) == _ASSESSED.size * slots else []


CAUSES = ("new", "release", "refresh", "shift", "shown", "validity", "consent", "catalogue", "eligible")
"""Why messages are rendered, and there is no other reason: `Decision.cause`, counted as `foresend_render_total`.

new        the person has no message of the template, or none any more
release    the message is of another release
refresh    the cache has lost it, or could not serve it
shift      the person's distribution moved
shown      something of the person's own that it shows changed: name, locale, a field
validity   a variant's time began or ended
consent    messages of the person's own are agreed to again, or may not be chosen by what was known
catalogue  an item that it shows changed or ended
eligible   other variants are for this person now: by their conditions, or shown too often
"""
RELEASE_ASKED = "release"
"""Reason of a refresh after a release: nothing is rendered where the message is of the newest release already."""
CATALOGUE_ASKED = "catalogue"
"""Reason of a refresh after an item changed: nothing is rendered where what is shown is as it is now already."""
VECTOR_BYTES_MAX = 256
"""A person's features at a decision, packed."""
SLOTS_MAX = 32
"""Slots of a template; the schema of `variants.yaml` says the same."""
_Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
_Columns = msgspec.Meta(max_length=SLOTS_MAX)
_Shown = Annotated[VariantId, msgspec.Meta(min_length=1, max_length=SLATE_LENGTH_MAX)]
"""A variant's id, or the name of a slate, which is longer."""


class SlotDecision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One slot's distribution over its allowed variants.

    variants       the n allowed variants, in the library's order
    probabilities  the policy's, before candidates were chosen; n numbers that sum to 1
    terms          float32, shape (n, k), little-endian: the first k of `TERMS` for each variant, before their weights
    features       float32, shape (n,): the affinity of each variant at the decision; learning needs it again
    weights        float32, shape (k + 1,): of each term for this person, then what is added to all;
                   none: each term counts as it is
    deviations     float32, shape (n,): standard deviation of each score, as the policy was given it
    experience     examples that the person's own model had learnt
    own            that model, packed (`online_models.slot_model`): with it the content term can be told by features
    catalogue      of a slot that shows items, whose: then a variant is a slate (`schemas.catalogue.items_of_slate`);
                   empty: variants are the release's
    """

    slot: SlotName
    variants: tuple[VariantId, ...]
    probabilities: tuple[float, ...]
    terms: bytes
    features: bytes
    weights: bytes = b""
    deviations: bytes = b""
    experience: int = 0
    own: bytes = b""
    catalogue: str = ""

    def contributions(self) -> dict[str, tuple[float, ...]]:
        """What each term adds to the score of each variant, by its name; `all` is what is added to every one."""
        terms, weights = _floats(self.terms), _floats(self.weights)
        if not weights:
            weights = (1.0,) * (len(terms) // len(self.variants) if self.variants else 0) + (0.0,)
        count = len(weights) - 1
        told = {
            TERMS[number]: tuple([weights[number] * term for term in terms[number::count]]) for number in range(count)
        }
        return {**told, "all": (weights[-1],) * len(self.variants)}

    def scores(self) -> tuple[float, ...]:
        """The score of each variant in log-odds: the sum of its contributions, in their order."""
        contributions = self.contributions().values()
        return tuple([sum(column) for column in zip(*contributions, strict=True)])

    def spread(self) -> tuple[float, ...]:
        """The deviation of each score; none where they were not told."""
        return _floats(self.deviations)

    def assessed(self, variant: int) -> tuple[float, ...]:
        """What learning needs of one variant: the columns of `ASSESSED`. Terms that there were none of are 0."""
        terms, weights = _floats(self.terms), _floats(self.weights)
        count = len(terms) // len(self.variants)
        own = terms[variant * count : (variant + 1) * count]
        deviations = _floats(self.deviations)
        # The same sum as in `scores`, of this variant alone: every draw asks for it.
        score = sum([*map(mul, weights, own), weights[-1]], 0.0) if weights else sum(own, 0.0)
        return (
            *own,
            *(0.0,) * (len(TERMS) - count),
            score,
            deviations[variant] if deviations else 0.0,
            float(self.experience),
            max(self.affinities(), default=0.0),
        )

    def affinities(self) -> tuple[float, ...]:
        """How near each variant's tags were to the user."""
        return _floats(self.features)


def _floats(packed: bytes) -> tuple[float, ...]:
    return struct.unpack_from(f"<{len(packed) // 4}f", packed)


class Candidate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One variant for each slot: `choice[i]` is an index into `slots[i].variants`."""

    choice: bytes
    probability: float


class Decision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The candidates of one user and template at one moment; their probabilities sum to 1."""

    id: DecisionId
    workspace: WorkspaceId
    template: TemplateName
    user: UserId
    release: ReleaseId
    world: WorldRef
    locale: Locale
    policy: str
    cause: str
    """Why it was made: a reason of `foresend_render_total`."""
    at_ms: int
    slots: tuple[SlotDecision, ...]
    candidates: tuple[Candidate, ...]
    vector: bytes = b""
    """The person's features at this moment: `online_models.vector` states the numbers and their order."""
    hidden: bytes = b""
    """The sequence model's state at this moment, where there is such a part: what its term is explained by."""
    taste: bytes = b""
    """Items that the person met, as they were at this moment, where there is a collaborative part: the same for it."""

    def variants_of(self, candidate: int) -> tuple[VariantId, ...]:
        """The variant that a candidate shows in each slot, in the order of `slots`."""
        choice = self.candidates[candidate].choice
        return tuple(slot.variants[i] for slot, i in zip(self.slots, choice, strict=True))


class Rendered(msgspec.Struct, frozen=True, array_like=True):
    """One message, ready but for its send marks. Bodies are UTF-8 bytes; of a block there is only `block`, its JSON."""

    subject: str
    preheader: str
    html: bytes
    text: bytes
    block: bytes = b""


class Communication(Versioned, frozen=True, gc=False):
    """A cache entry: a decision, and each of its candidates rendered whole.

    bodies       one for each candidate: references into the release's pieces, or a packed `Rendered` compressed
                 (zstd) with the release's dictionary; `templates.send_marks.Opener` opens both
    valid_until  for each candidate, milliseconds; 0 is for ever
    grave        the user was erased: nothing is here, and nothing older may come back
    withheld     why nothing of the person's own is here, and default content is served; empty: it is here
    """

    SCHEMA_VERSION: ClassVar[int] = 3
    # Version 1 had fewer fields; those that are missing have their defaults. Version 2 had no references in bodies.
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = dict.fromkeys(
        (1, 2), lambda body: msgspec.msgpack.decode(body, type=Communication)
    )
    SQUEEZED_FROM: ClassVar[int] = 512

    version: Version
    decision: Decision | None
    bodies: tuple[bytes, ...] = ()
    valid_until_ms: tuple[int, ...] = ()
    dictionary: int = 0
    grave: bool = False
    withheld: str = ""

    @classmethod
    def of_withheld(cls, version: Version, why: str) -> Self:
        """The entry of somebody who is to get default content."""
        return cls(version=version, decision=None, withheld=why)

    @classmethod
    def of_grave(cls, version: Version) -> Self:
        """The entry of an erased user, which only a higher version may replace."""
        return cls(version=version, decision=None, grave=True)


class Exposure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A candidate actually served: all that learning needs, so that nothing must be remembered elsewhere.

    candidate     index among the decision's candidates; -1 for the fallback
    propensity    probability of that draw, after candidates no longer valid were left out
    probabilities of all K candidates, as drawn from
    slots, variants, features  slot by slot what was shown, and its affinity at the decision
    vector        the person's features at the decision, as it has them
    assessed      float32, shape (slots, len(ASSESSED)): how the decision saw what was shown; empty: not told

    Everything has a bound: it is kept in state until its reward comes, and learnt from.
    """

    send_id: Annotated[SendId, ID_LENGTH]
    template: Annotated[TemplateName, ID_LENGTH]
    decision: Annotated[DecisionId, msgspec.Meta(max_length=ID_LENGTH_MAX)]
    candidate: Annotated[int, msgspec.Meta(ge=-1, lt=1 << 16)]
    propensity: _Share
    probabilities: tuple[_Share, ...] = ()
    slots: Annotated[tuple[Annotated[SlotName, ID_LENGTH], ...], _Columns] = ()
    variants: Annotated[tuple[_Shown, ...], _Columns] = ()
    features: Annotated[tuple[_Share, ...], _Columns] = ()
    policy: str = ""
    fallback: str = ""
    """Why the fallback was served; empty where a candidate was."""
    vector: Annotated[bytes, msgspec.Meta(max_length=VECTOR_BYTES_MAX)] = b""
    assessed: Annotated[bytes, msgspec.Meta(max_length=ASSESSED_BYTES_MAX)] = b""

    def __post_init__(self) -> None:
        """Refuse an exposure whose columns do not match or are no numbers: a decoder tells it as wrong type."""
        if not len(self.slots) == len(self.variants) == len(self.features):
            raise ValueError("expected one variant and one feature for each slot")
        if self.assessed and len(self.assessed) != 4 * len(ASSESSED) * len(self.slots):
            raise ValueError("expected the assessed numbers of each slot")
        if not all(map(math.isfinite, _floats(self.assessed))):
            raise ValueError("expected finite numbers of what was assessed")
