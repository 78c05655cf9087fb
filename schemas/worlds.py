"""The world: which library release and which model snapshot an event is applied with."""

from typing import Annotated, Self

import msgspec

EndOffset = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class WorldRef(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A pair of end offsets in the topics `library` and `models`.

    It means: what was known when exactly the records below these offsets had been read.
    Both topics have one partition and are never shortened, so the pair names one world for ever.
    """

    library: EndOffset = 0
    models: EndOffset = 0

    def join(self, other: Self) -> "WorldRef":
        """The newer of both, part by part."""
        return WorldRef(max(self.library, other.library), max(self.models, other.models))
