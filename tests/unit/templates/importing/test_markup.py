import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates.importing.markup import cut
from tests.support.examples import quick

FRAGMENTS = st.sampled_from(
    ["<p>", "</p>", "<a href='x'>", "</a>", "<br>", "<!-- a", "-->", "<style>", "</style>", "<script>", "</script>",
     "<", ">", '"', "'", "words ", "<td nowrap x=1>", "<!doctype html>", "<![if !mso]>", "<mj-text/>", "\n"]
)  # fmt: skip


@quick
@given(st.lists(FRAGMENTS, max_size=30).map("".join))
def test_the_pieces_joined_are_the_source(source: str) -> None:
    pieces = cut(source)
    assert "".join(source[piece.start : piece.end] for piece in pieces) == source


def test_an_attribute_says_where_its_value_stands() -> None:
    source = """<a HREF="x" title='y' rel=z nowrap>"""
    (piece,) = cut(source)
    assert piece.element is not None
    found = {one.name: (source[one.start : one.end], one.is_bare) for one in piece.element.attributes.values()}
    assert found == {"href": ("x", False), "title": ("y", False), "rel": ("z", True), "nowrap": ("", True)}
    assert [one.begin for one in piece.element.attributes.values()] == [3, 12, 22, 28]


def test_what_stands_in_a_style_is_no_markup() -> None:
    assert [piece.kind for piece in cut("<style>a > b {} <p></style>c")] == ["open", "style", "close", "text"]


def test_elements_know_the_words_below_them() -> None:
    opened = [piece.element for piece in cut("<div><p>a<b>b</b></p> <i>c</i></div>") if piece.kind == "open"]
    assert [(element.tag, len(element.words)) for element in opened if element] == [
        ("div", 3), ("p", 2), ("b", 1), ("i", 1)
    ]  # fmt: skip


@pytest.mark.parametrize("part", ["<!--", "<![", "<a ", "<a b='", "<a b='<a c='>", "<div><p>x"])
def test_what_is_never_closed_does_not_cost_the_square_of_its_length(part: str) -> None:
    source = "<p>a</p>" + part * (60_000 // len(part))
    pieces = cut(source)  # minutes, were the rest looked through for each; the test's own time limit tells
    assert "".join(source[piece.start : piece.end] for piece in pieces) == source
    assert pieces[0].kind == "open"
