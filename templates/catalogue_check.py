"""Checks what a workspace says of catalogues, and the slots that show their items."""

from collections.abc import Iterator
from typing import Any

from schemas.library import CatalogueSettings, WorkspaceSettings
from templates.problems import Problem
from templates.slot_kinds import CATALOG, Part, item_part_kind
from templates.yaml_files import Document, Path_

ITEM_UPDATED = ("Product Updated", "Content Updated")
ITEM_REMOVED = ("Product Removed", "Content Removed")
"""Events that tell of items where a catalogue names none: names of the e-commerce and content specs."""


def catalogue_problems(document: Document) -> Iterator[Problem]:
    """What the schema cannot say of the catalogues in `foresend.yaml`."""
    told: dict[str, str] = {}
    hosts = document.value.get("links", {}).get("hosts", ())
    for name, body in document.value.get("catalogues", {}).items():
        path: Path_ = ("catalogues", name)
        for event, key in _events(body):
            if event in told:
                yield document.problem(
                    (*path, key) if key in body else path,
                    f"the event {event!r} tells of {told[event]} already",
                    "Give each catalogue events of its own, under updated and removed.",
                )
            told.setdefault(event, f"catalogue {name}")
        addresses = [part for part in body["parts"] if item_part_kind(part) is not Part.TEXT]
        if addresses and not hosts:
            yield document.problem(
                (*path, "parts", addresses[0]),
                f"no item of {name!r} can be taken: {addresses[0]} is an address, and links.hosts is empty",
                "Name the hosts that items' addresses lead to under links.hosts.",
            )


def _events(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, default in (("updated", ITEM_UPDATED), ("removed", ITEM_REMOVED)):
        for event in body.get(key, default):
            yield event, key


def slot_problems(document: Document, settings: WorkspaceSettings) -> Iterator[Problem]:
    """What is wrong with the catalog slots of a template's `variants.yaml`."""
    known = {catalogue.name: catalogue for catalogue in settings.catalogues}
    for slot, body in document.value["slots"].items():
        path: Path_ = ("slots", slot)
        if body["kind"] != CATALOG:
            for key in ("catalogue", "items", "default"):
                if key in body:
                    yield document.problem((*path, key), f"only a catalog slot has {key!r}", "Remove it.")
            continue
        if "variants" in body:
            yield document.problem(
                (*path, "variants"), f"the catalog slot {slot!r} has variants", "Its items are them: remove variants."
            )
        catalogue = known.get(body["catalogue"])
        if catalogue is None:
            mend = f"Known: {', '.join(sorted(known)) or 'none'}. Add it under catalogues in foresend.yaml."
            yield document.problem((*path, "catalogue"), f"there is no catalogue {body['catalogue']!r}", mend)
        else:
            yield from _default_problems(document, path, body, catalogue)
    for kind, at, choice in _ruled(document.value.get("rules", {})):
        slot = choice.partition(".")[0]
        if document.value["slots"].get(slot, {}).get("kind") == CATALOG:
            mend = "Rules name variants; items change. Remove the rule."
            yield document.problem(("rules", kind, at), f"{slot} shows items, which no rule can name", mend)


def _default_problems(
    document: Document, path: Path_, body: dict[str, Any], catalogue: CatalogueSettings
) -> Iterator[Problem]:
    if len(body["default"]) != body["items"]:
        message = f"expected {body['items']} items to show by default, got {len(body['default'])}"
        yield document.problem((*path, "default"), message, "Write as many as items says.")
    parts = [part for part, _ in catalogue.parts]
    for number, item in enumerate(body["default"]):
        at: Path_ = (*path, "default", number)
        for part in parts:
            if part not in item:
                mend = f"Items of {catalogue.name} have {', '.join(parts)}."
                yield document.problem(at, f"item {number + 1} lacks the part {part!r}", mend)
        for part in item:
            if part not in parts:
                mend = f"Items of {catalogue.name} have {', '.join(parts)}."
                yield document.problem((*at, part), f"item {number + 1} has an unknown part {part!r}", mend)


def _ruled(rules: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
    for at, pair in enumerate(rules.get("forbidden", ())):
        for choice in pair:
            yield "forbidden", at, choice
    for at, rule in enumerate(rules.get("required", ())):
        yield "required", at, rule["with"]
        yield "required", at, rule["show"]
