"""No value changes what a block is made of: not in a field, not in a variant's words, not in a send mark."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import FieldName, Locale, SlotName, VariantId
from schemas.library import Layout
from templates.blocks import compile_block
from templates.cutting import Content
from templates.personal import Common, Page, Personal
from templates.send_marks import fill
from templates.shapes import compiled
from tests.support.blocks import shape_of

SOURCE = """{"a": "{{ slots.one.text }}", "b": [{"c": "x {{ fields.name }} \\" y"}, 1, null],
 "d": "{{ marks.view_url }}", "{e": "{{ slots.one.text }}|{{ fields.name }}"}"""
EN, ONE, NAME = Locale("en"), SlotName("one"), FieldName("name")
COMMON = Common("fs-mark-0-", {"view_url": "fs-mark-0-view_url-"}, lambda _: b"whole")
BOMBS = st.sampled_from(['", "z": "', '"}', "\\", "\\u0022", '\\"', "\n", "\u2028", "{{ fields.name }}", "\x00", "😀"])
VALUES = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(BOMBS, max_size=4).map("".join)


@pytest.mark.parametrize("in_pieces", [True, False])
@given(words=VALUES, name=VALUES, link=VALUES)
def test_no_value_changes_what_it_is_made_of(in_pieces: bool, words: str, name: str, link: str) -> None:
    """Mutants that fail here: values put in as they are, only quotes escaped, marks filled in as text."""
    source = compile_block(SOURCE.replace('"{e"', '"e"'))
    assert isinstance(source, str)
    contents = [{VariantId("v"): Content({"text": words}, {})}]
    page = Page("t/en", compiled(Layout("", "", EN, block=source)), [ONE], contents, COMMON, ())
    personal = Personal(page, {NAME: name}, {})
    if in_pieces:
        block = personal.opened([VariantId("v")]).filled({"view_url": link}).block
    else:
        block = fill(personal.render([VariantId("v")]), COMMON.prefix, {"view_url": link}).block
    assert shape_of(block) == {"a": str, "b": [{"c": str}, 1, None], "d": str, "e": str}
    assert json.loads(block) == {
        "a": words, "b": [{"c": f'x {name} " y'}, 1, None], "d": link, "e": f"{words}|{name}",
    }  # fmt: skip


@given(st.text('{}[]":,\\ a1é\n\ue000\ue001u', max_size=40))
def test_any_layout_is_json_or_refused(source: str) -> None:
    made = compile_block(source)
    if isinstance(made, str):
        assert json.loads(made) == json.loads(source)
