"""Tracked links of a granted message: which are replaced, that nothing else is, and that it is made again the same."""

import re
from html import escape, unescape

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.delivery.tracking import Tracker, may_track, tracking_of
from connectors.gateway.tokens import Claim, Purpose, Signer
from schemas.decisions import Rendered
from schemas.ids import SendId
from schemas.library import DeliverySettings, Release
from schemas.profiles import ToldProfile
from tests.support.messages import ANNA, NEWS, WORKSPACE, release, version

URL = "https://mail.example"
SALE = "https://shop.example/sale?a=1&b=2"
HELP = "https://shop.example/help"
SIGNER = Signer({"k1": b"0123456789abcdef"})


def linked(number: int = 1) -> Release:
    return msgspec.structs.replace(release(number), links={"l1": SALE, "l2": HELP})


def rewritten(html: str, text: str = "", tracker: Tracker | None = None, key_id: str = "") -> Rendered:
    message = Rendered("subject", "preheader", html.encode(), text.encode())
    tracker = tracker or Tracker(URL, SIGNER)
    return tracker.rewritten(message, linked(), NEWS, ANNA, SendId("s1"), key_id=key_id)


def tracked(link: str, key_id: str = "") -> str:
    return f"{URL}/c/{SIGNER.sign(Claim(Purpose.CLICK, WORKSPACE, NEWS, ANNA, SendId('s1'), link), key_id)}"


@pytest.mark.parametrize(
    "tag",
    [
        '<a href="{}">',
        "<a href='{}'>",
        '<A class="x>y" HREF = "{}" target=_blank>',
        '<area shape="rect" href="{}"/>',
        '<!--[if mso]><v:roundrect href="{}" style="x"><![endif]-->',
        '<a title="a &lt; b" href="{}">',
    ],
)
def test_a_fixed_address_is_replaced_wherever_one_clicks(tag: str) -> None:
    html = rewritten(f"<p>{tag.format(escape(SALE))}sale</a>").html.decode()
    assert tracked("l1") in html
    assert "shop.example" not in html


@pytest.mark.parametrize(
    "html",
    [
        f'<img src="{HELP}">',
        f'<link href="{HELP}">',
        f"<p>{HELP}</p>",
        f'<p>href="{HELP}"</p>',
        f'<a href="{HELP}/more">',
        f'<a data-href="{HELP}">',
        '<a href="https://elsewhere.example/">',
        '<a href="mailto:us@shop.example">',
        f'<a href="{URL}/u/token">',
        f'<abbr href="{HELP}">',
        f"<a href={HELP}>",
    ],
)
def test_nothing_else_is_touched(html: str) -> None:
    assert rewritten(html).html.decode() == html


@pytest.mark.parametrize("around", ["{}", "Sale <{}>", "See {}.", "({})", "{}, and so on", "{}!"])
def test_plain_text_is_tracked_too(around: str) -> None:
    text = rewritten("", around.format(SALE)).text.decode()
    assert text == around.format(tracked("l1"))


def test_an_address_in_text_that_goes_on_is_another() -> None:
    told = f"{HELP}/more {HELP}?x=1"
    assert rewritten("", told).text.decode() == told


def test_subject_and_preheader_stay() -> None:
    message = rewritten(f'<a href="{HELP}">')
    assert (message.subject, message.preheader) == ("subject", "preheader")


def test_it_is_made_again_to_the_byte_also_after_a_rotation() -> None:
    html = f'<a href="{HELP}">'
    later = Tracker(URL, Signer({"k2": b"fedcba9876543210", "k1": b"0123456789abcdef"}))
    assert rewritten(html, tracker=later).html != rewritten(html).html
    assert rewritten(html, tracker=later, key_id="k1") == rewritten(html)


def test_a_token_holds_no_address() -> None:
    claim = SIGNER.read(tracked("l1").rpartition("/")[2])
    assert claim == Claim(Purpose.CLICK, WORKSPACE, NEWS, ANNA, SendId("s1"), "l1")


@pytest.mark.parametrize(
    ("consent", "is_agreed"),
    [({}, False), ({"tracking": False}, False), ({"analytics": True, "personalisation": True}, False),
     ({"tracking": True}, True)],
)  # fmt: skip
def test_only_who_agreed_is_tracked(consent: dict[str, bool], is_agreed: bool) -> None:
    told = ToldProfile(version(1), consent=consent)
    assert may_track(told) is is_agreed
    assert tracking_of(DeliverySettings(clicks=True, pixel=True), told) == (is_agreed, is_agreed)
    assert tracking_of(DeliverySettings(), told) == (False, False)
    assert not may_track(None)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([SALE, HELP, '"', "'", ">", "<", "a", " href=", "<a", "&amp;", "=", "https://x"])))
def test_no_mixture_of_pieces_leads_elsewhere_or_ends_an_attribute(pieces: list[str]) -> None:
    html = "".join(pieces)
    found = rewritten(html).html.decode()
    # What was put in is one of two addresses; taking it back gives what was there, but for how it was quoted.
    back = found
    for link, address in (("l1", SALE), ("l2", HELP)):
        back = back.replace(tracked(link), address)
    plain = [re.sub(r"[\"'\s]", "", unescape(one)) for one in (back, html)]
    assert plain[0] == plain[1]


def test_a_long_hostile_message_is_read_in_linear_time() -> None:
    html = '<a "' * 100_000
    assert rewritten(html).html.decode() == html
