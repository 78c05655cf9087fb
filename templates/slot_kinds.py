"""The kinds of slots: which parts a variant of each consists of, and what each part may hold."""

from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from schemas.library import Slot


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


CATALOG = "catalog"
"""The kind of slots that show items: their parts are those of the catalogue, numbered."""


def kind_of(slot: Slot) -> SlotKind:
    """The parts of a slot's variants; of a catalog slot those that its items have, as `title_1`."""
    if slot.kind != CATALOG:
        return SLOT_KINDS[slot.kind]
    names = {name for variant in slot.variants for words in variant.content.values() for name in words}
    return SlotKind({name: item_part_kind(name.rpartition("_")[0]) for name in sorted(names)}, {})


def item_part(name: str, number: int) -> str:
    """What a layout calls a part of one of a catalog slot's items; the first has the number 1.

    >>> item_part("title", 2)
    'title_2'
    """
    return f"{name}_{number}"


def item_part_kind(name: str) -> Part:
    """What a part of a catalogue's item holds, as its name tells.

    >>> item_part_kind("url"), item_part_kind("src"), item_part_kind("price")
    (<Part.URL: 'url'>, <Part.IMAGE: 'image'>, <Part.TEXT: 'text'>)
    """
    return {"url": Part.URL, "src": Part.IMAGE}.get(name, Part.TEXT)
