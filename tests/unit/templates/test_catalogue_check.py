"""Catalogues and catalog slots: read as they stand, and each mistake told where it is."""

from pathlib import Path

import pytest

from schemas.catalogue import DEFAULT_SLATE
from templates.compiler import compile_release
from templates.library import Library
from templates.validation import validate
from templates.workspace import load
from tests.support.catalogues import FILMS, PICKS, workspace_of_films

SETTINGS, VARIANTS, LAYOUT = "foresend.yaml", "newsletter/variants.yaml", "newsletter/template.mjml"
MISTAKES = [
    (SETTINGS, "id: product_id", "ids: product_id", "unknown setting 'ids'"),
    (SETTINGS, "parts: { title: title,", "parts: { Title: title,", "no name that may stand here"),
    (SETTINGS, "  films:\n", "  other:\n    id: x\n    parts: { title: t }\n  films:\n", "tells of catalogue other"),
    (SETTINGS, "hosts: [lantern-reel.example]", "hosts: []", "links.hosts is empty"),
    (VARIANTS, "catalogue: films", "catalogue: movies", "there is no catalogue 'movies'"),
    (VARIANTS, "items: 2", "items: 3", "expected 3 items to show by default, got 2"),
    (VARIANTS, "items: 2", "items: 9", "at most 8"),
    (VARIANTS, "items: 2\n", "items: 2\n    variants: [{ id: a }]\n", "has variants"),
    (VARIANTS, "kind: catalog", "kind: text", "slots.picks lacks 'variants'"),
    (VARIANTS, "{ title: Paper Moons, price: £9,", "{ title: Paper Moons,", "item 1 lacks the part 'price'"),
    (VARIANTS, "{ title: Paper Moons,", "{ title: Paper Moons, year: x,", "item 1 has an unknown part 'year'"),
    (VARIANTS, '"https://www.lantern-reel.example/long-pier"', '"http://x"', "begins with https://"),
    (VARIANTS, "forbidden:\n", "forbidden:\n    - [picks.f1, offer.two-seats]\n", "picks shows items"),
    (LAYOUT, "slots.picks.price_2", "slots.picks.year_2", "has no part 'year_2'"),
    (LAYOUT, "slots.picks.title_2", "slots.picks.title_3", "has no part 'title_3'"),
    (LAYOUT, 'href="{{ slots.picks.url_1', 'href="{{ slots.picks.title_1', "which takes an address"),
]


def test_the_workspace_is_without_fault_and_its_fallback_shows_the_items_written_by_hand(tmp_path: Path) -> None:
    folder = workspace_of_films(tmp_path)
    assert validate(folder) == []
    release = compile_release(load(folder))
    (catalogue,) = release.settings.catalogues
    assert (catalogue.name, catalogue.updated[0], catalogue.valid_until) == (FILMS, "Product Updated", "ends")
    slot = next(slot for template in release.templates for slot in template.slots if slot.name == PICKS)
    assert (slot.kind, slot.catalogue, slot.items) == ("catalog", FILMS, 2)
    assert [variant.id for variant in slot.variants] == [DEFAULT_SLATE]
    assert b"Paper Moons" in release.fallbacks["newsletter/en"].html
    assert Library(release).is_catalog(release.templates[1].name, slot.name)


@pytest.mark.parametrize(("file", "old", "new", "message"), MISTAKES)
def test_each_mistake_is_told_where_it_is(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    folder = workspace_of_films(tmp_path, (file, old, new))
    found = [problem for problem in validate(folder) if message in problem.message]
    assert found, [problem.message for problem in validate(folder)]
    assert all(problem.line > 1 for problem in found)
