"""How properties of events become tags, by the rules of a workspace: of what people do, and of a catalogue's items."""

from collections.abc import Sequence
from itertools import islice

from schemas.events import Event
from schemas.ids import Tag
from schemas.library import TagRule
from schemas.paths import values_at

TAG_LENGTH_MAX = 32
TAGS_OF_EVENT_MAX = 16
VALUES_OF_EVENT_MAX = 256
"""Values that one rule looks at: an event of a megabyte may hold 200 000."""


def tags_of(event: Event, rules: Sequence[TagRule]) -> list[tuple[Tag, float]]:
    """The tags an event engages with, and how much, by the workspace's rules; each tag once, the most it gets.

    >>> from schemas.library import TagRule
    >>> from schemas.events import Event, EventKind
    >>> bought = Event(workspace="w", user="u", record_id="r", id="i", kind=EventKind.TRACK, at_ms=0, received_ms=0,
    ...                name="Order Completed", properties={"products": [{"category": "Jazz"}, {"category": "Folk"}]})
    >>> tags_of(bought, [TagRule(property="products[].category", weight=3.0)])
    [('jazz', 3.0), ('folk', 3.0)]
    """
    found: dict[Tag, float] = {}
    for rule in rules:
        if rule.events and event.name not in rule.events:
            continue
        for value in islice(values_at(event.properties, rule.property), VALUES_OF_EVENT_MAX):
            if isinstance(value, str) and value.strip():
                tag = Tag((rule.prefix + value.strip().lower())[:TAG_LENGTH_MAX])
                found[tag] = max(found.get(tag, 0.0), rule.weight)
    return list(found.items())[:TAGS_OF_EVENT_MAX]
