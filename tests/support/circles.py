"""People of a few circles who are shown items one by one, and take to those of their own circle."""

from schemas.examples import Example, RewardKind
from schemas.ids import SendId, SlotName, TemplateName, UserId, VariantId, WorkspaceId
from tests.support.choices import CIRCLES, choices_of

ITEMS = 40


def shown_to_circles(count: int, seed: int = 1) -> list[Example]:
    """Whoever is shown an item of his own circle takes it four times in five, else once in five."""
    chance = choices_of(count, ITEMS, 60, seed=seed)
    examples = []
    for place, (user, at_s) in enumerate(zip(chance.users.tolist(), chance.at_s.tolist(), strict=True)):
        item = (place * 7 + int(user) * 3 + place // 11) % ITEMS
        is_liked = (place * 2_654_435_761 >> 7) % 5 < (4 if item % CIRCLES == user % CIRCLES else 1)
        at_ms = 1_700_000_000_000 + int(at_s * 1000)
        examples.append(
            Example(
                workspace=WorkspaceId("w"),
                user=UserId(f"u{user}"),
                send_id=SendId(str(place)),
                template=TemplateName("t"),
                at_ms=at_ms,
                ended_ms=at_ms + 1,
                slots=(SlotName("a"),),
                variants=(VariantId(f"item{item}"),),
                affinities=(0.0,),
                vector=b"",
                propensity=0.25,
                kind=RewardKind.CLICK if is_liked else RewardKind.NONE,
                reward=float(is_liked),
            )
        )
    return examples
