"""What an event, or the end of an exposure, tells the sequence model: the same for the job and for training."""

from collections.abc import Sequence

from online_models.contents import content_of
from online_models.sequence.state import SequenceInput
from online_models.sequence.term import tag_hashes
from online_models.terms import hash_of_name
from schemas.events import Event
from schemas.ids import Tag, VariantId
from schemas.library import TagRule
from schemas.tagging import tags_of

REWARDED, UNREWARDED = hash_of_name("reward:1"), hash_of_name("reward:0")
GRADES = 10
_GRADED = tuple([[hash_of_name(f"reward:{label}:{grade}") for grade in range(GRADES)] for label in (0, 1)])


def input_of_event(event: Event, rules: Sequence[TagRule], log_ms: int) -> SequenceInput:
    """What a person did: the event's name, the content it names, and the tags it engages with."""
    content = content_of(event.properties)
    tags = tag_hashes([tag for tag, _ in tags_of(event, rules)])
    kind = hash_of_name(event.name or event.kind)
    return SequenceInput(kind, hash_of_name(content) if content else 0, tags, log_ms)


def input_of_reward(
    variant: VariantId, tags: Sequence[Tag], log_ms: int, *, clicked: bool, grade: float | None = None
) -> SequenceInput:
    """What became of a variant that was shown.

    grade  how well it did, from 0 to 1, where that was told: it counts in steps of 1 / `GRADES`
    """
    kind = REWARDED if clicked else UNREWARDED
    if grade is not None:
        kind = _GRADED[clicked][min(GRADES - 1, max(0, int(grade * GRADES)))]
    return SequenceInput(kind, hash_of_name(variant), tag_hashes(tags), log_ms)
