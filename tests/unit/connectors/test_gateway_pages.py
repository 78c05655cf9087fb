"""Pages of links in mails: what a GET never does, what a POST does at once, and where links lead."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from connectors.gateway.tokens import Claim, Purpose, Signer
from schemas.codec import encode
from schemas.ids import Locale, SendId, TemplateName, UserId, WorkspaceId
from schemas.keys import user_key
from schemas.library import DeliverySettings, Release, Sender, WorkspaceSettings
from schemas.profiles import Contact, Permission, ToldProfile
from schemas.topics import PROFILES
from tests.support.gateway import Reply
from tests.support.messages import ANNA, NEWS, START_MS, WORKSPACE, communication, release, version
from tests.support.rights import RightsNode

HOME = "https://shop.example/home"
PAGE = "https://shop.example/sale?utm_content=hero"
LINK = "0123456789abcdef"
ADDRESS = "anna.ek@mail.example"
FORM = {"content-type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"
BROWSER = "Mozilla/5.0 (Windows NT 10.0; rv:109.0) Gecko/20100101 Firefox/115.0"


def shown_release(number: int = 1, *, home_url: str = HOME, purpose: str = "marketing") -> Release:
    """A release with a link, a sender, and a home."""
    made = release(number)
    delivery = DeliverySettings(Sender("Shop & Co", "news@shop.example"), home_url, clicks=True, pixel=True)
    settings = WorkspaceSettings(Locale("en"), "UTC", consent=made.settings.consent, delivery=delivery)
    templates = tuple(msgspec.structs.replace(one, purpose=purpose) for one in made.templates)
    return msgspec.structs.replace(made, settings=settings, links={LINK: PAGE}, templates=templates)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RightsNode]:
    """A node with a release; Anna has a newsletter, an address and permissions, and agreed to be tracked."""
    made = RightsNode(tmp_path / "cache")
    made.release(shown_release())
    made.entry(communication())
    told(made)
    yield made
    made.close()


def told(node: RightsNode, number: int = 2, *, tracking: bool = True, **fields: object) -> None:
    """What the job tells of Anna arrives."""
    permissions = {"email/marketing": Permission(True, 1), "email/offers": Permission(True, 1)}
    given = {
        "contact": Contact({"email": ADDRESS}, permissions),
        "consent": {"tracking": tracking},
        **fields,
    }
    profile = ToldProfile(version(number), **given)  # type: ignore[arg-type]
    node.record(PROFILES.name, user_key(WORKSPACE, ANNA), encode(profile))


def token(node: RightsNode, purpose: Purpose, user: str = ANNA, link: str = "", send_id: str = "s1") -> str:
    return node.signer.sign(Claim(purpose, WORKSPACE, NEWS, UserId(user), SendId(send_id), link))


def path(node: RightsNode, purpose: Purpose, **of: str) -> str:
    return f"/{purpose}/{token(node, purpose, **of)}"


def unsubscribed(node: RightsNode, purpose: str = "marketing") -> int:
    row = node.rights.of(WORKSPACE, ANNA)
    return row.unsubscribed("email", purpose) if row else 0


class TestUnsubscribe:
    def test_a_get_or_head_never_unsubscribes(self, node: RightsNode) -> None:
        page = path(node, Purpose.UNSUBSCRIBE)
        got = node.get(page)
        assert got.status == 200
        assert b'<form method="post"' in got.body
        head = node.request("HEAD", page)
        assert (head.status, head.body) == (200, b"")
        assert unsubscribed(node) == 0
        assert node.outbox() == []

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("application/x-www-form-urlencoded", ONE_CLICK),
            (
                "multipart/form-data; boundary=x",
                b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
            ),
            ("", b""),
            ("multipart/form-data", b"no boundary \xff"),
        ],
    )
    def test_a_post_acts_at_once(self, node: RightsNode, kind: str, body: bytes) -> None:
        reply = node.request("POST", path(node, Purpose.UNSUBSCRIBE), body, {"content-type": kind})
        assert reply.status == 200
        assert "location" not in reply.headers
        assert "set-cookie" not in reply.headers
        assert unsubscribed(node) == START_MS
        names = [(event.name, event.properties.get("list_id"), event.properties["source"]) for event in node.told()]
        assert names[0] == ("Unsubscribed", None, "one_click")

    def test_repeats_are_answered_the_same(self, node: RightsNode) -> None:
        page = path(node, Purpose.UNSUBSCRIBE)
        replies = [node.request("POST", page, ONE_CLICK, FORM) for _ in range(3)]
        assert {reply.status for reply in replies} == {200}
        assert replies[0].body == replies[2].body

    def test_it_works_after_an_erasure_and_after_everything_is_lost(self, node: RightsNode, tmp_path: Path) -> None:
        page = path(node, Purpose.UNSUBSCRIBE)
        node.use("anna", "erase")
        assert node.request("POST", page, ONE_CLICK, FORM).status == 200
        assert b"***" not in node.get(page).body
        empty = RightsNode(tmp_path / "empty")
        assert empty.request("POST", page, ONE_CLICK, FORM).status == 200
        row = empty.rights.of(WORKSPACE, ANNA)
        assert row is not None
        assert row.unsubscribed("email", "any") == START_MS
        empty.close()

    def test_a_list_of_its_own_ends_alone_unless_all_is_asked_for(self, node: RightsNode) -> None:
        node.release(shown_release(2, purpose="offers"))
        page = path(node, Purpose.UNSUBSCRIBE)
        node.request("POST", page, ONE_CLICK, FORM)
        assert (unsubscribed(node, "offers"), unsubscribed(node, "other")) == (START_MS, 0)
        node.request("POST", page, b"all=1", FORM)
        assert unsubscribed(node, "other") == START_MS

    def test_a_message_that_is_under_way_refuses_the_acknowledgement(self, node: RightsNode) -> None:
        node.leases.begin()
        assert node.request("POST", path(node, Purpose.UNSUBSCRIBE), ONE_CLICK, FORM).status == 503
        assert unsubscribed(node) == START_MS


class TestPreferences:
    def test_purposes_stand_there_with_their_ticks(self, node: RightsNode) -> None:
        body = node.get(path(node, Purpose.PREFERENCES)).body.decode()
        assert re.findall(r'value="(\w+)"( checked)?', body) == [("marketing", " checked"), ("offers", " checked")]

    def test_a_tick_that_is_taken_away_ends_that_purpose(self, node: RightsNode) -> None:
        node.request("POST", path(node, Purpose.PREFERENCES), b"purpose=offers", FORM)
        assert (unsubscribed(node, "marketing"), unsubscribed(node, "offers")) == (START_MS, 0)
        assert b'value="marketing">' in node.get(path(node, Purpose.PREFERENCES)).body

    def test_no_tick_at_all_ends_everything(self, node: RightsNode) -> None:
        node.request("POST", path(node, Purpose.PREFERENCES), b"", FORM)
        assert unsubscribed(node, "anything") == START_MS

    def test_a_new_tick_is_an_opt_in_with_its_proof(self, node: RightsNode) -> None:
        told(node, 3, contact=Contact({"email": ADDRESS}, {"email/offers": Permission(True, 1)}))
        node.request("POST", path(node, Purpose.PREFERENCES), b"purpose=offers&purpose=marketing&purpose=made-up", FORM)
        (event,) = node.told()
        assert (event.name, event.properties["list_id"]) == ("Subscribed", "marketing")
        assert event.properties["source"] == "preferences"
        assert event.properties["text_version"].startswith("preferences-en-")

    def test_ticks_that_stood_there_tell_nothing(self, node: RightsNode) -> None:
        node.request("POST", path(node, Purpose.PREFERENCES), b"purpose=offers&purpose=marketing", FORM)
        assert node.outbox() == []

    def test_of_an_erased_person_nothing_is_shown_and_nobody_is_opted_in(self, node: RightsNode) -> None:
        node.use("anna", "erase", told=True)
        page = path(node, Purpose.PREFERENCES)
        assert node.get(page).status == 410
        assert node.request("POST", page, b"purpose=offers", FORM).status == 410
        assert node.outbox() == []


class TestView:
    def test_the_sent_mail_is_shown_to_the_byte(self, node: RightsNode) -> None:
        sent = node.post("/v1/communications/news/anna", "s1").json
        reply = node.get(path(node, Purpose.VIEW))
        assert reply.status == 200
        assert reply.body.decode() == sent["html"]
        assert "script-src 'none'" in reply.headers["content-security-policy"]

    @pytest.mark.parametrize("what", ["unheard-of", "erased", "another's"])
    def test_what_is_no_more_leads_to_the_home(self, node: RightsNode, what: str) -> None:
        node.post("/v1/communications/news/anna", "s1")
        if what == "erased":
            node.use("anna", "erase")
        link = path(node, Purpose.VIEW, send_id="other" if what == "unheard-of" else "s1")
        if what == "another's":
            link = path(node, Purpose.VIEW, user="berta")
        reply = node.get(link)
        assert (reply.status, reply.headers["location"]) == (302, HOME)


class TestClicks:
    def test_a_link_leads_where_the_release_says_and_is_told(self, node: RightsNode) -> None:
        headers = {"user-agent": BROWSER, "x-forwarded-for": "10.0.0.1, 203.0.113.77"}
        reply = node.request("GET", path(node, Purpose.CLICK, link=LINK), headers=headers)
        assert (reply.status, reply.headers["location"]) == (302, PAGE)
        (event,) = node.told()
        assert (event.name, event.user, event.properties) == (
            "Email Link Clicked",
            ANNA,
            {"send_id": "s1", "template": "news", "link_id": LINK, "link_url": PAGE},
        )
        assert event.context == {"userAgent": BROWSER, "ip": "203.0.113.0"}

    def test_a_head_is_told_as_one(self, node: RightsNode) -> None:
        reply = node.request("HEAD", path(node, Purpose.CLICK, link=LINK))
        assert (reply.status, reply.headers["location"], reply.body) == (302, PAGE, b"")
        assert node.told()[0].context["method"] == "HEAD"

    def test_links_of_releases_long_gone_still_lead_there(self, node: RightsNode) -> None:
        link = path(node, Purpose.CLICK, link=LINK)
        for number in range(2, 5):
            node.release(msgspec.structs.replace(shown_release(number), links={}))
        node.store.forget_followed({})
        node.release(msgspec.structs.replace(shown_release(9), links={}))
        assert node.get(link).headers["location"] == PAGE

    def test_a_node_that_lost_everything_reads_them_from_all_releases(self, node: RightsNode, tmp_path: Path) -> None:
        link = path(node, Purpose.CLICK, link=LINK)
        empty = RightsNode(tmp_path / "empty")
        empty.release(shown_release())
        for number in range(2, 40):
            empty.release(msgspec.structs.replace(shown_release(number), links={}))
        assert empty.get(link).headers["location"] == PAGE
        empty.close()

    def test_a_link_that_is_retired_leads_home_and_nowhere_without_one(self, node: RightsNode) -> None:
        link = path(node, Purpose.CLICK, link="fedcba9876543210")
        assert node.get(link).headers["location"] == HOME
        assert node.told() == []
        node.release(shown_release(2, home_url=""))
        assert node.get(link).status == 404

    def test_a_key_that_was_rotated_away_from_still_reads(self, node: RightsNode) -> None:
        older = Signer({"k0": b"fedcba9876543210"})
        node.signer._keys.update(older._keys)
        said = Claim(Purpose.CLICK, WORKSPACE, NEWS, ANNA, SendId("s1"), LINK)
        assert node.get(f"/c/{older.sign(said)}").headers["location"] == PAGE

    @pytest.mark.parametrize("why", ["not agreed", "erased", "switched off", "nobody known"])
    def test_nothing_is_told_of_who_does_not_agree(self, node: RightsNode, why: str) -> None:
        user = str(ANNA)
        if why == "not agreed":
            told(node, 3, tracking=False)
        elif why == "erased":
            node.use("anna", "erase", told=True)
        elif why == "switched off":
            settings = msgspec.structs.replace(
                shown_release().settings, delivery=DeliverySettings(Sender("S", "s@shop.example"), HOME)
            )
            node.release(msgspec.structs.replace(shown_release(2), settings=settings))
        else:
            user = "stranger"
        assert node.get(path(node, Purpose.CLICK, user=user, link=LINK)).headers["location"] == PAGE
        assert node.get(path(node, Purpose.OPEN, user=user)).status == 200
        assert node.told() == []

    def test_the_pixel_is_a_picture_and_is_told(self, node: RightsNode) -> None:
        reply = node.get(path(node, Purpose.OPEN), **{"user-agent": BROWSER})
        assert (reply.headers["content-type"], reply.body[:6]) == ("image/gif", b"GIF89a")
        assert [event.name for event in node.told()] == ["Email Opened"]

    def test_an_address_that_no_release_of_ours_would_hold_leads_nowhere(self, node: RightsNode) -> None:
        node.release(msgspec.structs.replace(shown_release(2), links={LINK: "javascript:alert(1)"}))
        assert node.get(path(node, Purpose.CLICK, link=LINK)).headers["location"] == HOME


class TestTokens:
    def test_a_token_is_good_for_its_own_page_only(self, node: RightsNode) -> None:
        for purpose in Purpose:
            found = {other: node.get(f"/{other}/{token(node, purpose, link=LINK)}").status == 404 for other in Purpose}
            assert [other for other, is_unknown in found.items() if not is_unknown] == [purpose]
        view = token(node, Purpose.VIEW)
        assert node.request("POST", f"/u/{view}", ONE_CLICK, FORM).status == 404
        assert unsubscribed(node) == 0

    @pytest.mark.parametrize("purpose", [*Purpose])
    def test_what_is_not_ours_is_not_found(self, node: RightsNode, purpose: Purpose) -> None:
        good = token(node, purpose, link=LINK)
        forged = [good[:-2] + ("AA" if good[-2:] != "AA" else "BB"), good[1:], "A", "%20", "https%3A%2F%2Fevil.example"]
        for one in forged:
            reply = node.get(f"/{purpose}/{one}")
            assert reply.status == 404
            assert "location" not in reply.headers

    def test_no_change_of_a_token_leads_anywhere(self, node: RightsNode) -> None:
        good = token(node, Purpose.CLICK, link=LINK)
        seen = set()
        # The last letter holds bits that no byte has: several of it are the same token.
        for place in range(0, len(good) - 1, 3):
            for other in "Aa9_":
                forged = good[:place] + other + good[place + 1 :]
                if forged != good:
                    seen.add(node.get(f"/c/{forged}").status)
        assert seen == {404}
        assert node.told() == []

    def test_a_query_never_leads_anywhere(self, node: RightsNode) -> None:
        link = path(node, Purpose.CLICK, link=LINK)
        assert node.get(f"{link}?url=https://evil.example&next=//evil.example").headers["location"] == PAGE

    def test_workspaces_are_apart(self, node: RightsNode) -> None:
        other = Claim(Purpose.CLICK, WorkspaceId("other"), TemplateName("news"), ANNA, SendId("s1"), LINK)
        assert node.get(f"/c/{node.signer.sign(other)}").status == 404


def pages(node: RightsNode) -> list[Reply]:
    return [
        node.get(path(node, Purpose.UNSUBSCRIBE)),
        node.get(path(node, Purpose.PREFERENCES)),
        node.get(path(node, Purpose.CLICK, link=LINK)),
        node.get(path(node, Purpose.OPEN)),
        node.get("/u/unknown"),
        node.request("POST", path(node, Purpose.UNSUBSCRIBE), ONE_CLICK, FORM),
    ]


def test_pages_mask_the_address_and_tell_no_other_site_of_themselves(node: RightsNode) -> None:
    for reply in pages(node):
        assert ADDRESS.encode() not in reply.body
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "no-store"
        assert "set-cookie" not in reply.headers
    assert b"a***@m***.example" in node.get(path(node, Purpose.PREFERENCES)).body


def test_names_of_a_release_cannot_become_markup(node: RightsNode) -> None:
    body = node.get(path(node, Purpose.UNSUBSCRIBE)).body
    assert b"Shop &amp; Co" in body
    assert b"Shop & Co" not in body


def test_pages_speak_the_persons_language(node: RightsNode) -> None:
    told(node, 3, locale="de-AT")
    assert b'<html lang="de">' in node.get(path(node, Purpose.UNSUBSCRIBE)).body
    told(node, 4, locale="fr")
    reply = node.get(path(node, Purpose.UNSUBSCRIBE), **{"accept-language": "de"})
    assert b'<html lang="de">' in reply.body


def test_an_opt_in_is_newer_than_the_unsubscription_before_it(node: RightsNode) -> None:
    node.request("POST", path(node, Purpose.UNSUBSCRIBE), ONE_CLICK, FORM)
    node.clock.now_ms += 1
    node.request("POST", path(node, Purpose.PREFERENCES), b"purpose=offers", FORM)
    event = node.told()[-1]
    row = node.rights.of(WORKSPACE, ANNA)
    assert row is not None
    assert event.name == "Subscribed"
    assert event.at_ms > row.unsubscribed("email", "offers") > 0
