"""foresend.js in a real browser, and the collector's application behind it."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from connectors.collector.web.door import WebDoor
from foresend.http_server import server_config
from foresend.local.ports import free_port
from schemas.events import Event
from tests.support.browser import CHROMIUM, Browser, Page
from tests.support.collecting import Rig
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]

SNIPPET = re.search(r"```html\n(.+?)```", Path("docs/web-client.md").read_text(encoding="utf-8"), re.DOTALL)
SOON_S = 20.0
LONG_ENOUGH_S = 1.0
"""Five times the pause after which the pages here send."""
YES = "foresend.consent({analytics: true, personalisation: false})"
NO = "foresend.consent({analytics: false, personalisation: false})"
CONSENT = "Segment Consent Preference Updated"


class Site:
    """A shop's pages at localhost, and the collector at 127.0.0.1: to a browser, two origins."""

    def __init__(self, rig: Rig, scheme: str, port: int) -> None:
        self.rig = rig
        self.page = f"{scheme}://localhost:{port}/shop?utm_source=news&utm_campaign=spring"
        self._collector = f"{scheme}://127.0.0.1:{port}"
        self._door = WebDoor(rig.app)
        self.posts: list[Any] = []
        self.settings: dict[str, Any] = {"flushEvery": 0.2}
        self.connections: set[Any] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].startswith("/v1/"):
            await self._door(scope, self._noting(scope, receive), send)
            return
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._html().encode()})

    def _noting(self, scope: Any, receive: Any) -> Any:
        """Every body that arrives is kept."""
        parts: list[bytes] = []

        async def noting() -> Any:
            message = await receive()
            if message["type"] == "http.request" and scope["method"] == "POST":
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    self.posts.append(json.loads(b"".join(parts)))
            return message

        return noting

    def _html(self) -> str:
        """The page of the documentation, with this site's values."""
        assert SNIPPET is not None
        snippet = SNIPPET[1].replace("https://collect.example", self._collector)
        assert '"WRITE_KEY"' in snippet
        return "<!doctype html><title>Shop</title>" + snippet.replace(
            '"WRITE_KEY"', f'"secret", {json.dumps(self.settings)}'
        )

    @property
    def events(self) -> list[Event]:
        return self.rig.log.events

    def named(self) -> list[str]:
        """What arrived, in order: names of tracked events, kinds of others."""
        return [event.name or event.kind.value for event in self.events]

    def wait_for(self, *names: str) -> None:
        wait_until(lambda: set(names) <= set(self.named()), SOON_S, f"{names} among {self.named()}")


@pytest.fixture
def site() -> Iterator[Site]:
    with served("http") as site:
        yield site


@contextmanager
def served(scheme: str, **tls: str) -> Iterator[Site]:
    """A site, while it is served."""
    port = free_port()
    site = Site(Rig(), scheme, port)
    config = server_config(site, loop="asyncio", host="127.0.0.1", port=port, timeout_graceful_shutdown=2, **tls)
    server = uvicorn.Server(config)
    site.connections = server.server_state.connections
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    wait_until(lambda: server.started, SOON_S, "the site's server")
    try:
        yield site
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


def stored(page: Page) -> list[Any]:
    """Everything that the browser keeps of this visitor."""
    found = page.run(
        "(async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length])()"
    )
    return [*found, *page.cookies()]


NOTHING = [0, 0, 0]


def test_before_consent_there_is_no_cookie_no_storage_and_no_request(site: Site, browser: Browser) -> None:
    page = browser.new_page(site.page)

    page.run("foresend.track('Product Viewed', {category: 'shoes'}), foresend.identify('ann', {plan: 'pro'}), 0")
    page.run("foresend.flush(), foresend.reset(), foresend.page('Second'), 0")
    page.rest(LONG_ENOUGH_S)
    before = stored(page)
    page.close()

    assert before == NOTHING
    assert site.posts == []


