"""The inbox of somebody who is played, over plain HTTP: mails, sends with their reasons, rights, and a kill."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from connectors.http.client import Headers, HttpUnavailable, Reply
from foresend.demo.inbox import desk as desk_module
from foresend.demo.inbox.checking import Result, Signature
from foresend.demo.inbox.desk import Desk
from foresend.demo.inbox.erasures import Erasures
from foresend.demo.inbox.kills import Kills
from foresend.demo.inbox.mailbox import ONE_CLICK, Mailbox
from foresend.demo.playground.inbox_page import InboxPage
from foresend.demo.playground.named import NamedPerson
from foresend.demo.playground.page import Page
from foresend.demo.playground.playing import Playing
from foresend.processes import Child
from schemas.ids import UserId
from schemas.library import Release, TemplateKind
from tests.support import asgi

HOST = {"host": "127.0.0.1:8070"}
ORIGIN = "http://127.0.0.1:8090"
ANA = NamedPerson(UserId("ana"), "Ana <b>")
JONAS = NamedPerson(UserId("jonas"), "Jonas")
EVIL = "<script>alert(1)</script>"
SIGNED = Signature(Result.PASS, "shop.example", True, frozenset({"list-unsubscribe", "list-unsubscribe-post"}))
CERTIFICATE = {
    "user_hmac": "ab" * 32,
    "requested_at": "2026-01-01T00:00:00.000+00:00",
    "places": [
        {"name": "topic events", "found": 0, "checked_at": "x", "due_by": "2026-01-02T03:04:05.678+00:00"},
        {"name": "cache", "found": None, "checked_at": "x", "due_by": None},
    ],
    "complete": True,
}


class Programs:
    """A gateway and a collector in one, and the command that erases.

    asked  what came, as `(method, path, body)`
    sends  what the gateway tells of everybody's sends
    forgets  the person was erased: nothing is told of a send, but that there was one of its id
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.sends: list[dict[str, Any]] = []
        self.forgets = False
        self.is_down = False
        self.is_erasing = True
        self.said = ""
        self.exit_code = 0
        self.commands: list[list[str]] = []
        self.back: Callable[[float], None] | None = None

    async def request(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Reply:  # noqa: ARG002
        if self.is_down:
            raise HttpUnavailable("down")
        self.asked.append((method, path, body))
        if path == "/v1/send":
            asked = json.loads(body)
            state = "skipped" if asked["template"] == "newsletter" else "sent"
            detail = {"reason": "suppressed", "detail": "unsubscribed"} if state == "skipped" else {}
            line = {"send_id": asked["send_id"], "template": asked["template"], "state": state, "asked_ms": 3_723_000}
            if self.forgets:
                is_again = len([one for one in self.asked if one[2] == body]) > 1
                return Reply(410 if is_again else 202, {}, b"{}")
            self.sends.insert(0, line | detail)
            return Reply(202, {}, b"{}")
        if path.endswith("/sends"):
            return Reply(200, {}, json.dumps({"workspace": "sample", "sends": self.sends}).encode())
        return Reply(202 if path == "/v1/batch" else 200, {}, b"{}")

    def start(self, _name: str, words: list[str]) -> Child:
        self.commands.append(words)
        return cast("Child", _Running(self))

    def kill(self, back: Callable[[float], None]) -> bool:
        self.back = back
        return True


class _Running:
    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self.log = Path("erase.log")

    @property
    def is_running(self) -> bool:
        return self._programs.is_erasing

    def wait(self, _timeout_s: float) -> int:
        return self._programs.exit_code

    def said(self) -> str:
        return self._programs.said

    def kill(self) -> None:
        self._programs.is_erasing = False


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    monkeypatch.setattr(desk_module, "SETTLED_S", 0.2)
    return Programs()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox([ANA.address, JONAS.address])


@pytest.fixture
def page(sample_release: Release, programs: Programs, mailbox: Mailbox) -> Page:
    return page_of(sample_release, programs, mailbox, Kills(programs.kill, programs))


def page_of(release: Release, programs: Programs, mailbox: Mailbox, kills: Kills) -> Page:
    people = [ANA, JONAS]
    desk = Desk(release, mailbox, programs, programs, ORIGIN)
    inbox = InboxPage(release, people, desk, Erasures(programs.start, "sample", ORIGIN), kills)
    return Page(Playing(release, people, programs, programs), release, 4.0, inbox)


def mail(subject: str = "Hello", link: str = f"{ORIGIN}/u/abc", html: str = "<p>Hi</p>") -> bytes:
    return (
        f"From: Shop <post@shop.example>\r\nTo: ana@inbox.example\r\nSubject: {subject}\r\n"
        f"List-Unsubscribe: <{link}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        f"Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
    ).encode()


def get(page: Page, path: str, **headers: str) -> asgi.Response:
    return asgi.request(page, "GET", path, headers={**HOST, **headers})


def post(page: Page, path: str, form: str = "", **headers: str) -> asgi.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asgi.request(page, "POST", path, form.encode(), headers={**HOST, "accept": "application/json", **named})


def test_an_inbox_shows_the_mail_its_headers_and_what_a_receiver_makes_of_it(page: Page, mailbox: Mailbox) -> None:
    mailbox.add(3_723_000, "bounces+x@shop.example", ANA.address, mail("Far away"), SIGNED)
    text = get(page, "/ana/inbox").body.decode()

    assert "DKIM pass" in text
    assert "d=shop.example, aligned with From" in text
    assert "bounces+x@shop.example → ana@inbox.example" in text
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in text
    assert '<iframe title="The mail" src="/mails/1" sandbox>' in text
    assert "01:02:03" in text
    assert f'<a href="{ORIGIN}/u/abc" target="_blank" rel="noopener noreferrer">' in text
    assert 'http-equiv="refresh"' not in text
    assert get(page, "/mails/1.eml").body == mail("Far away")
    (told,) = get(page, "/ana/inbox.json").json["mails"]
    assert (told["subject"], told["dkim"]["result"], told["one_click"]) == ("Far away", "pass", f"{ORIGIN}/u/abc")


def test_an_empty_inbox_says_so_and_each_has_one_of_ones_own(page: Page, mailbox: Mailbox) -> None:
    mailbox.add(1, "", ANA.address, mail("For Ana"), SIGNED)
    text = get(page, "/jonas/inbox").body.decode()

    assert "No mail yet" in text
    assert "For Ana" not in text
    assert post(page, "/jonas/one-clicks", "mail=1").status == 400


def test_nothing_that_a_mail_holds_becomes_part_of_the_page(page: Page, mailbox: Mailbox) -> None:
    data = mail(f"Hi {EVIL}", html=EVIL).replace(b"Shop <", f'"{EVIL}" <'.encode())
    mailbox.add(1, f"{EVIL}@x", ANA.address, data, SIGNED._replace(domain=EVIL))
    found = get(page, "/ana/inbox")
    shown = get(page, "/mails/1")

    assert b"<script" not in found.body
    assert "script-src" not in found.headers["content-security-policy"]
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert EVIL in shown.body.decode()
    assert shown.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    source = get(page, "/mails/1.eml")
    assert source.headers["content-type"].startswith("text/plain")
    assert source.headers["x-content-type-options"] == "nosniff"


def test_pictures_of_a_mail_are_stand_ins_and_its_bytes_stay(page: Page, mailbox: Mailbox) -> None:
    picture = '<img src="https://images.lantern-reel.example/newsletter/lantern-1200x600.jpg">'
    mailbox.add(1, "", ANA.address, mail(html=picture), SIGNED)

    assert "/pictures/newsletter/hero/lantern" in get(page, "/mails/1").body.decode()
    assert picture in get(page, "/mails/1.eml").body.decode()


def test_a_send_is_asked_for_and_told_in_words(page: Page, programs: Programs) -> None:
    skipped = post(page, "/ana/sends", "template=newsletter").json
    sent = post(page, "/ana/sends", "template=receipt").json

    bodies = [json.loads(body) for method, path, body in programs.asked if path == "/v1/send"]
    assert [(one["template"], one["user"]) for one in bodies] == [("newsletter", "ana"), ("receipt", "ana")]
    assert len({one["send_id"] for one in bodies}) == 2
    assert skipped["did"] == "Newsletter to Ana <b>: skipped: unsubscribed."
    assert sent["did"] == "Receipt to Ana <b>: sent."
    assert [line["words"] for line in sent["sends"]] == ["sent", "skipped: unsubscribed"]
    text = get(page, "/ana/inbox").body.decode()
    assert '<span class="badge skipped">skipped: unsubscribed</span>' in text
    assert "receipt <small>transactional</small>" in text


def test_a_send_that_takes_longer_is_looked_at_again(page: Page, programs: Programs) -> None:
    programs.sends = [{"send_id": "x", "template": "receipt", "state": "queued", "asked_ms": 1}]
    found = get(page, "/ana/inbox")
    assert '<meta http-equiv="refresh" content="2">' in found.body.decode()
    assert get(page, "/ana/inbox.json").json["is_busy"]


def test_one_click_posts_to_where_the_mail_says(page: Page, programs: Programs, mailbox: Mailbox) -> None:
    mailbox.add(1, "", ANA.address, mail(), SIGNED)
    did = post(page, "/ana/one-clicks", "mail=1").json["did"]

    assert ("POST", "/u/abc", ONE_CLICK.encode()) in programs.asked
    assert did == "POST /u/abc… with List-Unsubscribe=One-Click: 200 OK."
    assert post(page, "/ana/one-clicks", "mail=1", accept="text/html").headers["location"] == "/ana/inbox?mail=1"


@pytest.mark.parametrize(
    "link",
    ["http://169.254.169.254/latest", "http://127.0.0.1:9092/u/abc", "https://127.0.0.1:8090/u/abc",
     "http://127.0.0.1:8090@evil.example/u", "http://127.0.0.1:8090.evil.example/u"],
)  # fmt: skip
def test_a_link_that_leads_elsewhere_is_not_followed(
    page: Page, programs: Programs, mailbox: Mailbox, link: str
) -> None:
    mailbox.add(1, "", ANA.address, mail(link=link), SIGNED)
    assert "leads elsewhere" in post(page, "/ana/one-clicks", "mail=1").json["did"]
    assert 'target="_blank"' not in get(page, "/ana/inbox").body.decode()
    assert not [path for method, path, _ in programs.asked if method == "POST"]


def test_a_mail_whose_signature_does_not_cover_it_has_no_button(
    page: Page, programs: Programs, mailbox: Mailbox
) -> None:
    mailbox.add(1, "", ANA.address, mail(), SIGNED._replace(result=Result.FAIL, covers=frozenset()))
    text = get(page, "/ana/inbox").body.decode()

    assert "DKIM fail" in text
    assert "one-clicks" not in text
    assert "no one-click" in post(page, "/ana/one-clicks", "mail=1").json["did"]
    assert programs.asked[-1][0] == "GET"


def test_signing_up_again_tells_address_and_opt_in(page: Page, programs: Programs) -> None:
    assert "signed up" in post(page, "/ana/sign-ups").json["did"]
    ((_, _, body),) = [one for one in programs.asked if one[1] == "/v1/batch"]
    calls = json.loads(body)["batch"]
    assert calls[0]["traits"]["email"] == "ana@inbox.example"
    assert [call["event"] for call in calls[1:]] == ["Subscribed"]


def test_an_erasure_goes_on_beside_the_page_and_its_certificate_is_shown(page: Page, programs: Programs) -> None:
    begun = post(page, "/ana/erasures").json
    assert programs.commands == [
        ["erase", "ana", "--certificate", "--json", "--workspace-id", "sample", "--gateway", ORIGIN]
    ]
    assert (begun["is_busy"], begun["erasure"]["is_running"]) == (True, True)
    post(page, "/ana/erasures")
    assert len(programs.commands) == 1, "one at a time"
    assert "Under way for" in get(page, "/ana/inbox").body.decode()
    assert get(page, "/jonas/inbox.json").json["erasure"] is None

    programs.is_erasing = False
    programs.said = f"some words of a log\n{json.dumps(CERTIFICATE)}\n"
    told = get(page, "/ana/inbox.json").json
    text = get(page, "/ana/inbox").body.decode()
    assert not told["is_busy"]
    assert told["erasure"]["certificate"]["complete"]
    assert "Erased." in text
    assert '<td>topic events</td><td>0</td><td class="time">2026-01-02 03:04</td>' in text
    assert '<td>cache</td><td>not looked</td><td class="time">–</td>' in text
    assert "abababababababab…" in text


def test_an_erasure_that_failed_says_why(page: Page, programs: Programs) -> None:
    post(page, "/ana/erasures")
    programs.is_erasing, programs.exit_code, programs.said = False, 2, "foresend: Kafka does not answer\n"
    text = get(page, "/ana/inbox").body.decode()
    assert "It could not work: foresend: Kafka does not answer" in text


def test_somebody_erased_is_not_sent_anything(page: Page, programs: Programs) -> None:
    programs.forgets = True
    told = post(page, "/ana/sends", "template=receipt").json
    assert told["did"] == "Receipt to Ana <b>: skipped, erased; nothing more is kept of it."
    first, second = [body for _, path, body in programs.asked if path == "/v1/send"]
    assert first == second, "under one id"


def test_without_a_task_manager_the_page_says_how_to_get_one(
    sample_release: Release, programs: Programs, mailbox: Mailbox
) -> None:
    page = page_of(sample_release, programs, mailbox, Kills(None, programs))
    text = get(page, "/ana/inbox").body.decode()

    assert "foresend demo --chaos" in text
    assert "/ana/kills" not in text
    assert "No task manager" in post(page, "/ana/kills").json["did"]


@pytest.mark.parametrize(
    ("path", "form"),
    [("/ana/sends", ""), ("/ana/sends", "template=none"), ("/ana/one-clicks", ""), ("/ana/one-clicks", "mail=9"),
     ("/ana/one-clicks", "mail=²"), ("/ana/one-clicks", "mail=" + "9" * 5000)],
)  # fmt: skip
def test_wrong_forms_are_refused(page: Page, programs: Programs, path: str, form: str) -> None:
    assert post(page, path, form).status == 400
    assert programs.asked == []


@pytest.mark.parametrize("path", ["/nobody/inbox", "/ana/inbox/x", "/mails/9", "/mails/x.eml", "/mails/", "/inbox"])
def test_what_is_not_there_is_not_found(page: Page, path: str) -> None:
    assert get(page, path).status == 404


def test_other_sites_and_foreign_names_are_refused(page: Page, programs: Programs, mailbox: Mailbox) -> None:
    mailbox.add(1, "", ANA.address, mail(), SIGNED)
    for path in ("/ana/sends", "/ana/one-clicks", "/ana/erasures", "/ana/kills", "/ana/sign-ups"):
        form = "template=receipt&mail=1"
        assert post(page, path, form, sec_fetch_site="cross-site").status == 403
        assert post(page, path, form, host="evil.example").status == 403
    assert get(page, "/mails/1", host="evil.example").status == 404
    assert (programs.asked, programs.commands, programs.back) == ([], [], None)


def test_a_gateway_that_is_away_is_told(page: Page, programs: Programs) -> None:
    programs.is_down = True
    assert get(page, "/ana/inbox").status == 503
    assert post(page, "/ana/sends", "template=receipt").status == 503


def test_only_mails_can_be_sent_to_an_inbox(sample_release: Release, programs: Programs, mailbox: Mailbox) -> None:
    first, *others = sample_release.templates
    block = msgspec.structs.replace(first, kind=TemplateKind.BLOCK)
    release = msgspec.structs.replace(sample_release, templates=(block, *others))
    page = page_of(release, programs, mailbox, Kills(None, programs))

    assert f'value="{first.name}"' not in get(page, "/ana/inbox").body.decode()
    assert post(page, "/ana/sends", f"template={first.name}").status == 400
