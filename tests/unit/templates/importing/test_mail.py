"""Whole e-mails, small ones: what becomes of them, and that what they say stays what they said."""

import msgspec
import pytest

from templates.expressions import HTML_ENVIRONMENT
from templates.importing import DEFAULTS, Imported, Refused, Surroundings, import_mail

AROUND = Surroundings.of(DEFAULTS, year=2026)
HTML = "<html><head><title>{}</title></head><body>{}</body></html>"
MJML = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"


def imported(source: str | bytes, around: Surroundings = AROUND) -> Imported:
    found = import_mail(source if isinstance(source, bytes) else source.encode(), "mail", "mail.html", around)
    assert isinstance(found, Imported), found
    assert (found.text_equal, found.links_equal) == (True, True)
    return found


def refused(source: str | bytes) -> Refused:
    found = import_mail(source if isinstance(source, bytes) else source.encode(), "mail", "mail.html", AROUND)
    assert isinstance(found, Refused)
    return found


def layout(found: Imported) -> str:
    return found.files.get("template.html") or found.files["template.mjml"]


def codes(found: Imported) -> set[str]:
    return {decision.code for decision in found.decisions}


def test_an_html_mail_is_carried_through_unchanged_but_for_its_slots_and_language() -> None:
    source = HTML.format("News", "<!-- kept --><H1 class=big>  Big &amp; <i>new</i></H1><P>Words<td>&nbsp;</P>")
    found = imported(source)
    expected = source.replace("<html>", '<html lang="{{ locale }}">').replace("News", "{{ subject }}")
    assert layout(found) == expected.replace("<i>new</i>", "<i>new</i>")


def test_slots_are_proposed_with_the_mails_own_words() -> None:
    found = imported(
        HTML.format(
            "News of May",
            '<div class="preheader" style="display:none">Look inside</div><h2>Small</h2><h1> Large\n one </h1>'
            '<img src="https://i.example.org/a.jpg" alt="A red bike" width="600">'
            "<p>Here are some words that are long enough to be the body of it.</p><p>Save 20% this week</p>"
            '<a class="button" href="https://shop.example.org/go?a=1&amp;b=2">Buy it</a>',
        )
    )
    assert found.slots == ("subject", "preheader", "headline", "picture", "action", "body", "offer")
    words = found.files["locales/en.yaml"]
    for text in ("News of May", "Look inside", "Large one", "A red bike", "Buy it", "Save 20% this week"):
        assert f'"{text}"' in words
    assert '"https://shop.example.org/go?a=1&b=2"' in found.files["variants.yaml"]
    assert "<h1> {{ slots.headline.text }} </h1>" in layout(found).replace("\n", "")
    assert 'href="{{ slots.action.url }}"' in layout(found)


def test_slots_of_mjml_are_found_by_size_and_kind() -> None:
    found = imported(
        "<mjml><mj-head><mj-title>News</mj-title><mj-preview>Look</mj-preview><mj-attributes>"
        '<mj-class name="big" font-size="40px" /></mj-attributes></mj-head><mj-body><mj-section><mj-column>'
        '<mj-text font-size="20px">Small</mj-text><mj-text mj-class="big">Large</mj-text>'
        '<mj-image src="https://i.example.org/a.jpg" alt="Bike" />'
        '<mj-button href="https://shop.example.org/">Go</mj-button></mj-column></mj-section></mj-body></mjml>'
    )
    assert found.slots == ("subject", "preheader", "headline", "picture", "action")
    assert '<mj-text mj-class="big">{{ slots.headline.text }}</mj-text>' in layout(found)
    assert "<mj-preview>{{ preheader }}</mj-preview>" in layout(found)


def test_words_that_would_not_come_back_as_they_were_are_no_slot() -> None:
    found = imported(HTML.format("T", "<h1>No&nbsp;break</h1><h1>A { brace</h1><h1>{{ unsubscribe_url }}</h1>"))
    assert found.slots == ("subject",)


def test_a_button_that_outlook_gets_twice_is_left_alone() -> None:
    vml = '<!--[if mso]><v:roundrect href="https://a.example/"><center>Buy</center></v:roundrect><![endif]-->'
    found = imported(HTML.format("T", f'{vml}<a class="btn" href="https://a.example/">Buy</a>'))
    assert "action" not in found.slots


def test_tags_become_fields_with_defaults_that_are_told() -> None:
    found = imported(
        HTML.format("Hi {{name}}", '<p>{{ name }}, {{var:city:"your town"}}: <a href="{{go_url}}">x</a></p>')
    )
    assert found.fields == ("city", "go_url", "name")
    assert "<p>{{ fields.name }}, {{ fields.city }}:" in layout(found)
    assert 'city: "your town"' in found.files["locales/en.yaml"]
    assert 'go_url: "https://www.example.org/"' in found.files["locales/en.yaml"]
    assert "go_url: { kind: url" in found.files["variants.yaml"]
    assert [one.message for one in found.decisions if one.code == "field"][-1] == (
        "'{{name}}' is fields.name, the trait 'name'; until it is known: 'there'"
    )


