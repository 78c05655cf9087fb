"""Made-up histories of people who like one of two kinds of items, which what they did before tells."""

from random import Random

from online_models.sequence.inputs import input_of_reward
from schemas.ids import Tag, VariantId
from training.histories import Did, Shown

DAY_MS = 86_400_000
BEGIN_MS = 1_700_000_000_000


def shown_to(people: int, each: int, seed: int = 1) -> list[Shown]:
    """In the order of time: whoever likes jazz is rewarded by jazz four times in five, else once in five."""
    chance = Random(seed)
    likes = [chance.random() < 0.5 for _ in range(people)]
    found = []
    for place in range(each):
        for person in range(people):
            is_jazz = chance.random() < 0.5
            clicked = chance.random() < (0.8 if likes[person] == is_jazz else 0.2)
            at_ms = BEGIN_MS + place * DAY_MS + person * 1_000
            name = "jazz" if is_jazz else "folk"
            variant = VariantId(f"{name}-{chance.randrange(5)}")
            ended = input_of_reward(variant, (Tag(name),), at_ms + 500, clicked=clicked)
            found.append(Shown(f"w|{person}", at_ms, ended, float(clicked), 0.0))
    return found


def done_by(shown: list[Shown]) -> list[Did]:
    """An event a while after each exposure ended."""
    return [Did(one.user, one.ended._replace(kind=7, at_ms=one.ended.at_ms + 100)) for one in shown]
