import pytest

from templates.text_part import text_part


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b</p>", "a\n\nb\n"),
        ("<div>a  \n b<br>c</div>", "a b\nc\n"),
        ('<a href="https://x.example/">Read on</a>', "Read on <https://x.example/>\n"),
        ('<a href="https://x.example/">https://x.example/</a>', "https://x.example/\n"),
        ('<a href="https://x.example/"><img src="y" alt="A house"></a>', "A house <https://x.example/>\n"),
        ('a<a href="https://x.example/"><img src="y" alt=""></a>b', "ab\n"),
        ('<a href="#top">top</a> <a>none</a>', "top none\n"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b\n"),
        ("<h1>Title</h1>text<hr>more", "Title\n\ntext\n\n---\n\nmore\n"),
        ("<head><title>t</title><style>p{}</style></head><p>a</p><!-- c --><script>s</script>", "a\n"),
        ('<div style="display: none">hidden<p>deep</p></div><p hidden>x</p>seen', "seen\n"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a b\n1 2\n"),
        ('<table role="presentation"><tr><td>a</td></tr><tr><td>b</td></tr></table>', "a\n\nb\n"),
        ("a &amp; b &lt;c&gt; &nbsp;d", "a & b <c> d\n"),
        ("<p>open", "open\n"),
        ("</div><p>a</div></p>b", "a\n\nb\n"),
        ("", "\n"),
    ],
)
def test_what_is_seen_is_written_and_links_are_kept(html: str, text: str) -> None:
    assert text_part(html) == text


def test_jinja_marks_are_kept_as_they_were() -> None:
    html = (
        '<p>Hi {{ fields.a }}</p>{% if fields.b == "<p>" %}'
        '<a href="{{ slots.c.url }}">{{ slots.c.text }}</a>{% endif %}{# c #}'
    )
    assert text_part(html) == (
        'Hi {{ fields.a }}\n\n{% if fields.b == "<p>" %}{{ slots.c.text }} <{{ slots.c.url }}>{% endif %}{# c #}\n'
    )


def test_the_open_pixel_is_for_html_alone() -> None:
    assert text_part("<p>a</p>{{ marks.open_pixel }}") == "a\n"


def test_private_use_characters_of_the_author_name_no_mark() -> None:
    assert text_part("a \ue0007\ue001 {{ fields.a }}") == "a 7 {{ fields.a }}\n"


def test_a_brace_that_was_an_entity_is_no_jinja_in_the_text() -> None:
    text = text_part("<p>&#123;&#123; marks.send_id }} &#123;% if %} &#123;# a #}</p>")
    assert "{{" not in text
    assert "{%" not in text
    assert "{#" not in text
    assert text.replace("\u2060", "") == "{{ marks.send_id }} {% if %} {# a #}\n"


def test_values_that_only_tags_parted_stay_apart() -> None:
    assert text_part("<b>{{ fields.a }}</b><i>{{ fields.b }}</i>") == "{{ fields.a }}\u2060{{ fields.b }}\n"