def test_marketing_marks_of_other_mailers_become_send_marks() -> None:
    found = imported(
        HTML.format("*|MC:SUBJECT|*", "<a href=*|UNSUB|*>Stop</a> <a href='*|ARCHIVE|*'>View</a> *|LIST:ADDRESS|*")
    )
    assert '<a href="{{ marks.unsubscribe_url }}">' in layout(found)
    assert "<a href='{{ marks.view_url }}'>" in layout(found)
    assert "{{ workspace.postal_address }}" in layout(found)
    assert "<title>{{ subject }}</title>" in layout(found)
    assert "undecided: [preferences, preheader]" in found.files["variants.yaml"]


def test_a_link_with_a_tag_in_it_is_a_field_whole() -> None:
    found = imported(HTML.format("T", '<a href="https://a.example/u?i={{id}}&amp;j=1">x</a>'))
    assert found.fields == ("id_link_url",)
    assert '"https://a.example/u?i=id&amp;j=1"' in found.files["locales/en.yaml"].replace("&j", "&amp;j")


def test_an_address_that_no_field_may_hold_is_fixed_and_told() -> None:
    found = imported(HTML.format("T", '<a href="mailto:{{support}}">x</a><a href="http://a.example/{{id}}">y</a>'))
    assert 'href="mailto:{{ workspace.sender_email }}"' in layout(found)
    assert 'href="http://a.example/id"' in layout(found)
    assert found.fields == ()
    assert {"address", "links"} <= codes(found)


def test_blocks_of_handlebars_are_taken_out_once_and_told() -> None:
    found = imported(HTML.format("T", "<table>{{#each rows}}<tr><td>{{ a }}</td></tr>{{/each}}</table>"))
    assert "<table><tr><td>{{ fields.a }}</td></tr></table>" in layout(found)
    assert [one.column for one in found.decisions if one.code == "block"] == [49, 88]


@pytest.mark.parametrize(
    "words", ["{ {{", "{{}}", "{%", "{# a #}", "}}", "{%raw%", "{{{name}}}", "{*|A|*}", "&#123;{ a }}", "&#123;% if %}"]
)  # fmt: skip
def test_foreign_braces_are_words_and_never_jinja(words: str) -> None:
    for document in (HTML.format("T", f"<p title='{words}'>{words}</p><!-- {words} --><style>{words}</style>"),):
        found = imported(document)
        spans = {token for _, kind, token in HTML_ENVIRONMENT.lex(layout(found)) if kind == "name"}
        assert spans <= {"locale", "subject", "fields", "slots", "name", "a", "text", "body"}


def test_styles_hold_no_value_and_css_that_looks_like_jinja_still_works() -> None:
    found = imported(HTML.format("T", "<style>@media print{#outlook a{color:{{color}}}}</style><p>Hello</p>"))
    assert "@media print{ #outlook a{color:}}" in layout(found)
    assert found.fields == ()
    assert "place" in codes(found)


def test_two_values_side_by_side_are_kept_apart() -> None:
    for document in (HTML.format("{{a}}{{b}}", "<p>{{a}}{{b}}</p>"), MJML.format("<mj-text>{{a}}{{b}}</mj-text>")):
        assert "{{ fields.a }}<span></span>{{ fields.b }}" in layout(imported(document))


def test_scripts_and_links_to_fonts_are_taken_out_and_told() -> None:
    found = imported(
        HTML.format(
            "T", "<script>alert('{{a}}')</script><link href='https://f.example/x.css'><p onclick='b()' id=c>Hi</p>"
        )
    )
    assert "<body><p id=c>{{ slots.body.text }}</p></body>" in layout(found)
    assert {"script", "link"} <= codes(found)


def test_what_a_person_must_decide_stands_on_top_of_the_file() -> None:
    found = imported(HTML.format("", "<p>Hi [Product Name]</p><img src='a.png'>"))
    assert codes(found) == {
        "subject", "unsubscribe", "preferences", "view", "postal_address", "preheader", "alt", "links", "placeholder"
    }  # fmt: skip
    head = found.files["variants.yaml"].partition("\nclass")[0]
    assert all(f"{decision.code}" in head for decision in found.decisions)
    assert (
        "undecided: [unsubscribe, preferences, view, postal_address, preheader, alt, links]"
        in found.files["variants.yaml"]
    )


def test_a_transactional_mail_needs_no_unsubscribe() -> None:
    found = imported(HTML.format("T", "<p>Hi</p>"), msgspec.structs.replace(AROUND, message_class="transactional"))
    assert "undecided: [preheader]" in found.files["variants.yaml"]


