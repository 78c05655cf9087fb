"""The collaborative part is judged by what each person had met before, and by nothing that came later."""

import struct

import numpy as np
import pytest
from msgspec.structs import replace

from online_models.sequence.state import SequenceInput
from online_models.terms import hash_of_name
from schemas.decisions import ASSESSED
from schemas.examples import Example, RewardKind
from schemas.ids import SendId, SlotName, TemplateName, UserId, VariantId, WorkspaceId
from tests.support.choices import choices_of, part_of
from training.factors import train_factors
from training.histories import Did
from training.tastes import choices_known, foretold_by, met_of, offered_of

PART = part_of(*train_factors(choices_of(4_000, 40, 40, seed=1), seed=1))
WEIGHT = 0.7


def example(item: int, at_ms: int, reward: float = 1.0, user: str = "u", **fields: float) -> Example:
    told = dict.fromkeys(ASSESSED, 0.0) | fields
    return Example(
        workspace=WorkspaceId("w"), user=UserId(user), send_id=SendId(f"{user}-{at_ms}"), template=TemplateName("t"),
        at_ms=at_ms, ended_ms=at_ms + 5, slots=(SlotName("a"),), variants=(VariantId(f"item{item}"),),
        affinities=(0.0,), vector=b"", propensity=0.5, kind=RewardKind.CLICK if reward else RewardKind.NONE,
        reward=reward, assessed=struct.pack(f"<{len(ASSESSED)}f", *[told[name] for name in ASSESSED]),
    )  # fmt: skip


def viewed(item: int, at_ms: int, user: str = "w|u") -> Did:
    return Did(user, SequenceInput(1, hash_of_name(f"item{item}"), (), at_ms + 2), at_ms)


def test_who_liked_items_of_a_circle_is_said_to_like_another() -> None:
    examples = [example(item, 10 * item + 10) for item in (0, 4, 8, 12)] + [example(16, 500), example(17, 510)]
    offered, weight = offered_of(examples, 400)
    same, other = foretold_by(PART, met_of(examples, []), offered)
    assert weight == 1.0
    assert same > other + 0.1


def test_nothing_is_known_before_it_ended() -> None:
    # given a choice that ends after the message was served
    examples = [example(0, 100), example(4, 104)]
    offered, _ = offered_of(examples, 0)
    said = foretold_by(PART, met_of(examples, []), offered)
    # then it says nothing of it
    assert said.tolist() == [0.0, 0.0]
    assert foretold_by(PART, met_of(examples, []), [one._replace(at_ms=106) for one in offered])[1] > 0.0


def test_changing_the_future_changes_nothing() -> None:
    examples = [example(item, 10 * item + 10) for item in (0, 4, 8)] + [example(12, 200)]
    offered, _ = offered_of(examples, 150)
    later = [*examples, example(1, 300, user="u"), example(5, 310, 0.0)]
    assert foretold_by(PART, met_of(examples, []), offered).tolist() == (
        foretold_by(PART, met_of(later, [viewed(9, 400)]), offered).tolist()
    )
    known = choices_known(met_of(later, [viewed(9, 400)]), 206, lambda user, _: user)
    assert len(known.users) == 4


def test_what_was_looked_at_counts_as_chosen() -> None:
    known = choices_known(met_of([example(1, 50, 0.0)], [viewed(0, 10)]), 1_000, lambda user, _: user)
    assert known.liked.tolist() == [1.0, 0.0]
    assert known.items.tolist() == [hash_of_name("item0"), hash_of_name("item1")]
    assert known.users.tolist() == [0, 0]


def test_what_a_device_did_is_its_persons_choice() -> None:
    seen = met_of([], [viewed(0, 10, "w|phone"), viewed(4, 20, "w|ana")])
    assert len(set(choices_known(seen, 100, lambda user, _: user).users)) == 2
    assert len(set(choices_known(seen, 100, lambda *_: "w|ana").users)) == 1


def test_the_term_is_taken_out_of_the_scores_by_its_weight() -> None:
    chance = np.random.default_rng(1)
    made = []
    for place in range(80):
        prior, term = chance.normal(size=2)
        told = {"prior": prior, "collaborative": term, "score": prior + WEIGHT * term + 0.5}
        made.append(example(place % 40, 10 * place + 10, **told))
    offered, weight = offered_of(made, 0)
    assert weight == pytest.approx(WEIGHT, abs=1e-3)
    row = dict(zip(ASSESSED, struct.unpack(f"<{len(ASSESSED)}f", made[0].assessed), strict=True))
    assert offered[0].offset == pytest.approx(row["prior"] + 0.5, abs=1e-2)


def test_a_bounce_tells_nothing() -> None:
    gone = replace(example(0, 10, 0.0), kind=RewardKind.BOUNCE)
    assert met_of([gone], []) == []
    assert offered_of([gone], 0) == ([], 1.0)
