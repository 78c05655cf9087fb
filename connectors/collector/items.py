"""Events that tell of a catalogue's items: written to the topic `catalogue`, never as anybody's behaviour."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from schemas.catalogue import DEFAULT_SLATE, ITEM_ID_LENGTH_MAX, WORDS_LENGTH_MAX, Item, ItemId, item_key
from schemas.codec import encode
from schemas.errors import Reason, SchemaError
from schemas.events import MILLIS_END, Event, EventKind
from schemas.library import CatalogueSettings
from schemas.paths import values_at
from schemas.tagging import tags_of
from schemas.topics import CATALOGUE
from templates.slot_kinds import Part, item_part_kind
from templates.urls import host_allowed, url_fault
from templates.values import holds_address, plain, shortened, text_of

TEXT_LOOKED_AT = 8 * WORDS_LENGTH_MAX


class ItemRules:
    """Which events of a workspace tell of items, and how they are read.

    hosts  that an item's addresses may lead to; none: no address is taken
    """

    def __init__(self, catalogues: Sequence[CatalogueSettings] = (), hosts: Sequence[str] = ()) -> None:
        self._by_event = {
            name: (catalogue, is_gone)
            for catalogue in reversed(catalogues)
            for is_gone, names in ((False, catalogue.updated), (True, catalogue.removed))
            for name in names
        }
        self._hosts = tuple(hosts)

    def tells(self, event: Event) -> bool:
        """Whether an event is about an item, not about what somebody did."""
        return event.kind is EventKind.TRACK and event.name in self._by_event

    def item_of(self, event: Event) -> Item:
        """The version of an item that an event tells of.

        Raises:
            SchemaError: a part is missing, or may not be shown.
        """
        catalogue, is_gone = self._by_event[event.name]
        item = _id_of(event.properties, catalogue)
        if is_gone:
            return Item(event.workspace, catalogue.name, item, is_gone=True)
        return Item(
            event.workspace,
            catalogue.name,
            item,
            {part: self._words(event.properties, part, path) for part, path in catalogue.parts},
            tuple(tag for tag, _ in tags_of(event, catalogue.tags)),
            _end_of(event.properties, catalogue.valid_until),
        )

    def _words(self, properties: dict[str, Any], part: str, path: str) -> str:
        told, is_words = text_of(_first(values_at(properties, path))), item_part_kind(part) is Part.TEXT
        # Of an address nothing is cut off: it would lead elsewhere.
        text = plain(told[:TEXT_LOOKED_AT] if is_words else told)
        if not text:
            raise SchemaError(Reason.WRONG_TYPE, f"{path}: expected the part {part} of an item, got none")
        if is_words:
            if holds_address(text):
                raise SchemaError(Reason.NOT_ALLOWED, f"{path}: expected words, got an address among them")
            return shortened(text, WORDS_LENGTH_MAX)
        fault = url_fault(text, mail=False)
        if fault is None and not host_allowed(text, self._hosts):
            fault = "expected an address on a host of links.hosts in foresend.yaml"
        if fault is not None:
            raise SchemaError(Reason.NOT_ALLOWED, f"{path}: {fault}")
        return text


def item_record(item: Item) -> tuple[str, int, bytes, bytes]:
    """Topic, partition, key and value of an item's record."""
    return CATALOGUE.name, 0, item_key(item.workspace, item.catalogue, item.id), encode(item)


def _id_of(properties: dict[str, Any], catalogue: CatalogueSettings) -> ItemId:
    told = text_of(_first(values_at(properties, catalogue.id)))
    if not told or told != plain(told) or len(told) > ITEM_ID_LENGTH_MAX or told == DEFAULT_SLATE:
        raise SchemaError(
            Reason.WRONG_TYPE,
            f"{catalogue.id}: expected the id of an item, 1 to {ITEM_ID_LENGTH_MAX} plain characters other than "
            f"{DEFAULT_SLATE!r}",
        )
    return ItemId(told)


def _end_of(properties: dict[str, Any], path: str) -> int:
    told = _first(values_at(properties, path)) if path else None
    if told is None or told == "":
        return 0
    try:
        if isinstance(told, str):
            moment = datetime.fromisoformat(told)
            found = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        else:
            found = int(told)
    except (ValueError, OverflowError, TypeError):
        found = 0
    if not 0 < found < MILLIS_END:
        raise SchemaError(Reason.WRONG_TYPE, f"{path}: expected a time as ISO 8601 or in milliseconds since 1970")
    return found


def _first(values: Iterable[Any]) -> Any:
    return next(iter(islice(values, 1)), None)