def test_a_workspaces_hosts_decide_which_addresses_a_slot_may_hold() -> None:
    settings = msgspec.structs.replace(AROUND.settings, link_hosts=("ours.example",))
    around = msgspec.structs.replace(
        AROUND, settings=settings, values={**AROUND.values, "home_url": "https://www.ours.example/"}
    )
    source = HTML.format("T", '<a class="btn" href="https://www.{}/">Go</a>')
    assert "kind: action" in imported(source.format("ours.example"), around).files["variants.yaml"]
    foreign = imported(source.format("theirs.example"), around)
    assert "kind: action" not in foreign.files["variants.yaml"]
    assert "links" in codes(foreign)


def test_other_charsets_are_read_and_sent_as_utf_8() -> None:
    found = imported('<html><head><meta charset="iso-8859-1"></head><body>caf\xe9</body></html>'.encode("latin-1"))
    assert '<meta charset="UTF-8">' in layout(found)
    assert "café" in found.html


def test_a_part_of_a_page_becomes_a_whole_one() -> None:
    assert layout(imported("<p>Hi</p>")) == '<html lang="{{ locale }}"><p>{{ slots.body.text }}</p></html>'


@pytest.mark.parametrize(
    ("source", "line", "column", "reason"),
    [
        ("<mjml>\n<mj-body>\n <mj-container></mj-container></mj-body></mjml>", 3, 2, "MJML 3"),
        ("<mjml><mj-body>\n<mj-include path='./a.mjml' /></mj-body></mjml>", 2, 1, "'./a.mjml'"),
        ("<mj-text>a</mj-text>", 1, 1, "the root <mjml>"),
        ("<mjml><mj-head></mj-head></mjml>", 1, 1, "without <mj-body>"),
        (MJML.format("\n<mj-text>a</mj-column>"), 2, 11, "still open"),
        (MJML.format("\n<mj-foo>a</mj-foo>"), 2, 1, "<mj-foo> is no MJML element"),
        (HTML.format("T", "\n<form></form>"), 2, 1, "may not hold <form>"),
        (HTML.format("T", "\n<a href='javascript:alert(1)'>x</a>"), 2, 10, "javascript"),
        (HTML.format("T", "<div>" * 3000), 1, 1, "nested too deep"),
        (HTML.format("T", "<!---->a\n <!--[if mso]>b"), 2, 2, "never closed"),
        ("only words", 1, 1, "MJML or HTML"),
        ("", 1, 1, "MJML or HTML"),
        (b"<html>\n<body>\xff", 2, 7, "UTF-8"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_place(
    source: str | bytes, line: int, column: int, reason: str
) -> None:
    found = refused(source)
    assert (found.line, found.column) == (line, column)
    assert reason in found.reason


def test_mjml_that_only_browsers_read_is_mended() -> None:
    found = imported(MJML.format("<mj-text>a < b<BR>c <a href=https://a.example/>d</A></mj-text>"))
    assert 'a &lt; b<br>c <a href="https://a.example/">' in layout(found)


def test_an_import_is_the_same_each_time() -> None:
    source = HTML.format("{{ a }}", "<h1>{{ b }} and {{ c }}</h1><p>*|D|*</p>")
    assert imported(source) == imported(source)


def test_what_lint_would_refuse_is_left_open_too() -> None:
    whole = (
        '<div class="preheader">{{ preheader }}</div><p>Hello there</p><a href="*|UNSUB|*">a</a>'
        '<a href="*|UPDATE_PROFILE|*">b</a><a href="*|ARCHIVE|*">c</a> *|LIST:ADDRESS|*'
    )
    assert "undecided" not in imported(HTML.format("T", whole)).files["variants.yaml"]
    nowhere = imported(HTML.format("T", whole + '<a href="#">d</a>'))
    assert "undecided: [lint]" in nowhere.files["variants.yaml"]
    assert "lint" in codes(nowhere)


@pytest.mark.parametrize(
    "button",
    [
        '<a class="btn" href="{}">Buy</a>',
        '<a style="background-color: #f00; padding: 4px" href="{}">Buy</a>',
        '<table class="templateButton"><tr><td><div><a href="{}">Buy</a></div></td></tr></table>',
        '<table><tr><td bgcolor="#ff0000"><a href="{}">Buy</a></td></tr></table>',
    ],
)
@pytest.mark.parametrize(("address", "kind"), [("https://a.example/", "action"), ("http://a.example/", "text")])
def test_links_that_look_like_buttons_are_calls_to_action(button: str, address: str, kind: str) -> None:
    found = imported(HTML.format("T", f'<p><a href="https://b.example/">a link</a></p>{button.format(address)}'))
    assert f"  action:\n    kind: {kind}\n" in found.files["variants.yaml"]
    assert 'action:\n    original:\n      text: "Buy"' in found.files["locales/en.yaml"]
