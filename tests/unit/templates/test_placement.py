import pytest

from templates.placement import misplaced

ADDRESSES = {("slots", "hero", "src"), ("slots", "cta", "url"), ("marks", "view_url"), ("workspace", "home_url")}


def found(html: str) -> list[str]:
    return [fault.message for fault in misplaced(html, lambda name: name in ADDRESSES, ["shop.example"])]


@pytest.mark.parametrize(
    "html",
    [
        "<p>{{ fields.a }}</p>",
        '<p title="{{ fields.a }}">{% if fields.a %}x{% endif %}</p>',
        "<a href='{{ slots.cta.url }}'>x</a>",
        '<a href="{{ workspace.home_url }}?s={{ marks.send_id }}">x</a>',
        '<a href="https://shop.example/?s={{ marks.send_id }}">x</a>',
        '<a href="https://www.shop.example/a?b=1&amp;c=2">x</a>',
        '<a href="#top">x</a><a href="mailto:a@b.example">x</a>',
        '<!--[if mso]><v:fill src="{{ slots.hero.src }}" /><![endif]-->',
        "<style>p { color: red }</style>",
    ],
)
def test_words_quoted_attributes_and_whole_addresses_are_safe(html: str) -> None:
    assert found(html) == []


@pytest.mark.parametrize(
    ("html", "word"),
    [
        ("<a href={{ slots.cta.url }}>x</a>", "unquoted"),
        ("<p {{ fields.a }}>x</p>", "unquoted"),
        ('<p style="color: {{ fields.a }}">x</p>', "style"),
        ("<style>p { color: {{ fields.a }} }</style>", "<style>"),
        ("<script>{{ fields.a }}</script>", "<script>"),
        ('<a href="{{ fields.a }}">x</a>', "takes an address"),
        ('<a href="{{ slots.hero.alt }}">x</a>', "takes an address"),
        ('<a href="{% if fields.a %}https://x.example{% endif %}">x</a>', "takes an address"),
        ('<a href="https://shop.example/{{ fields.a }}">x</a>', "inside the address"),
        ('<a href="{{ slots.cta.url }}{{ fields.a }}">x</a>', "inside the address"),
        ('<img src="{{ fields.a }}">', "takes an address"),
        ("<!--[if mso]><p>{{ fields.a }}</p><![endif]-->", "comment"),
        ("<!--[if mso]><v:fill src={{ slots.hero.src }} /><![endif]-->", "comment"),
        ('<a href="http://shop.example/">x</a>', "https://"),
        ('<a href="javascript:alert(1)">x</a>', "https://"),
        ('<a href="java&#115;cript:alert(1)">x</a>', "https://"),
        ('<a href="https://evil.example/">x</a>', "not ours"),
        ('<td background="http://x.example/y.png">', "https://"),
    ],
)
def test_anything_else_is_told(html: str, word: str) -> None:
    assert word in found(html)[0]


def test_a_tag_with_a_value_for_a_name_is_no_tag_at_all() -> None:
    """The parser reads `<` and a number as words, as browsers do: the value then stands in words."""
    assert found("a < {{ fields.a }} b") == []
