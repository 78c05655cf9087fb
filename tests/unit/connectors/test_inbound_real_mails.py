"""Real bounces and feedback reports of many mail servers (sisimai/set-of-emails), where they are there."""

import asyncio
import tarfile
from email import message_from_bytes
from functools import cache
from pathlib import Path

import pytest

from connectors.contacts.addresses import address_name
from connectors.inbound.intake import Inbound, InboundMail, InboundRules, Taken
from connectors.inbound.reading import children, parsed
from connectors.inbound.reports import failures_of
from connectors.inbound.tokens import MailTokens
from connectors.inbound.understanding import MailKind
from connectors.webhooks.bounces import HARD
from schemas.ids import WorkspaceId
from schemas.worlds import WorldRef
from tests.support.collecting import NOW_MS

ARCHIVE = Path(__file__).parents[4] / "shared/data/bounce-emails/bounces.tar.gz"
SECRET = b"0123456789abcdef0123456789abcdef"
INBOUND = Inbound(InboundRules({}, WorkspaceId("shop"), SECRET), MailTokens({}))

pytestmark = pytest.mark.skipif(not ARCHIVE.is_file(), reason="the real mails are not here")


@cache
def mails() -> dict[str, bytes]:
    with tarfile.open(ARCHIVE) as archive:
        files = [one for one in archive.getmembers() if one.isfile() and one.name.endswith(".eml")]
        return {Path(one.name).name: opened.read() for one in files if (opened := archive.extractfile(one))}


@cache
def taken(name: str) -> Taken:
    return asyncio.run(INBOUND.take(InboundMail(mails()[name], NOW_MS, WorldRef())))


def standard_parts(data: bytes) -> list[tuple[str, str]]:
    """Recipient and status of each delivery-status part, found without our code."""
    return [
        (str(block["Final-Recipient"]).partition(";")[2].strip().strip("<>"), str(block["Status"] or "").split(" ")[0])
        for part in message_from_bytes(data).walk()
        if part.get_content_type() == "message/delivery-status"
        for block in children(part)
        if block["Final-Recipient"]
    ]


def test_recipient_and_status_are_those_of_every_standard_part() -> None:
    wrong = []
    for name, data in mails().items():
        found = [(one.recipient, one.status) for one in failures_of(parsed(data))]
        expected = standard_parts(data)
        if expected and found != expected:
            wrong.append(name)
    assert wrong == []
    assert sum(len(standard_parts(data)) > 0 for data in mails().values()) > 150


def test_every_feedback_report_becomes_a_complaint() -> None:
    reports = [name for name, data in mails().items() if b"message/feedback-report" in data.lower()]
    assert len(reports) > 5
    assert {taken(name).kind for name in reports} == {MailKind.COMPLAINT}
    assert {event.name for name in reports for event in taken(name).events} == {"Email Marked as Spam"}


def test_nobody_is_suppressed_by_what_is_no_bounce() -> None:
    away = [name for name in mails() if name.startswith("rfc3834")]
    assert away
    assert [event for name in away for event in taken(name).events] == []
    for name in mails():
        for event in taken(name).events:
            is_hard = event.properties.get("bounce_type") == "hard"
            assert not is_hard or event.properties["bounce_code"] in HARD
            assert is_hard or event.name != "Email Bounced" or event.properties["bounce_type"] in ("soft", "block")


def test_a_hard_bounce_is_of_an_address_that_the_mail_names() -> None:
    for name, data in mails().items():
        known = {f"address-{address_name(SECRET, 'email', one)}" for one, _ in standard_parts(data)}
        for event in taken(name).events:
            if known and event.name == "Email Bounced":
                assert event.user in known


def test_most_bounces_are_read_and_none_is_refused() -> None:
    kinds = [taken(name).kind for name in mails()]
    assert kinds.count(MailKind.BOUNCE) >= 0.7 * len(kinds)
    assert [name for name in mails() if taken(name).refused] == []
