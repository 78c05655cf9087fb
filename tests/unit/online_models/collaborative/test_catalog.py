"""A catalogue: what its items are, and what was counted of them."""

import numpy as np
import pytest

from online_models.collaborative import Catalog
from online_models.collaborative.catalog import TAGS_KEPT_MAX, VALUES_MIN, number_names
from online_models.terms import SlotTable
from schemas.ids import SlotName, Tag, TemplateName, VariantId
from schemas.library import Variant
from tests.support.choices import table_of


def tagged(*tags: str) -> SlotTable:
    variants = [Variant(VariantId(f"v{n}"), tuple(map(Tag, one.split())), {}) for n, one in enumerate(tags)]
    return SlotTable(TemplateName("letter"), SlotName("items"), variants)


YEARS = tuple(f"year:{1990 + n}" for n in range(VALUES_MIN))
SIZES = tuple(f"size:{n % 8} year:{n}" for n in range(9))


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        (YEARS, ["year"]),
        ((*YEARS, "year:-3.5 kind:a"), ["year"]),
        ((*YEARS, "kind:a", "kind:b"), ["year"]),
        (YEARS[1:], []),
        ((*YEARS, "year:soon"), []),
        ((*YEARS, "year:1990 year:1991"), []),
        ((*YEARS, *["kind:a"] * VALUES_MIN), []),
        (SIZES, ["year", "size"]),
        (tuple(f"plain{n} year" for n in range(9)), []),
        ((), []),
    ],
)
def test_a_number_is_what_most_items_have_once(tags: tuple[str, ...], names: list[str]) -> None:
    assert list(number_names([tuple(map(Tag, one.split())) for one in tags])) == names


def test_numbers_are_ranked_and_the_unknown_stands_in_the_middle() -> None:
    catalog = Catalog(tagged(*[f"year:{n}" for n in (10, 2, 10, 3, 4, 5, 6, 7, 8, 9)], "kind:a"))
    assert catalog.number[[0, 1, 2, 10]].tolist() == pytest.approx([0.9, 0.05, 0.9, 0.5])
    assert catalog.tags.shape == (11, 1)


def test_numbers_beside_the_first_are_no_categories() -> None:
    catalog = Catalog(tagged(*[f"{one} kind:a" for one in SIZES]))
    assert catalog.tags.shape == (9, 1)


def test_only_the_commonest_tags_are_known() -> None:
    catalog = Catalog(tagged(*[f"kind:k{n} all" for n in range(TAGS_KEPT_MAX + 5)]))
    assert catalog.tags.shape[1] == TAGS_KEPT_MAX
    assert catalog.tags[:, 0].all()


def test_popularity_halves_after_its_half_life() -> None:
    catalog = Catalog(table_of(12))
    catalog.take(3, liked=0.0)
    for _ in range(int(catalog.half_life)):
        catalog.take(5, liked=1.0)
    assert catalog.recent(np.array([3]))[0] == pytest.approx(0.5)
    assert catalog.total[[3, 5]].tolist() == [1.0, catalog.half_life]
    assert catalog.liked[[3, 5]].tolist() == [0.0, catalog.half_life]


def test_a_catalogue_goes_on_from_what_was_counted() -> None:
    # Given one that counted all, and one that goes on from the counts of the first half
    whole, half = Catalog(table_of(30)), Catalog(table_of(30))
    for place in range(40):
        whole.take(place * 7 % 30, liked=place % 2)
    half.restore(whole.counted(), whole.examples)
    for catalog in (whole, half):
        for place in range(40):
            catalog.take(place * 11 % 30, liked=1.0)
    # Then both say the same
    assert np.allclose(half.counted(), whole.counted())
    assert np.allclose(half.density(), whole.density(), atol=1e-3)
    assert np.allclose(half.tag_shares(), whole.tag_shares())
    assert (half.examples, half.newest) == (whole.examples, whole.newest)


def test_a_density_is_one_and_peaks_where_choices_are() -> None:
    catalog = Catalog(table_of(200))
    for _ in range(300):
        catalog.take(18, liked=1.0)
    density = catalog.density()
    assert density.sum() == pytest.approx(1.0)
    assert density.argmax() == catalog.bins[18]
