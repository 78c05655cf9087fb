"""The sample workspace with a catalogue of films, and a slot of its newsletter that shows two of them."""

from pathlib import Path

from schemas.catalogue import Item, ItemId
from schemas.ids import Tag, WorkspaceId
from tests.support.workspaces import sample_with

FILMS, PICKS = "films", "picks"
SAMPLE = WorkspaceId("sample")
_SETTINGS = """catalogues:
  films:
    id: product_id
    parts: { title: title, price: price, url: url }
    tags: [{ property: genres }]
    valid_until: ends

features:                    # how a profile forgets"""
_SLOT = """slots:
  picks:
    kind: catalog
    catalogue: films
    items: 2
    default:
      - { title: Paper Moons, price: £9, url: "https://www.lantern-reel.example/paper-moons" }
      - { title: The Long Pier, price: £9, url: "https://www.lantern-reel.example/long-pier" }
"""
_BLOCK = """<mj-section css-class="card" padding="22px 0 36px">
      <mj-column>
        <mj-text><a href="{{ slots.picks.url_1 }}">{{ slots.picks.title_1 }}</a>, {{ slots.picks.price_1 }}</mj-text>
        <mj-text><a href="{{ slots.picks.url_2 }}">{{ slots.picks.title_2 }}</a>, {{ slots.picks.price_2 }}</mj-text>
      </mj-column>
    </mj-section>

    <mj-section background-color="#f7e3bd\""""
CHANGES = (
    ("foresend.yaml", "features:                    # how a profile forgets", _SETTINGS),
    ("newsletter/variants.yaml", "slots:\n", _SLOT),
    ("newsletter/template.mjml", '<mj-section background-color="#f7e3bd"', _BLOCK),
)


def workspace_of_films(folder: Path, *changes: tuple[str, str, str]) -> Path:
    """The workspace, in a folder; `changes` as `sample_with` makes them, afterwards."""
    return sample_with(folder, *CHANGES, *changes)


def film(number: int, price: str = "£12", tags: tuple[str, ...] = (), *, ends_ms: int = 0, gone: bool = False) -> Item:
    """A version of a film."""
    if gone:
        return Item(SAMPLE, FILMS, ItemId(f"f{number}"), is_gone=True)
    words = {"title": f"Film {number}", "price": price, "url": f"https://www.lantern-reel.example/f{number}"}
    return Item(SAMPLE, FILMS, ItemId(f"f{number}"), words, tuple(map(Tag, tags)), ends_ms)
