"""Any e-mail of HTML: imported with the same words and links, or refused with a place; never Jinja2 of its own."""

from hypothesis import given
from hypothesis import strategies as st

from templates.importing import DEFAULTS, Imported, Surroundings, import_mail
from tests.support.examples import quick

AROUND = Surroundings.of(DEFAULTS, year=2026)
FRAGMENTS = st.sampled_from(
    [
        *("<p>", "</p>", "<h1>", "</h1>", "<td>", "<table>", "</table>", "<br>", "<title>", "</title>", "<ul><li>"),
        *(
            "<a href='{{x}}'>",
            '<a href="https://a.example/{{y}}">',
            "<a href=*|UNSUB|*>",
            "</a>",
            "<a class=btn href=#>",
        ),
        *("<img src=https://i.example/a.png alt='A {{b}}' width=600>", "<img src='x.png'>", "<span class=preheader>"),
        *("{{ name }}", "{{{x}}}", "{", "}", "{{", "}}", "{%", "%}", "{#", "#}", "*|", "|*", "*|A|*", "[[n]]", "%%z%%"),
        *("{{#each r}}", "{{/each}}", "{% if a %}", "&#123;", "&#123;{", "&lt;", "&nbsp;", "&amp;", "é", " ", "\n"),
        *("<!--", "-->", "<!--[if mso]>", "<![endif]-->", "<style>", "</style>", "<script>", "</script>"),
        *("<div style='display:none'>", "</div>", '<td {{a}} class="{{b}}" title={{c}}>', '<p style="color:{{c}}">'),
        *("Hello there", "Save 10% with code ABC, a long text to read more about it", '"', "'"),
    ]
)


@quick
@given(st.lists(FRAGMENTS, max_size=14).map("".join))
def test_an_import_says_what_the_mail_said(body: str) -> None:
    source = f"<html><head><title>T</title></head><body>{body}</body></html>"
    found = import_mail(source.encode(), "mail", "mail.html", AROUND)

    if isinstance(found, Imported):
        assert (found.text_equal, found.links_equal) == (True, True)
    else:
        assert found.reason
        assert min(found.line, found.column) >= 1
