"""The kinds of slots: which parts a variant of each consists of, and what each part may hold."""

from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Part(StrEnum):
    """What a part of a variant holds."""

    TEXT = "text"
    """Words; fields of a person may stand in them."""
    URL = "url"
    """A link, https or mailto."""
    IMAGE = "image"
    """The address of a picture, https."""


class SlotKind(NamedTuple):
    """The parts a variant must have, and those it may have."""

    required: dict[str, Part]
    optional: dict[str, Part]

    @property
    def parts(self) -> dict[str, Part]:
        """All parts by name."""
        return self.required | self.optional


SLOT_KINDS = MappingProxyType(
    {
        "subject": SlotKind({"text": Part.TEXT}, {}),
        "preheader": SlotKind({"text": Part.TEXT}, {}),
        "headline": SlotKind({"text": Part.TEXT}, {}),
        "text": SlotKind({"text": Part.TEXT}, {"title": Part.TEXT}),
        "image": SlotKind({"src": Part.IMAGE, "alt": Part.TEXT}, {"url": Part.URL}),
        "action": SlotKind({"text": Part.TEXT, "url": Part.URL}, {}),
        "offer": SlotKind(
            {"text": Part.TEXT}, {"title": Part.TEXT, "code": Part.TEXT, "terms": Part.TEXT, "url": Part.URL}
        ),
    }
)