def test_after_it_what_waited_and_what_follows_arrives_once_each(site: Site, browser: Browser) -> None:
    page = browser.new_page(site.page)
    page.run("foresend.track('Product Viewed', {category: 'shoes'})")

    page.run(YES)
    page.run("foresend.track('Product Added', {category: 'shoes'})")
    site.wait_for("Product Added")
    page.rest(LONG_ENOUGH_S)

    assert sorted(site.named()) == sorted([CONSENT, "page", "Product Viewed", "Product Added"])
    assert len({event.id for event in site.events}) == 4
    (cookie,) = page.cookies()
    assert {event.user for event in site.events} == {cookie["value"]}
    assert all(event.anonymous for event in site.events)
    assert all(
        event.context["consent"] == {"categoryPreferences": {"analytics": True, "personalisation": False}}
        for event in site.events
    )


def test_the_cookie_is_first_party_and_ends(site: Site, browser: Browser) -> None:
    page = browser.new_page(site.page)

    page.run(YES)
    made = page.run("Date.now()") / 1000

    (cookie,) = page.cookies()
    assert (cookie["name"], cookie["domain"], cookie["sameSite"]) == ("foresend_id", "localhost", "Lax")
    assert cookie["expires"] - made == pytest.approx(390 * 86_400, abs=60)
    assert not cookie["secure"]


