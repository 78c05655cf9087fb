"""What one person consumed: films watched, articles read, products looked at; the newest ones, and how many in all."""

from collections.abc import Mapping
from typing import Any

import msgspec

CONTENTS_MAX = 8
CONTENT_LENGTH_MAX = 32
NAMES = ("content_id", "product_id", "asset_id", "article_id")
"""Properties that name a content; the first that is there does."""


def content_of(properties: Mapping[str, Any]) -> str | None:
    """The content that an event names; None where it names none, or by something that is no name.

    >>> content_of({"title": "Jazz", "content_id": 7})
    '7'
    """
    for name in NAMES:
        told = properties.get(name)
        if told is not None:
            break
    else:
        return None
    if isinstance(told, bool) or not isinstance(told, (str, int)) or told == "":
        return None
    return str(told)[:CONTENT_LENGTH_MAX]


class Contents(msgspec.Struct, array_like=True):
    """The newest contents and when each was consumed last, exact in whatever order events come.

    counted  events that named a content
    newest   at most `CONTENTS_MAX`; of two at the same time the greater name stays
    """

    counted: int = 0
    newest: dict[str, int] = {}

    def take(self, properties: Mapping[str, Any], at_ms: int) -> None:
        """Count what an event says was consumed."""
        content = content_of(properties)
        if content is None:
            return
        self.counted += 1
        self._add(content, at_ms)

    def merge(self, other: "Contents") -> None:
        """Add another profile's."""
        self.counted += other.counted
        for content, at_ms in other.newest.items():
            self._add(content, at_ms)

    def _add(self, content: str, at_ms: int) -> None:
        newest = self.newest
        if newest.get(content, -1) < at_ms:
            newest[content] = at_ms
            if len(newest) > CONTENTS_MAX:
                del newest[min([(time, one) for one, time in newest.items()])[1]]
