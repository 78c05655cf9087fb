"""Training of neighbours and factors."""

import numpy as np
import pytest

from online_models.collaborative import CollaborativePart
from online_models.terms import hash_of_name
from schemas.examples import Example, RewardKind
from schemas.ids import SendId, SlotName, TemplateName, UserId, VariantId, WorkspaceId
from schemas.models import Array
from tests.support.choices import CIRCLES, choices_of, part_of
from training import factors
from training.factors import Choices, train_collaborative, train_factors
from training.factors import choices_of as choices_of_examples


def circle_of(part: CollaborativePart, items: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The circle of each row of a part."""
    circles = {hash_of_name(f"item{n}"): n % CIRCLES for n in range(items)}
    return np.array([circles[item] for item in part.items.tolist()])


def test_neighbours_are_items_of_the_same_people() -> None:
    part = CollaborativePart.read(*train_factors(choices_of(2_000, 80, 40, seed=1), seed=1))
    circles = circle_of(part, 80)
    heard = part.weights > 0
    assert (circles[part.neighbours] == circles[:, None])[heard].mean() == 1.0
    assert part.weights.max() <= 1.0
    assert (np.diff(part.weights, axis=1) <= 0).all()


def test_factors_part_the_circles() -> None:
    part = CollaborativePart.read(*train_factors(choices_of(2_000, 80, 40, seed=1), seed=1))
    circles = circle_of(part, 80)
    units = part.factors / np.linalg.norm(part.factors, axis=1, keepdims=True)
    same = circles[:, None] == circles[None, :]
    assert (units @ units.T)[same].mean() > 0.8
    assert (units @ units.T)[~same].mean() < 0.2


def test_the_same_choices_and_seed_give_the_same_bytes() -> None:
    choices = choices_of(500, 40, 20, seed=1)
    assert train_factors(choices, seed=3) == train_factors(choices, seed=3)
    assert train_factors(choices, seed=3) != train_factors(choices, seed=4)


def test_a_trained_part_passes_its_checks() -> None:
    part_of(*train_factors(choices_of(500, 40, 20, seed=1), seed=3)).check()


def test_a_warm_start_goes_on_from_the_factors_before() -> None:
    # Given a part, and a little more of the log
    choices = choices_of(2_000, 80, 40, seed=1)
    before = CollaborativePart.read(*train_factors(choices.first(1_900), seed=1))
    # When it is trained again, warm and cold
    warm = CollaborativePart.read(*train_factors(choices, seed=2, before=before))
    cold = CollaborativePart.read(*train_factors(choices, seed=2))
    # Then the warm one stays near what it was
    rows = warm.rows_of(before.items)
    assert np.abs(warm.factors[rows] - before.factors).mean() < np.abs(cold.factors[rows] - before.factors).mean() / 2


def test_sums_of_pairs_are_the_same_however_few_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    choices = choices_of(800, 40, 20, seed=1)
    at_once, _ = train_factors(choices, seed=1)
    monkeypatch.setattr(factors, "PAIRS_AT_ONCE", 50)
    monkeypatch.setattr(factors, "ROWS_AT_ONCE", 7)
    in_pieces, _ = train_factors(choices, seed=1)
    for one, other in zip(map(numbers, at_once), map(numbers, in_pieces), strict=True):
        assert np.allclose(one, other, atol=1e-4)


def numbers(array: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.frombuffer(array.data, array.type).astype(np.float64)


def test_what_was_shown_in_vain_counts_against_an_item() -> None:
    # Given one person who chose item 1 and 2, and one who chose item 1 and was shown item 2 in vain, many times over
    users = np.repeat(np.arange(40), 2)
    items = np.tile(np.array([1, 2], np.uint32), 40)
    seen = np.where((users % 2 == 1) & (items == 2), 0.0, 1.0).astype(np.float32)
    shown = CollaborativePart.read(*train_factors(Choices(users, items, np.arange(80) * 1.0, seen), seed=1))
    kept = seen > 0
    silent = Choices(users[kept], items[kept], np.arange(80)[kept] * 1.0, seen[kept])
    unshown = CollaborativePart.read(*train_factors(silent, seed=1))
    # Then whoever chose item 1 is further from item 2 where it was shown
    one = np.ones(1, np.float32)
    near_shown, near_unshown = (
        float(part.user_factors(part.factors[:1], one) @ part.factors[1]) for part in (shown, unshown)
    )
    assert near_shown < near_unshown
    assert shown.base == pytest.approx(0.75)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_choices_give_a_part_that_can_be_read(count: int) -> None:
    choices = choices_of(3, 40, 1, seed=1).first(count)
    part = CollaborativePart.read(*train_factors(choices, seed=1))
    assert len(part.items) <= count


def example(user: str, variant: str, reward: float, kind: RewardKind, at_ms: int) -> Example:
    return Example(
        workspace=WorkspaceId("shop"),
        user=UserId(user),
        send_id=SendId(f"s{at_ms}"),
        template=TemplateName("letter"),
        at_ms=at_ms,
        ended_ms=at_ms + 10,
        slots=(SlotName("hero"),),
        variants=(VariantId(variant),),
        affinities=(0.0,),
        vector=b"",
        propensity=1.0,
        kind=kind,
        reward=reward,
    )


def test_examples_become_choices_but_for_bounces() -> None:
    told = [
        example("ann", "jazz", 1.0, RewardKind.CLICK, 1_000),
        example("bob", "jazz", 0.0, RewardKind.BOUNCE, 2_000),
        example("bob", "folk", 0.0, RewardKind.NONE, 3_000),
        example("ann", "folk", 1.0, RewardKind.CLICK, 4_000),
    ]
    choices = choices_of_examples(told)
    assert choices.users.tolist() == [0, 1, 0]
    assert choices.items.tolist() == [hash_of_name(name) for name in ("jazz", "folk", "folk")]
    assert choices.at_s.tolist() == [1.0, 3.0, 4.0]
    assert choices.liked.tolist() == [1.0, 0.0, 1.0]


def test_a_part_is_trained_from_examples_and_counted_on_from_the_champion() -> None:
    told = [
        example(f"u{n % 7}", f"v{n % 5}", float(n % 3 == 0), RewardKind.CLICK if n % 3 == 0 else RewardKind.NONE, n)
        for n in range(60)
    ]
    first = train_collaborative(told, None, 1)
    second = train_collaborative(told, first, 1)
    first.check()
    assert (first.number, second.number, first.until_ms) == (1, 2, 69)
    assert first == train_collaborative(told, None, 1)
