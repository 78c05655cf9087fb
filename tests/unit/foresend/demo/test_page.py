"""The page: a person's message, what can be done, and what it has changed, over plain HTTP."""

import json
import re
from typing import Any

import msgspec
import pytest

from foresend.demo.playground import playing
from foresend.demo.playground.named import NamedPerson
from foresend.demo.playground.page import Page
from foresend.demo.playground.playing import MESSAGES_MAX, Playing
from schemas.ids import UserId
from schemas.library import Release
from tests.support import asgi
from tests.support.asked import AskedServer

HOST = {"host": "127.0.0.1:8070"}
ANA = NamedPerson(UserId("ana"), "Ana <b>", "Likes <spaceships>.")
JONAS = NamedPerson(UserId("jonas"), "Jonas")
EVIL = '"><script>alert(1)</script>'


class Gateway:
    """Shows the variant `far-away` once something was told to the collector `moves_after` times."""

    def __init__(self, moves_after: int = 1) -> None:
        self.moves_after = moves_after
        self.told: list[dict[str, Any]] = []
        self.sends: list[str] = []
        self.status = 200
        self.subject = f"Hello {EVIL}"

    def read(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if method == "POST":
            self.sends.append(json.loads(body)["send_id"])
        has_moved = len(self.told) >= self.moves_after
        shown = "far-away" if has_moved else "after-dark"
        near = (0.7, 0.1) if has_moved else (0.2, 0.6)
        template = path.split("/")[3]
        explained = {
            "variants": ["far-away", "after-dark"],
            "probabilities": near,
            "terms": {"prior": [2 * value for value in near], "content": [0.1, 0.0]},
            "affinities": near,
        }
        return self.status, {
            "template": template,
            "user": path.split("/")[4].partition("?")[0],
            "source": "entry",
            "reason": "",
            "decision": f"decision-{has_moved}",
            "candidate": 0,
            "propensity": 0.25,
            "variants": {"subject": shown},
            "language": "en",
            "subject": f"{self.subject} {shown}",
            "preheader": "Look inside",
            "html": '<img src="https://images.lantern-reel.example/newsletter/lantern-1200x600.jpg">',
            "explain": {"subject": explained},
        }

    def take(self, _method: str, _path: str, body: bytes) -> tuple[int, Any]:
        self.told += json.loads(body)["batch"]
        return 202, {"accepted": 1, "refused": []}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads a mail in these tests, and what does not change at once never does."""
    monkeypatch.setattr(playing, "READING_S", 0.0)
    monkeypatch.setattr(playing, "CHANGE_S", 0.05)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def page(sample_release: Release, gateway: Gateway) -> Page:
    collector, reads = AskedServer(gateway.take), AskedServer(gateway.read)
    return Page(Playing(sample_release, [ANA, JONAS], collector, reads), sample_release, 4.0)


def get(page: Page, path: str, **headers: str) -> asgi.Response:
    return asgi.request(page, "GET", path, headers={**HOST, **headers})


def post(page: Page, path: str, form: str, **headers: str) -> asgi.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asgi.request(page, "POST", path, form.encode(), headers={**HOST, **named})


def test_the_page_shows_the_message_and_everything_that_can_be_done(page: Page) -> None:
    found = get(page, "/ana")
    text = found.body.decode()

    assert found.status == 200
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert "after-dark" in text
    assert "Look inside" in text
    assert '<html lang="en">' in text
    assert 'href="/jonas"' in text
    assert "<option selected>" not in text
    assert "<option>Content Rated</option>" in text
    assert re.search(r'<button name="tag" value="sci-fi">', text)
    assert "newsletter" in text.partition("cart reminder")[0], "the template with most to choose from comes first"


def test_nothing_that_anybody_wrote_becomes_markup(page: Page) -> None:
    text = get(page, "/ana").body.decode()

    assert EVIL not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "Ana &lt;b&gt;" in text
    assert "Likes &lt;spaceships&gt;." in text
    assert "<script" not in text


def test_a_browser_may_run_nothing_on_any_page(page: Page) -> None:
    number = re.search(r'src="(/messages/\d+)" sandbox', get(page, "/ana").body.decode())
    assert number is not None
    for path in ("/ana", number[1], "/page.css", "/pictures/newsletter/hero/lantern", "/nobody"):
        policy = get(page, path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
    assert get(page, number[1]).headers["content-security-policy"].startswith("sandbox;")


def test_the_message_is_shown_with_stand_ins_that_are_drawn_here(page: Page) -> None:
    number = re.search(r"/messages/\d+", get(page, "/ana").body.decode())
    assert number is not None
    html = get(page, number[0]).body.decode()
    source = re.search(r'<img src="(/pictures/[^"]+)"', html)
    assert source is not None
    picture = get(page, source[1])

    assert "lantern-reel.example" not in html
    assert picture.headers["content-type"] == "image/svg+xml"
    assert b"lantern" in picture.body


def test_doing_something_changes_the_message_and_says_why(page: Page, gateway: Gateway) -> None:
    before = get(page, "/ana.json").json
    answer = post(page, "/ana/deeds", "template=newsletter&event=Content+Rated&tag=sci-fi")

    assert (answer.status, answer.headers["location"]) == (303, "/ana?template=newsletter")
    assert gateway.told == [
        {"userId": "ana", "type": "track", "event": "Content Rated", "properties": {"genres": ["sci-fi"]}}
    ]
    after = get(page, "/ana.json").json
    assert (before["changes"], before["variants"]) == ([], {"subject": "after-dark"})
    (change,) = after["changes"]
    assert (change["slot"], change["was"]["variant"], change["now"]["variant"]) == ("subject", "after-dark", "far-away")
    assert change["because"] == (
        "engagement with sci-fi, fantasy, adventure went from 0.20 to 0.70: "
        "prior +1.40 (was +0.40), content +0.10 (was +0.10)"
    )
    assert after["contributions"]["subject"]["terms"]["prior"] == {"was": 0.4, "now": 1.4}
    text = get(page, "/ana").body.decode()
    assert "<option selected>Content Rated</option>" in text
    assert "went from 0.20 to 0.70" in text
    assert "1.40 (0.40)" in text


def test_a_change_is_told_until_the_next_one(page: Page) -> None:
    get(page, "/ana")
    post(page, "/ana/deeds", "event=Content+Rated&tag=sci-fi")
    assert "0.20 to 0.70" in get(page, "/ana").body.decode()
    assert "0.20 to 0.70" in get(page, "/ana").body.decode()
    again = post(page, "/ana/deeds", "event=Content+Rated&tag=jazz", accept="application/json")
    assert again.json["changes"] == []
    assert "has not moved far enough" in get(page, "/ana").body.decode()


def test_a_click_is_a_send_that_is_drawn_and_then_clicked(page: Page, gateway: Gateway) -> None:
    answer = post(page, "/jonas/clicks", "template=cart_reminder", accept="application/json")

    (send_id,) = gateway.sends
    assert [(call["userId"], call["event"], call["properties"]) for call in gateway.told] == [
        ("jonas", "Email Opened", {"send_id": send_id}),
        ("jonas", "Email Link Clicked", {"send_id": send_id}),
    ]
    assert (answer.status, answer.json["template"]) == (200, "cart_reminder")
    assert answer.json["did"].startswith("Jonas was sent “Hello")
    assert "25%" in answer.json["did"]


def test_every_click_is_a_send_of_its_own(page: Page, gateway: Gateway) -> None:
    for _ in range(3):
        post(page, "/ana/clicks", "")
    assert len(set(gateway.sends)) == 3


@pytest.mark.parametrize(
    "form", ["", "event=Content+Rated", "event=Content+Rated&tag=", "event=Wiped+Everything&tag=sci-fi", "tag=jazz"]
)
def test_what_no_rule_hears_is_refused(page: Page, gateway: Gateway, form: str) -> None:
    assert post(page, "/ana/deeds", form).status == 400
    assert gateway.told == []


def test_forms_of_other_sites_are_refused(page: Page, gateway: Gateway) -> None:
    for site in ("cross-site", "same-site"):
        assert post(page, "/ana/clicks", "", sec_fetch_site=site).status == 403
    assert gateway.sends == []
    assert post(page, "/ana/clicks", "", sec_fetch_site="same-origin").status == 303


@pytest.mark.parametrize(
    "path",
    ["/nobody", "/nobody.json", "/ana/x", "/messages/999", "/messages/x", "/messages/²", "/pictures/a/b",
     "/pictures/a/b/c", "/pictures/newsletter/hero/none", "/../../etc/passwd"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(page: Page, path: str) -> None:
    assert get(page, path).status == 404


def test_a_message_is_not_shown_under_a_foreign_name(page: Page) -> None:
    get(page, "/ana")
    assert get(page, "/messages/1", host="evil.example").status == 404
    assert get(page, "/messages/1", host="127.0.0.1:1; script-src *").status == 404
    assert get(page, "/messages/1").status == 200


def test_wrong_methods_and_forms_for_nobody_are_refused(page: Page) -> None:
    assert asgi.request(page, "PUT", "/ana", headers=HOST).status == 405
    assert post(page, "/nobody/clicks", "").status == 404
    assert post(page, "/ana/explosions", "").status == 404


def test_the_beginning_leads_to_somebody(page: Page) -> None:
    assert get(page, "/").headers["location"] == "/ana"


def test_an_unknown_template_is_the_first_one(page: Page) -> None:
    assert get(page, "/ana.json?template=none").json["template"] == "newsletter"
    assert get(page, "/ana.json?template=cart_reminder").json["template"] == "cart_reminder"


def test_a_gateway_without_a_message_is_told(page: Page, gateway: Gateway) -> None:
    gateway.status = 503
    found = get(page, "/ana")

    assert found.status == 200
    assert "There is no message yet: the gateway answered 503" in found.body.decode()
    assert post(page, "/ana/clicks", "").status == 503


def test_programs_that_are_away_are_told(sample_release: Release) -> None:
    away = AskedServer(lambda *_: (200, {}))
    away.is_down = True
    page = Page(Playing(sample_release, [ANA], away, away), sample_release, 4.0)

    assert get(page, "/ana").status == 503


def test_messages_that_were_seen_are_kept_up_to_a_bound(sample_release: Release) -> None:
    looks = iter(range(10_000))

    def read(*asked: Any) -> tuple[int, Any]:
        status, found = Gateway().read(*asked)
        return status, found | {"decision": str(next(looks))}

    people = Playing(sample_release, [ANA], AskedServer(read), AskedServer(read))
    page = Page(people, sample_release, 4.0)
    for _ in range(MESSAGES_MAX + 10):
        get(page, "/ana")

    assert len(people._messages) == MESSAGES_MAX
    assert get(page, "/messages/1").status == 404
    assert get(page, f"/messages/{MESSAGES_MAX + 10}").status == 200


def test_a_workspace_without_rules_has_nothing_to_do_but_to_click(sample_release: Release, gateway: Gateway) -> None:
    settings = msgspec.structs.replace(sample_release.settings, tags=())
    release = msgspec.structs.replace(sample_release, settings=settings)
    reads = AskedServer(gateway.read)
    page = Page(Playing(release, [ANA], AskedServer(gateway.take), reads), release, 4.0)
    text = get(page, "/ana").body.decode()

    assert "Get this message sent, and click it" in text
    assert "<select" not in text


def test_a_long_body_is_cut_and_does_no_harm(page: Page, gateway: Gateway) -> None:
    assert post(page, "/ana/deeds", "x=" + "y" * 100_000 + "&event=Content+Rated&tag=jazz").status == 400
    assert gateway.told == []
