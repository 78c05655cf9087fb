"""Views of a catalogue: at every offset what a fold of the records below it gives, whatever came later."""

from hypothesis import given
from hypothesis import strategies as st

from online_models.catalogue import CatalogueLog, CatalogueView
from schemas.catalogue import Item, ItemId, item_key, items_of_slate, slate_of_items
from schemas.codec import encode
from schemas.ids import Tag, WorkspaceId

SHOP = WorkspaceId("shop")
IDS = st.sampled_from(["a", "b", "c|d", "e%"]).map(ItemId)
TAGS = st.lists(st.sampled_from(["jazz", "folk"]).map(Tag), max_size=2, unique=True).map(tuple)
VERSIONS = st.builds(
    Item,
    workspace=st.just(SHOP),
    catalogue=st.sampled_from(["films", "records"]),
    id=IDS,
    parts=st.fixed_dictionaries({"price": st.sampled_from("123")}),
    tags=TAGS,
    valid_until_ms=st.sampled_from([0, 10, 20]),
    is_gone=st.booleans(),
)


def fold(items: list[tuple[int, Item]], end: int) -> dict[tuple[str, ItemId], Item]:
    return {(item.catalogue, item.id): item for offset, item in items if offset < end}


@given(st.lists(VERSIONS, max_size=30), st.data())
def test_a_view_is_the_fold_of_what_stood_below_it(versions: list[Item], data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.integers(0, 2), min_size=len(versions), max_size=len(versions)))
    log, placed, offset = CatalogueLog(), [], 0
    for item, gap in zip(versions, gaps, strict=True):
        offset += gap
        log.take(offset, item_key(SHOP, item.catalogue, item.id), encode(item))
        placed.append((offset, item))
        offset += 1
    for end in range(offset + 1):
        view, expected = CatalogueView(log, SHOP, end), fold(placed, end)
        for catalogue in ("films", "records"):
            for name in ("a", "b", "c|d", "e%"):
                assert view.item(catalogue, ItemId(name)) == expected.get((catalogue, ItemId(name)))
            shown = {one.id: one for (of, _), one in expected.items() if of == catalogue and one.is_shown_at(15)}
            assert {one.id: one for one in view.newest(catalogue, 99, 15)} == shown
            jazz = {name: one for name, one in shown.items() if "jazz" in one.tags}
            assert {one.id: one for one in view.newest(catalogue, 99, 15, Tag("jazz"))} == jazz
            assert len(view.newest(catalogue, 1, 15)) == min(1, len(shown))


@given(st.lists(VERSIONS, min_size=1, max_size=30), st.integers(0, 30))
def test_what_compaction_removes_changes_no_view_that_an_event_may_still_name(versions: list[Item], old: int) -> None:
    whole, compacted = CatalogueLog(), CatalogueLog()
    newest_old = fold(list(enumerate(versions)), old)
    for offset, item in enumerate(versions):
        record = (offset, item_key(SHOP, item.catalogue, item.id), encode(item))
        whole.take(*record)
        # Of records that are all older than the lag, the newest of each item stays.
        if offset >= old or newest_old[item.catalogue, item.id] is item:
            compacted.take(*record)
    for end in range(old, len(versions) + 1):
        one, other = CatalogueView(whole, SHOP, end), CatalogueView(compacted, SHOP, end)
        for catalogue in ("films", "records"):
            assert one.items(catalogue) == other.items(catalogue)
            assert one.newest(catalogue, 3, 15) == other.newest(catalogue, 3, 15)
            assert one.newest(catalogue, 3, 15, Tag("jazz")) == other.newest(catalogue, 3, 15, Tag("jazz"))


@given(st.lists(IDS, min_size=1, max_size=8))
def test_the_items_of_a_slate_can_be_read_from_its_name(items: list[ItemId]) -> None:
    assert items_of_slate(slate_of_items(tuple(items))) == tuple(items)