def test_on_https_the_cookie_goes_nowhere_else(browser: Browser, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    with served("https", ssl_certfile=str(certificate), ssl_keyfile=str(key)) as site:
        page = browser.new_page(site.page)
        page.run(YES)
        site.wait_for("page")

        (cookie,) = page.cookies()
        assert cookie["secure"]
        # Encrypted connections end with a farewell, for which a server that stops does not wait.
        page.end()
        wait_until(lambda: not site.connections, SOON_S, "the end of the connections")


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key, which nobody vouches for: the browser here is told to take it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def test_an_event_tells_where_it_happened(site: Site, browser: Browser) -> None:
    page = browser.new_page(site.page)

    page.run(YES)
    site.wait_for("page")

    (event,) = (event for event in site.events if event.kind == "page")
    context = event.context
    assert context["page"]["path"] == "/shop"
    assert context["page"]["title"] == "Shop"
    assert context["campaign"] == {"source": "news", "name": "spring"}
    assert context["device"] == {"type": "desktop"}
    assert "Chrome" in context["userAgent"]
    assert context["locale"] == page.run("navigator.language")
    assert context["timezone"] == page.run("Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert event.properties["url"] == site.page


@pytest.mark.parametrize("leave", ["close", "go"])
def test_what_waits_when_a_page_is_left_arrives_too_and_once(site: Site, browser: Browser, leave: str) -> None:
    site.settings["flushEvery"] = 3600
    page = browser.new_page(site.page)
    page.run(YES)
    page.run("foresend.track('Left')")

    page.close() if leave == "close" else page.go("about:blank")

    site.wait_for("Left")
    assert sorted(site.named()) == sorted([CONSENT, "page", "Left"])


def test_twenty_events_do_not_wait_for_the_clock(site: Site, browser: Browser) -> None:
    site.settings["flushEvery"] = 3600
    page = browser.new_page(site.page)

    page.run(YES)
    page.run("[...Array(18).keys()].forEach(n => foresend.track('E' + n))")

    site.wait_for("page", "E17")
    assert len(site.posts) == 1


def test_what_could_not_be_taken_is_sent_again_as_the_same_events(site: Site, browser: Browser) -> None:
    site.rig.log.is_failing = True
    page = browser.new_page(site.page)
    page.run(YES)
    wait_until(lambda: len(site.posts) >= 2, SOON_S, "a second attempt")

    page.run("foresend.track('Later')")
    site.rig.log.is_failing = False
    site.wait_for("page", "Later")
    page.rest(LONG_ENOUGH_S)

    assert sorted(site.named()) == sorted([CONSENT, "page", "Later"])
    first, second = site.posts[:2]
    sent = [[call["messageId"] for call in post["batch"]] for post in (first, second)]
    assert sent[0] == sent[1][: len(sent[0])]
    assert first["sentAt"] < second["sentAt"]


def test_the_pause_that_the_collector_asks_for_is_kept(site: Site, browser: Browser) -> None:
    site.rig.log.is_failing = True
    page = browser.new_page(site.page)
    page.run(YES)
    wait_until(lambda: len(site.posts) >= 2, SOON_S, "a second attempt")

    first, second = (page.run(f"Date.parse('{post['sentAt']}')") for post in site.posts[:2])
    assert second - first >= 1000, "expected the Retry-After of one second"


def test_what_is_refused_for_good_is_not_sent_again(site: Site, browser: Browser) -> None:
    site.rig.app._keys._keys.clear()
    page = browser.new_page(site.page)
    page.run(YES)
    wait_until(lambda: len(site.posts) == 1, SOON_S, "the first attempt")

    page.rest(2 * LONG_ENOUGH_S)

    assert len(site.posts) == 1


def test_withdrawal_deletes_everything_and_tells_so(site: Site, browser: Browser) -> None:
    page = browser.new_page(site.page)
    page.run(YES)
    page.run("foresend.identify('ann')")
    site.wait_for("page", "identify")

    page.run(f"foresend.track('Not sent yet'), {NO}")
    page.run("foresend.track('Afterwards'), foresend.page()")
    wait_until(lambda: site.named().count(CONSENT) == 2, SOON_S, "the withdrawal")
    page.rest(LONG_ENOUGH_S)

    assert stored(page) == NOTHING
    assert site.named()[-1] == CONSENT
    assert {"Not sent yet", "Afterwards"}.isdisjoint(site.named())
    last = site.events[-1]
    assert last.user == "ann"
    assert last.context["consent"] == {"categoryPreferences": {"analytics": False, "personalisation": False}}


def test_a_withdrawal_in_one_tab_holds_in_the_other(site: Site, browser: Browser) -> None:
    page = browser.new_page(site.page)
    page.run(YES)
    site.wait_for("page")
    other = browser.tab(site.page, page.context)

    page.run(NO)
    wait_until(lambda: site.named().count(CONSENT) == 2, SOON_S, "the withdrawal")
    other.rest(LONG_ENOUGH_S)
    other.run("foresend.track('From the other tab')")
    other.rest(LONG_ENOUGH_S)

    assert "From the other tab" not in site.named()
    assert stored(other) == NOTHING


def test_a_refusal_leaves_nothing_behind(site: Site, browser: Browser) -> None:
    page = browser.new_page(site.page)

    page.run(NO)
    page.run("foresend.track('Afterwards')")
    page.rest(LONG_ENOUGH_S)

    assert stored(page) == NOTHING
    assert site.posts == []


def test_a_later_page_remembers_who_and_what_was_agreed(site: Site, browser: Browser) -> None:
    page = browser.new_page(site.page)
    page.run(YES)
    page.run("foresend.identify('ann')")
    site.wait_for("identify")

    page.go(site.page + "&second=1")
    page.run(YES)
    page.run("foresend.track('Second')")
    site.wait_for("Second")

    assert site.named().count(CONSENT) == 1
    second = next(event for event in site.events if event.name == "Second")
    (cookie,) = page.cookies()
    assert second.user == "ann"
    assert site.posts[-1]["batch"][-1]["anonymousId"] == cookie["value"]


@pytest.mark.parametrize("change", ["foresend.reset()", "foresend.identify('bob')"])
def test_the_next_person_at_a_device_has_another_id(site: Site, browser: Browser, change: str) -> None:
    page = browser.new_page(site.page)
    page.run(YES)
    page.run("foresend.identify('ann')")
    site.wait_for("identify")
    (before,) = page.cookies()

    page.run(change)
    page.run("foresend.track('Next')")
    site.wait_for("Next")

    (after,) = page.cookies()
    assert before["value"] != after["value"]
    following = next(event for event in site.events if event.name == "Next")
    assert following.user == (after["value"] if "reset" in change else "bob")


def test_what_waits_for_consent_is_bounded(site: Site, browser: Browser) -> None:
    page = browser.new_page(site.page)
    page.run("[...Array(1000).keys()].forEach(n => foresend.track('E' + n))")

    page.run(YES)
    site.wait_for("page", "E98")
    page.rest(LONG_ENOUGH_S)

    assert len(site.events) == 101
    assert all(len(post["batch"]) <= 100 for post in site.posts)


def test_a_page_goes_on_whatever_it_hands_over(site: Site, browser: Browser) -> None:
    page = browser.new_page(site.page)
    page.run(YES)

    page.run(
        "const loop = {}; loop.loop = loop; foresend.track('Loop', loop); foresend.track(); foresend.identify(null)"
    )
    page.run("foresend.track('Fine', {size: 42})")

    site.wait_for("Fine")
