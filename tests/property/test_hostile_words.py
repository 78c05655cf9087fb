"""Names, addresses, words of variants and texts of catalogues: whatever they are, a message keeps its structure.

For the sample workspace, and for one that was begun with `foresend init` and an imported e-mail.
"""

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape
from selectolax.lexbor import LexborHTMLParser

from connectors.collector.items import ItemRules
from foresend.cli import main
from online_models.slates import words_of
from schemas.decisions import Rendered
from schemas.errors import SchemaError
from schemas.events import EventKind
from schemas.ids import Locale, VariantId
from schemas.library import Release, Slot, Template
from templates.compiler import draft_release
from templates.library import Library
from templates.slot_kinds import Part, kind_of
from templates.urls import url_fault
from templates.values import plain
from templates.workspace import SAMPLE, load
from tests.support.catalogues import workspace_of_films
from tests.support.events import event
from tests.support.hostile import HOSTILE, addresses_of, tree_of

MAIL = """<!doctype html><html lang="en"><head><title>*|FNAME|*, this is for you</title></head>
<body background="https://img.outdoor.example/bg.png"><!-- {{ secret }} --><table><tr><td title="{{first_name}}">
<h1>Hello {{ first_name }}</h1><p>Your order %%order_id%% of [[date]] is on its way.</p>
<a href="{{ tracking_url }}">Follow it, *|FNAME|*</a> <a href="https://www.outdoor.example/?id=1">Shop</a>
<img src="https://img.outdoor.example/a.png" alt="A boot for {{ first_name }}"></td></tr></table></body></html>"""
OWN = VariantId("own")
texts = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12)), max_size=4).map("".join)
Drafts = dict[str, Release]


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Drafts:
    folder = tmp_path_factory.mktemp("workspaces")
    (folder / "mail.html").write_text(MAIL, "utf-8")
    assert main(["init", str(folder / "shop")]) == 0
    assert main(["template", "import", str(folder / "mail.html"), "--into", str(folder / "shop")]) == 0
    films = workspace_of_films(folder / "films")
    return {name: draft_release(load(path)) for name, path in _folders(folder, films).items()}


def _folders(folder: Path, films: Path) -> dict[str, Path]:
    return {"sample": SAMPLE, "shop": folder / "shop", "films": films}


def firsts(template: Template) -> list[VariantId]:
    return [slot.variants[0].id for slot in template.slots]


def expect_same_structure(message: Rendered, benign: Rendered, *, addresses: bool = True) -> None:
    """The same elements and attributes, headers of one line, addresses of the same schemes and hosts."""
    assert tree_of(message.html) == tree_of(benign.html)
    for header in (message.subject, message.preheader):
        assert not any(ord(char) < 32 or ord(char) in {0x7F, 0x85, 0x2028, 0x2029} for char in header), ascii(header)
    if addresses:
        assert addresses_of(message.html) == addresses_of(benign.html)
    for address in addresses_of(message.html):
        assert address == "" or address.startswith(("https://", "mailto:", "#", "fs-mark-")), address
    assert "<script" not in message.html.decode().lower()


@given(st.data())
def test_what_people_tell_of_themselves_changes_words_alone(drafts: Drafts, data: st.DataObject) -> None:
    library = Library(drafts[data.draw(st.sampled_from(sorted(drafts)))])
    template = data.draw(st.sampled_from(library.templates))
    locale = data.draw(st.sampled_from(sorted(template.layouts)))
    traits = {field.name: data.draw(texts) for field in template.fields}

    message = library.render(template, locale, firsts(template), library.fields_of(template, locale, traits))

    expect_same_structure(message, library.render(template, locale, firsts(template), {}))
    past_cleaning = library.render(template, locale, firsts(template), traits)
    expect_same_structure(past_cleaning, message)


