from typing import Any

import pytest

from schemas.ids import FieldName, Locale
from schemas.library import Field
from templates.values import field_value, plain, shortened

EN = Locale("en")
NAME = Field(FieldName("first_name"), {EN: "film friend"}, 12)
LINK = Field(FieldName("cart_url"), {EN: "https://shop.example/cart"}, 60, "url")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Ana", "Ana"),
        ("  Ana \t Maria\n", "Ana Maria"),
        ("Ana\r\nBcc: all@example.org", "Ana Bcc: all@example.org"),
        ("A\x00n\x1ba\x7f\x85", "Ana"),
        ("\u202eanA\u2066\u2069", "anA"),
        ("fs-mark-1234abcd-view_url-", "fs mark 1234abcd-view_url-"),
        ("FS-MARK-x", "fs mark x"),
        ("fs-mark-", "fs mark"),
        ("fs-\u202emark-x", "fs mark x"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("\u2028a\u2029b", "a b"),
        ("Nguyễn Thị 李雷 👩‍👧", "Nguyễn Thị 李雷 👩‍👧"),
    ],
)
def test_text_is_one_line_without_what_cannot_be_seen(given: str, shown: str) -> None:
    assert plain(given) == shown
    assert plain(shown) == shown


def test_a_long_value_ends_in_an_ellipsis_and_keeps_accents_on_their_letters() -> None:
    assert shortened("Bartholomew", 11) == "Bartholomew"
    assert shortened("Bartholomew", 6) == "Barth…"
    assert shortened("Zoe\u0301 Marie", 4) == "Zo…"
    assert len(shortened("x" * 500, 1)) == 1


@pytest.mark.parametrize(
    ("trait", "shown"),
    [
        ("Ana", "Ana"),
        (42, "42"),
        (2.5, "2.5"),
        (None, "film friend"),
        (True, "film friend"),
        (["Ana"], "film friend"),
        (float("nan"), "film friend"),
        (10**400, "film friend"),
        ("", "film friend"),
        (" \u202e ", "film friend"),
        ("Cheap pills https://evil.example", "film friend"),
        ("www.evil.example", "film friend"),
        ("A" * 1_000_000, "A" * 11 + "…"),
    ],
)
def test_a_field_shows_the_trait_or_its_default(trait: Any, shown: str) -> None:
    assert field_value(NAME, EN, trait) == shown


@pytest.mark.parametrize(
    ("trait", "kept"),
    [
        ("https://shop.example/cart/7", True),
        ("https://www.shop.example/cart/7", True),
        ("https://evil.example/cart/7", False),
        ("https://shop.example.evil.example/", False),
        ("https://evil.example#.shop.example", False),
        ("https://shop.example@evil.example/", False),
        ("http://shop.example/", False),
        ("javascript:alert(1)", False),
        ("mailto:a@shop.example", False),
        ("https://shop.example/" + "a" * 60, False),
        ('https://shop.example/"onclick="x', False),
    ],
)
def test_an_address_of_a_person_leads_to_our_own_hosts_or_nowhere(trait: Any, kept: bool) -> None:
    assert field_value(LINK, EN, trait, ("shop.example",)) == (trait if kept else LINK.default[EN])
    assert field_value(LINK, EN, trait, ()) == LINK.default[EN]
