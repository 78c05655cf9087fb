"""The demo's own inbox: what a receiver takes, keeps, and makes of a signature."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.delivery.dkim import DkimKey, DkimKeys
from connectors.delivery.mime import Stationery, mail_of
from foresend.demo.inbox.checking import Result, checked
from foresend.demo.inbox.mailbox import MAILS_MAX, Mailbox
from foresend.demo.inbox.pace import sending_domains, to_the_inbox
from foresend.demo.inbox.receiving import receiving
from foresend.demo.inbox.signing import SELECTOR, DemoKey
from schemas.library import MessageClass, Release
from tests.support.delivery import DOMAIN, a_grant

ANN = "user1@people.example"


@pytest.fixture
def key(tmp_path: Path) -> DemoKey:
    return DemoKey(tmp_path / "dkim.pem", [DOMAIN])


def stationery(key: DemoKey, tmp_path: Path) -> Stationery:
    domain, selector, file = key.setting(tmp_path).split(":")
    return Stationery(keys=DkimKeys([DkimKey.read(domain, selector, (tmp_path / file).read_bytes())]))


@pytest.fixture
def newsletter(key: DemoKey, tmp_path: Path) -> bytes:
    return mail_of(a_grant(1, subject="Grüße, Ann"), stationery(key, tmp_path)).data


@pytest.fixture
def server(key: DemoKey) -> Iterator[tuple[Mailbox, smtplib.SMTP]]:
    mailbox = Mailbox([ANN])
    with receiving(mailbox, key.lookup) as port, smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        yield mailbox, client


def test_a_mail_is_kept_to_the_byte_and_its_signature_verified(
    server: tuple[Mailbox, smtplib.SMTP], newsletter: bytes
) -> None:
    mailbox, client = server
    client.sendmail("bounces+r1@shop.example", [ANN], newsletter)

    (mail,) = mailbox.of(ANN)
    assert mail.data == newsletter
    assert (mail.sender, mail.recipient, mail.subject) == ("bounces+r1@shop.example", ANN, "Grüße, Ann")
    assert (mail.signature.result, mail.signature.domain, mail.signature.is_aligned) == (Result.PASS, DOMAIN, True)
    assert {"list-unsubscribe", "list-unsubscribe-post", "from", "subject"} <= mail.signature.covers
    assert mail.one_click == "https://go.shop.example/u/000001aa"
    assert mail.head.splitlines()[0].startswith("DKIM-Signature:")
    assert "Hello 1, grüß dich" in mail.part("text/html")
    assert "Hello 1" in mail.part("text/plain")
    assert mailbox.find(mail.number) == mail


def test_mail_for_nobody_here_is_refused(server: tuple[Mailbox, smtplib.SMTP], newsletter: bytes) -> None:
    mailbox, client = server
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail("a@shop.example", ["else@people.example"], newsletter)
    assert refused.value.recipients["else@people.example"][0] == 550
    assert mailbox.of("else@people.example") == []


@pytest.mark.parametrize(
    ("old", "new"), [(b"Hello 1", b"Hello 2"), (b"One-Click", b"Two-Click"), (b"u/000001aa", b"u/000001ab")]
)
def test_a_mail_that_was_changed_on_the_way_does_not_verify(
    key: DemoKey, newsletter: bytes, old: bytes, new: bytes
) -> None:
    assert old in newsletter
    assert checked(newsletter, key.lookup).result is Result.PASS
    assert checked(newsletter.replace(old, new), key.lookup).result is Result.FAIL


def test_a_signature_by_a_key_that_dns_does_not_have_does_not_verify(
    key: DemoKey, newsletter: bytes, tmp_path: Path
) -> None:
    assert checked(newsletter, DemoKey(tmp_path / "other.pem", [DOMAIN]).lookup).result is Result.FAIL
    assert checked(newsletter, DemoKey(tmp_path / "third.pem", ["else.example"]).lookup).result is Result.FAIL
    assert key.lookup(f"{SELECTOR}._domainkey.{DOMAIN}.".encode()) is not None


def test_a_sender_of_another_domain_is_not_aligned(key: DemoKey, newsletter: bytes) -> None:
    assert not checked(newsletter.replace(b"@shop.example>", b"@evilshop.example>"), key.lookup).is_aligned


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Subject: x\r\n\r\nbody",
        b"DKIM-Signature: v=1\r\n\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=\xff; s=x; h=from; bh=!; b=!\r\nFrom: a@b\r\n\r\n",
        b"DKIM-Signature: \r\n\r\n",
        b"\xff\xfe\x00",
        b"Subject: =?no-such-code?b?AAAA?=\r\nContent-Type: text/html; charset=x\r\n\r\n<b>\xff",
    ],
)
def test_what_is_no_proper_mail_passes_for_nothing_and_breaks_nothing(key: DemoKey, data: bytes) -> None:
    signature = checked(data, key.lookup)
    mailbox = Mailbox([ANN])
    mailbox.add(1, "", ANN, data, signature)
    (mail,) = mailbox.of(ANN)

    assert signature.result is not Result.PASS
    assert mail.one_click == ""
    assert isinstance(mail.subject + mail.head + mail.part("text/html") + mail.part("text/plain"), str)


def test_one_click_needs_both_headers_under_the_signature(key: DemoKey, newsletter: bytes, tmp_path: Path) -> None:
    receipt = mail_of(a_grant(1, message_class=MessageClass.TRANSACTIONAL), stationery(key, tmp_path)).data
    unsigned = mail_of(a_grant(1), Stationery()).data
    mailbox = Mailbox([ANN])
    for data in (receipt, unsigned, newsletter):
        mailbox.add(1, "", ANN, data, checked(data, key.lookup))

    assert [bool(mail.one_click) for mail in mailbox.of(ANN)] == [True, False, False]


def test_the_newest_mails_are_kept(newsletter: bytes, key: DemoKey) -> None:
    mailbox = Mailbox([ANN])
    signature = checked(newsletter, key.lookup)
    for number in range(MAILS_MAX + 5):
        mailbox.add(number, "", ANN, newsletter, signature)

    assert [mail.arrived_ms for mail in mailbox.of(ANN)][:2] == [MAILS_MAX + 4, MAILS_MAX + 3]
    assert len(mailbox.of(ANN)) == MAILS_MAX
    assert mailbox.find(1) is None


def test_the_private_key_is_for_nobody_else(key: DemoKey) -> None:
    assert key.file.stat().st_mode & 0o077 == 0


def test_a_release_for_the_inbox_sends_by_smtp_at_any_hour(sample_release: Release) -> None:
    release = to_the_inbox(sample_release)
    delivery = release.settings.delivery

    assert (delivery.channel, delivery.live) == ("smtp", True)
    assert delivery.quiet_from == delivery.quiet_until
    assert release.id != sample_release.id
    assert release.templates == sample_release.templates
    assert all(domain for domain in sending_domains(release))
