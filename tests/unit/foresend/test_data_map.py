"""The data map is what the tables say, and the tables say all that is asked of them."""

from pathlib import Path

import pytest

from connectors.cache.families import FAMILIES
from flink_jobs.cells import CELLS, POPULATION_CELLS
from foresend.data_map import page
from schemas.topics import TOPICS

PAGE = Path(__file__).parents[3] / "docs/privacy/data-map.md"


def test_the_page_is_what_the_tables_say() -> None:
    """Where this fails: `python -m foresend.data_map > docs/privacy/data-map.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_cell_is_on_the_page() -> None:
    rows = page().splitlines()
    assert all(any(row.startswith(f"| `{cell.name}` |") for row in rows) for cell in (*CELLS, *POPULATION_CELLS))


@pytest.mark.parametrize("row", [*TOPICS, *FAMILIES], ids=lambda row: str(row.name))
def test_every_place_says_what_for_how_long_and_how_a_person_is_erased(row: object) -> None:
    assert all(getattr(row, name).strip() for name in ("name", "key", "purpose", "retention", "erasure"))


@pytest.mark.parametrize("row", [*CELLS, *POPULATION_CELLS], ids=lambda row: str(row.name))
def test_every_cell_says_what_for_what_bounds_it_and_how_a_person_is_erased(row: object) -> None:
    assert all(getattr(row, name).strip() for name in ("name", "purpose", "bound", "ttl", "erasure"))