@given(st.data())
def test_words_of_variants_change_words_alone(drafts: Drafts, data: st.DataObject) -> None:
    draft = drafts[data.draw(st.sampled_from(sorted(drafts)))]
    template = data.draw(st.sampled_from(draft.templates))
    place = data.draw(st.sampled_from(range(len(template.slots))))
    words = plain(data.draw(texts).replace("{", "(")) or "x"
    spoilt = msgspec.structs.replace(
        template,
        slots=(*template.slots[:place], _with_words(template.slots[place], words), *template.slots[place + 1 :]),
    )
    templates = tuple(spoilt if one.name == template.name else one for one in draft.templates)

    hostile, benign = Library(msgspec.structs.replace(draft, templates=templates)), Library(draft)

    for locale in template.layouts:
        expect_same_structure(
            hostile.render(spoilt, locale, firsts(spoilt), {}), benign.render(template, locale, firsts(template), {})
        )


def _with_words(slot: Slot, words: str) -> Slot:
    """The slot with every part of its first variant that is words saying these."""
    parts = kind_of(slot).parts
    first = slot.variants[0]
    content = {
        locale: {name: words if parts[name] is Part.TEXT else text for name, text in own.items()}
        for locale, own in first.content.items()
    }
    return msgspec.structs.replace(slot, variants=(msgspec.structs.replace(first, content=content), *slot.variants[1:]))


def test_most_hostile_titles_get_as_far_as_being_shown(drafts: Drafts) -> None:
    rules = ItemRules(drafts["films"].settings.catalogues, drafts["films"].settings.link_hosts)
    taken = 0
    for title in HOSTILE:
        told = {"product_id": "f1", "title": title, "price": "£9", "url": "https://www.lantern-reel.example/x"}
        try:
            rules.item_of(event(EventKind.TRACK, name="Product Updated", properties=told))
        except SchemaError:
            continue
        taken += 1

    assert taken > len(HOSTILE) / 2, "else the next test tries nothing"


@given(title=texts, price=texts, address=texts)
def test_texts_of_a_catalogue_change_words_alone(drafts: Drafts, title: str, price: str, address: str) -> None:
    draft = drafts["films"]
    library, rules = Library(draft), ItemRules(draft.settings.catalogues, draft.settings.link_hosts)
    template = next(one for one in library.templates if any(slot.catalogue for slot in one.slots))
    place = next(number for number, slot in enumerate(template.slots) if slot.catalogue)
    items = []
    for url in (address, f"https://www.lantern-reel.example/{address}", "https://www.lantern-reel.example/x"):
        told = {"product_id": "f1", "title": title, "price": price, "url": url}
        try:
            items.append(rules.item_of(event(EventKind.TRACK, name="Product Updated", properties=told)))
        except SchemaError:
            continue  # refused where it comes in: never shown
    chosen = [*firsts(template)[:place], OWN, *firsts(template)[place + 1 :]]
    benign = library.render(template, Locale("en"), firsts(template), {})
    for item in items:
        own = {place: {OWN: words_of([item, item])}}
        message = library.personal(template, Locale("en"), {}, own).render(chosen)
        expect_same_structure(message, benign, addresses=False)
        shown = set(addresses_of(message.html)) - set(addresses_of(benign.html))
        assert all((urlsplit(one).hostname or "").endswith("lantern-reel.example") for one in shown), shown


@given(
    st.one_of(
        texts,
        texts.map(lambda text: f"https://{text}"),
        texts.map(lambda text: f"https://a.example/{text}"),
        texts.map(lambda text: f"https://a.example@{text}"),
        texts.map(lambda text: f"mailto:{text}"),
        st.from_regex(
            r"(java\s*script|data|vbscript|file|https?|//)[:/\\]{1,3}[^a-z]{0,3}[a-z.@:/\\%0-9]{0,20}", fullmatch=True
        ),
    )
)
def test_an_address_that_is_let_through_is_one_everywhere(address: str) -> None:
    """What passes is read by an HTML parser as it was written, and leads by https or mailto to the host it names."""
    if url_fault(address) is not None:
        return
    link = LexborHTMLParser(f'<a href="{escape(address)}">x</a>').css_first("a")
    assert link is not None
    assert link.attributes["href"] == address
    parts = urlsplit(address)
    assert parts.scheme in {"https", "mailto"}
    assert address.isascii()
    assert not any(char in address for char in "\"'<>\\` \r\n\t{}")
    assert parts.scheme == "mailto" or (parts.hostname and parts.username is None and parts.password is None)
