"""The inbox of the running demo: sent, unsubscribed, skipped; the receipt all the same; a kill; an erasure."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import CHROMIUM, Browser
from tests.support.demo_process import DemoProcess
from tests.support.inbox_player import InboxProgram, InboxReader
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

STARTED_S = 300.0
STOPPED_S = 60.0
MAIL_S = 30.0
BACK_S = 180.0
ERASED_S = 120.0
READS_MIN = 50
NEWSLETTER, RECEIPT = "button[value=newsletter]", "button[value=receipt]"
UNSUBSCRIBE, ERASE = "form[action$=one-clicks] button", "form[action$=erasures] button"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """It would kill its task manager by itself after five minutes: by then all of this is over.

    Whatever was tried, in whatever order: told to end, it leaves nothing, and has said nobody's address.
    """
    demo = DemoProcess(tmp_path_factory.mktemp("inbox"), "--people", "50", "--json", "--chaos", "--seconds", "900")
    try:
        yield demo
        demo.signal(signal.SIGINT)
        assert demo.ended(STOPPED_S) == 0, demo.words.read_text()
        demo.wait_gone()
        assert "@inbox.example" not in demo.words.read_text()
        assert "Traceback" not in demo.words.read_text()
    finally:
        demo.kill()


@pytest.fixture(scope="module")
def addresses(demo: DemoProcess) -> dict[str, str]:
    """Of the pages of the two people, by their names."""

    def told() -> list[str]:
        return [word for word in demo.words.read_text().split() if word.startswith("http://") and word[-1].isalpha()]

    wait_until(lambda: len(told()) >= 2 or not demo.is_running, STARTED_S, "the addresses of the two pages")
    assert demo.is_running, demo.words.read_text()
    return {address.rpartition("/")[2]: address for address in told()}


def newest(told: dict[str, Any], template: str) -> str:
    """What became of the newest send of a template, in words."""
    words: str = next(line["words"] for line in told["sends"] if line["template"] == template)
    return words


@pytest.mark.timeout(900)
def test_a_newsletter_is_skipped_once_unsubscribed_and_the_receipt_still_goes(addresses: dict[str, str]) -> None:
    ana = InboxProgram(addresses["ana"])
    ana.do("sends", template="newsletter")
    told = ana.until(lambda told: bool(told["mails"]), MAIL_S, "the newsletter")
    (mail,) = told["mails"]

    assert mail["dkim"] == {"result": "pass", "domain": "lantern-reel.example", "is_aligned": True}
    assert mail["envelope"]["recipient"] == told["address"] == "ana@inbox.example"
    assert "\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n" in mail["head"]
    assert newest(told, "newsletter") == "sent"

    did = ana.do("one-clicks", mail=str(mail["number"]))["did"]
    assert did.endswith("200 OK."), did
    assert newest(ana.do("sends", template="newsletter"), "newsletter") == "skipped: unsubscribed"
    ana.do("sends", template="receipt")
    told = ana.until(lambda told: len(told["mails"]) == 2, MAIL_S, "the receipt")

    assert newest(told, "receipt") == "sent"
    assert told["mails"][0]["subject"] == "Your receipt, Ana"
    assert (told["mails"][0]["dkim"]["result"], told["mails"][0]["one_click"]) == ("pass", "")
    # Only a later opt-in lifts it, and it does.
    ana.do("sign-ups")
    ana.until(
        lambda _: newest(ana.do("sends", template="newsletter"), "newsletter") == "sent", MAIL_S, "the opt-in to count"
    )


@pytest.mark.timeout(900)
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_the_same_by_pressing_what_is_on_the_page(addresses: dict[str, str], tmp_path: Path) -> None:
    with Browser(tmp_path / "profile") as browser:
        reader = InboxReader(browser.new_page(f"{addresses['jonas']}/inbox"))
        assert not reader.can_press(UNSUBSCRIBE)
        reader.press(NEWSLETTER)
        reader.wait_for("DKIM pass", MAIL_S)
        assert reader.frame_may() == ""
        assert "Hallo Jonas" in reader.mail()
        reader.press(UNSUBSCRIBE)
        reader.wait_for("200 OK", MAIL_S)
        reader.press(NEWSLETTER)
        reader.wait_for("skipped: unsubscribed", MAIL_S)
        reader.press(RECEIPT)
        reader.wait_for("Dein Beleg, Jonas", MAIL_S)


@pytest.mark.timeout(900)
def test_reads_go_on_while_the_task_manager_is_dead(demo: DemoProcess, addresses: dict[str, str]) -> None:
    ana = InboxProgram(addresses["ana"])
    did = ana.do("kills")["did"]
    assert did == "The task manager was killed (SIGKILL).", did
    told = ana.until(lambda told: bool(told["outage"] and told["outage"]["is_over"]), BACK_S, "the job to be back")

    assert told["outage"]["reads"] > READS_MIN
    assert told["outage"]["failed"] == 0
    assert told["outage"]["seconds"] > 1
    assert demo.is_running


@pytest.mark.timeout(900)
def test_an_erasure_shows_its_certificate_and_nothing_is_sent_any_more(addresses: dict[str, str]) -> None:
    jonas = InboxProgram(addresses["jonas"])
    assert jonas.do("erasures")["erasure"]["is_running"]
    told = jonas.until(lambda told: not told["erasure"]["is_running"], ERASED_S, "the certificate")

    certificate = told["erasure"]["certificate"]
    assert certificate is not None, told["erasure"]["problem"]
    assert certificate["complete"]
    assert {"topic events", "state of the job", "cache"} <= {place["name"] for place in certificate["places"]}
    before = len(told["mails"])
    for template in ("newsletter", "receipt"):
        did = jonas.do("sends", template=template)["did"]
        assert "skipped, erased" in did, did
    assert len(jonas.look()["mails"]) == before
    # A new opt-in begins a new life.
    jonas.do("sign-ups")
    jonas.until(
        lambda _: newest(jonas.do("sends", template="receipt"), "receipt") == "sent", MAIL_S, "the new life to begin"
    )
