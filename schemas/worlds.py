"""The world: which library release, model snapshot and catalogue an event is applied with."""

from typing import Annotated, Self

import msgspec

EndOffset = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class WorldRef(msgspec.Struct, frozen=True, array_like=True, order=True):
    """End offsets in the topics `library`, `models` and `catalogue`.

    It means: what was known when exactly the records below these offsets had been read.
    Each topic has one partition. `library` and `models` are never shortened; of an item in `catalogue` older versions
    stay as long as events do, so a replay finds the world that they name.
    """

    library: EndOffset = 0
    models: EndOffset = 0
    catalogue: EndOffset = 0

    def join(self, other: Self) -> "WorldRef":
        """The newer of both, part by part."""
        return WorldRef(
            max(self.library, other.library), max(self.models, other.models), max(self.catalogue, other.catalogue)
        )
