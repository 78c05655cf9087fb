"""Mails that come in: what they are, whose they are about, and what becomes of them."""

import asyncio
from typing import Any

import pytest

from connectors.contacts.addresses import address_user
from connectors.delivery.returns import ReturnTokens
from connectors.gateway.tokens import Claim, Purpose, Signer
from connectors.inbound.intake import RAW_BYTES_MAX, Inbound, InboundMail, InboundRules, Taken
from connectors.inbound.owners import OwnerAway
from connectors.inbound.tokens import MailTokens
from connectors.inbound.understanding import MailKind
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.errors import Reason
from schemas.events import Event
from schemas.ids import SendId, TemplateName, UserId, WorkspaceId
from schemas.webhooks import RawWebhook
from schemas.worlds import WorldRef
from tests.support.collecting import NOW_MS
from tests.support.mails import ANA, BY_PERSON, UNSTANDARD_BOUNCE, complaint, mail, standard_bounce, unsubscription

SECRET = b"0123456789abcdef0123456789abcdef"
KEYS = {"k1": b"0123456789abcdef"}
SHOP = WorkspaceId("shop")
USER, SEND = UserId("u1"), SendId("s1")
RETURNED = ReturnTokens(KEYS).token(SHOP, USER, bytes(16))
FORGED = ReturnTokens({"k": b"another key, not"}).token(SHOP, USER, bytes(16))
BY_ADDRESS = address_user(SECRET, ANA)
RULES = InboundRules({"in.shop.example": SHOP}, WorkspaceId(""), SECRET)


def claimed(purpose: Purpose = Purpose.UNSUBSCRIBE, keys: dict[str, bytes] = KEYS) -> str:
    """The token of a link in a message."""
    return Signer(keys).sign(Claim(purpose, SHOP, TemplateName("news"), USER, SEND))


class Known:
    """Nodes that know one send; `is_away`: and do not answer."""

    def __init__(self, *, is_away: bool = False, remembers: bool = True) -> None:
        self._is_away = is_away
        self._remembers = remembers
        self.asked: list[str] = []

    async def whose(self, workspace: WorkspaceId, token: str) -> tuple[UserId, SendId] | None:
        self._ask(f"whose {workspace} {token}")
        return (USER, SEND) if self._remembers else None

    async def unsubscribe(self, workspace: WorkspaceId, user: UserId) -> None:
        self._ask(f"unsubscribe {workspace} {user}")

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self._is_away:
            raise OwnerAway("away")


def taken(
    data: bytes, *to: str, owners: Known | None = None, rules: InboundRules = RULES, sender: str | None = ""
) -> Taken:
    """What a mail stands for."""
    inbound = Inbound(rules, MailTokens(KEYS), owners or Known())
    came_to = to if sender is None else to or ("bounces@in.shop.example",)
    return asyncio.run(inbound.take(InboundMail(data, NOW_MS, WorldRef(1, 2), sender, came_to)))


def told(found: Taken) -> list[tuple[str, str, dict[str, Any]]]:
    """Events in short: name, user, properties."""
    return [(one.name, one.user, one.properties) for one in found.events]


def only(found: Taken) -> Event:
    (event,) = found.events
    return event


# Bounces


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind", "code"),
    [
        ("5.1.1", "smtp; 550 no such user", "hard", "5.1.1"),
        ("5.1.2", "smtp; 550 bad host", "hard", "5.1.2"),
        ("5.1.10", "smtp; 556 null MX", "hard", "5.1.10"),
        ("5.2.2", "smtp; 552 full", "soft", "5.2.2"),
        ("5.2.1", "smtp; 550 disabled", "soft", "5.2.1"),
        ("5.7.1", "smtp; 550 5.1.1 policy", "block", "5.7.1"),
        ("5.7.606", "smtp; 550 banned", "block", "5.7.606"),
        ("4.4.7", "smtp; 451 expired", "soft", "4.4.7"),
        ("5.0.0", "smtp; 550 5.1.1 no such user", "hard", "5.1.1"),
        ("5.0.0", "smtp; 550 5.7.1 policy", "block", "5.7.1"),
        ("5.0.0", "x-unix; gone", "soft", "5.0.0"),
        ("", "smtp; 550 5.1.1 no such user", "hard", "5.1.1"),
        ("5.1.1 (no such user)", "", "hard", "5.1.1"),
        ("nonsense", "nonsense", "soft", None),
    ],
)
def test_a_bounce_is_what_its_code_says(status: str, diagnostic: str, kind: str, code: str | None) -> None:
    event = only(taken(standard_bounce(status, diagnostic)))
    assert (event.name, event.user, event.anonymous) == ("Email Bounced", BY_ADDRESS, True)
    assert (event.properties["bounce_type"], event.properties.get("bounce_code")) == (kind, code)
    assert event.world == WorldRef(1, 2)


@pytest.mark.parametrize(
    ("action", "status", "name"),
    [
        ("failed", "5.1.1", "Email Bounced"),
        ("Failed", "4.4.7", "Email Bounced"),
        ("delayed", "4.4.1", "Email Deferred"),
        ("delivered", "2.0.0", None),
        ("relayed", "2.1.5", None),
        ("expanded", "2.1.5", None),
        ("", "5.1.1", "Email Bounced"),
        ("", "4.2.2", "Email Deferred"),
        ("", "2.0.0", None),
        ("exploded", "5.1.1", None),
    ],
)
def test_only_what_failed_for_good_is_a_bounce(action: str, status: str, name: str | None) -> None:
    found = taken(standard_bounce(status, "", action=action))
    assert [one.name for one in found.events] == ([name] if name else [])
    assert found.refused is None


@pytest.mark.parametrize(
    "recipient",
    [f"rfc822;{ANA}", f"RFC822; <{ANA}>", f"rfc822; Ana <{ANA}>", ANA, f"rfc822;{ANA.upper()}", f"  rfc822 ; {ANA} "],
)
def test_a_recipient_is_found_however_it_is_written(recipient: str) -> None:
    assert only(taken(standard_bounce(recipient=recipient))).user == BY_ADDRESS


def test_a_bounce_of_no_standard_is_read_by_its_words() -> None:
    event = only(taken(UNSTANDARD_BOUNCE))
    assert (event.name, event.user) == ("Email Bounced", BY_ADDRESS)
    assert (event.properties["bounce_type"], event.properties["bounce_code"]) == ("hard", "5.1.1")


@pytest.mark.parametrize("sender", ["", ANA, None])
@pytest.mark.parametrize("name", BY_PERSON)
def test_nobody_is_suppressed_by_what_a_person_writes(name: str, sender: str | None) -> None:
    """Given a null sender, an answer of somebody who is away is no bounce, though it speaks of codes and addresses."""
    if (name, sender) == ("human", ""):
        pytest.skip("people have an address of their own; who has none is a server")
    found = taken(BY_PERSON[name], sender=sender)
    assert found.events == []
    assert found.kind in (MailKind.AUTO_REPLY, MailKind.OTHER)
    assert found.refused is None


def test_a_bounce_inside_a_mail_that_bounced_is_not_read() -> None:
    inner = standard_bounce().decode().replace("b1", "b9").replace("\r\n", "\n")
    text = "From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\n"
    assert taken(mail(text + inner + "\n--x--\n"), sender=ANA).events == []


# Complaints


def test_every_feedback_report_is_a_complaint() -> None:
    for kind in ("abuse", "fraud", "opt-out", "not-known-yet", ""):
        event = only(taken(complaint(kind=kind)))
        assert (event.name, event.user) == ("Email Marked as Spam", BY_ADDRESS)
        assert event.properties.get("feedback_type", "") == kind


def test_a_complaint_of_several_recipients_is_one_of_each() -> None:
    fields = (
        f"Original-Rcpt-To: {ANA}\n        Original-Rcpt-To: <bo@there.example>\n        Original-Rcpt-To: redacted"
    )
    found = taken(complaint(fields=fields))
    assert [one.user for one in found.events] == [BY_ADDRESS, address_user(SECRET, "bo@there.example")]
    assert len({one.id for one in found.events}) == 2


def test_a_complaint_that_withholds_everybody_is_told_and_suppresses_nobody() -> None:
    found = taken(complaint(fields="Source-IP: 192.0.2.1"))
    assert (found.events, found.refused, found.kind) == ([], Reason.UNMAPPED, MailKind.COMPLAINT)


@pytest.mark.parametrize(
    ("fields", "original"),
    [
        (f"Original-Mail-From: <bounces+{RETURNED}@in.shop.example>", "Subject: Hello"),
        ("Source-IP: 192.0.2.1", f"Return-Path: <bounces+{RETURNED}@in.shop.example>"),
        ("Source-IP: 192.0.2.1", f"List-Unsubscribe: <https://m.shop.example/u/{claimed()}>"),
        ("Source-IP: 192.0.2.1", f"List-Unsubscribe: <mailto:u@in.shop.example?subject={claimed()}>"),
    ],
)
def test_a_complaint_is_about_whom_a_token_in_the_message_names(fields: str, original: str) -> None:
    event = only(taken(complaint(fields=fields, original=original)))
    assert (event.user, event.anonymous, event.properties["send_id"]) == (USER, False, SEND)


# Tokens


@pytest.mark.parametrize("token", [RETURNED, RETURNED.upper(), claimed()])
def test_a_bounce_to_an_address_with_a_token_is_about_that_send(token: str) -> None:
    event = only(taken(standard_bounce(recipient="rfc822;forwarded@else.example"), f"bounces+{token}@in.shop.example"))
    assert (event.user, event.anonymous, event.properties["send_id"]) == (USER, False, SEND)


def test_what_a_forwarding_server_tells_of_several_is_one_bounce_of_the_message() -> None:
    both = standard_bounce().replace(
        b"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
        b"\r\nFinal-Recipient: rfc822;x@else.example\r\nAction: delayed\r\nStatus: 4.0.0\r\n",
    )
    assert len(taken(both).events) == 2
    assert only(taken(both, f"bounces+{RETURNED}@in.shop.example")).name == "Email Bounced"


@pytest.mark.parametrize("token", [FORGED, RETURNED[:-1] + "a", claimed(keys={"k1": b"another key, not"}), "x" * 60])
@pytest.mark.parametrize("data", [standard_bounce(), complaint(), unsubscription(), UNSTANDARD_BOUNCE])
def test_a_forged_token_is_told_and_suppresses_nobody(token: str, data: bytes) -> None:
    owners = Known()
    found = taken(data, f"unsubscribe+{token}@in.shop.example", owners=owners)
    assert (found.events, found.refused, owners.asked) == ([], Reason.NOT_ALLOWED, [])


def test_a_token_whose_send_nobody_remembers_leaves_the_address() -> None:
    found = taken(standard_bounce(), f"bounces+{RETURNED}@in.shop.example", owners=Known(remembers=False))
    assert only(found).user == BY_ADDRESS


def test_a_node_that_is_away_leaves_the_mail_to_its_sender() -> None:
    with pytest.raises(OwnerAway):
        taken(standard_bounce(), f"bounces+{RETURNED}@in.shop.example", owners=Known(is_away=True))


def test_what_comes_without_a_token_can_be_left_unbelieved() -> None:
    strict = InboundRules({"in.shop.example": SHOP}, WorkspaceId(""), SECRET, believes_addresses=False)
    assert taken(standard_bounce(), rules=strict).refused is Reason.UNMAPPED
    assert only(taken(standard_bounce(), f"bounces+{RETURNED}@in.shop.example", rules=strict)).user == USER


# Unsubscriptions


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        (f"unsubscribe+{RETURNED}@in.shop.example", "unsubscribe"),
        ("unsubscribe@in.shop.example", claimed()),
        ("Unsubscribe@in.shop.example", f"Re: {claimed(Purpose.PREFERENCES)}"),
    ],
)
def test_an_unsubscription_holds_at_the_owner_before_it_is_acknowledged(to: str, subject: str) -> None:
    owners = Known()
    event = only(taken(unsubscription(to, subject), to, owners=owners, sender=ANA))
    assert (event.name, event.user, event.properties["source"]) == ("Unsubscribed", USER, "mailto")
    assert owners.asked[-1] == "unsubscribe shop u1"
    with pytest.raises(OwnerAway):
        taken(unsubscription(to, subject), to, owners=Known(is_away=True), sender=ANA)


def test_a_forwarded_link_unsubscribes_nobody() -> None:
    to = f"unsubscribe+{claimed(Purpose.VIEW)}@in.shop.example"
    assert taken(unsubscription(to), to, sender=ANA).refused is Reason.NOT_ALLOWED


def test_who_unsubscribes_without_a_token_is_known_by_the_address_in_from() -> None:
    found = taken(unsubscription(), "unsubscribe@in.shop.example", sender=ANA)
    assert told(found) == [("Unsubscribed", BY_ADDRESS, {"provider": "mail", "source": "mailto"})]


def test_a_mail_to_another_address_unsubscribes_nobody() -> None:
    assert taken(unsubscription(), "bounces@in.shop.example", sender=ANA).events == []


# Where it goes


def test_a_mail_is_kept_whole_before_what_it_says_and_the_same_mail_is_the_same_events() -> None:
    first, second = taken(standard_bounce()), taken(standard_bounce())
    assert [one.topic for one in first.records] == ["webhooks", "events"]
    raw = decode(RawWebhook, first.records[0].value)
    assert (raw.provider, raw.body) == ("mail", standard_bounce())
    assert only(first).id == only(second).id


def test_a_mail_to_nobody_s_domain_is_told() -> None:
    assert taken(standard_bounce(), "bounces@else.example").refused is Reason.UNKNOWN_WORKSPACE


def test_a_file_s_envelope_is_in_its_headers() -> None:
    event = only(taken(standard_bounce(to=f"bounces+{RETURNED}@in.shop.example"), sender=None))
    assert event.user == USER
    assert event.at_ms < NOW_MS
    delivered = b"Delivered-To: bounces@in.shop.example\r\n" + standard_bounce(to="else@else.example")
    assert taken(delivered, sender=None).workspace == SHOP


# Hostile mails

_NESTED = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3_000))
HOSTILE = {
    "nothing": b"",
    "no mail": b"\x00\xff" * 1_000,
    "10 MB": standard_bounce() + b"a" * 10_000_000,
    "10 MB of lines": standard_bounce()[:-10] + b"\n" * 10_000_000,
    "depth": b"From: a@b.example\r\n" + _NESTED,
    "many headers": b"X: y\r\n" * 100_000 + b"\r\n",
    "a long header": b"From: " + b"a" * 5_000_000 + b"\r\n\r\n",
    "a bad charset": standard_bounce().replace(b"text/plain", b"text/plain; charset=no-such\xff"),
    "a bad encoding": standard_bounce().replace(b"text/plain", b"text/plain\r\nContent-Transfer-Encoding: base64"),
    "encoded words": standard_bounce().replace(b"Subject: ", b"Subject: =?x-none?q?=ff=00?= =?utf-8?b?////?= "),
    "eight bits": standard_bounce().replace(b"rfc822;ana", b"rfc822;\xff\xfe"),
    "no end": standard_bounce()[:-20],
    "no boundary": b"From: a@b.example\r\nContent-Type: multipart/report; report-type=delivery-status\r\n\r\nx",
    "a status of text": b"Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\nx",
    "bad dates": standard_bounce().replace(b"13 Nov 2023", b"99 Foo 99999"),
    "a year of doom": standard_bounce().replace(b"13 Nov 2023", b"13 Nov 0001"),
    "two addresses": standard_bounce(recipient="rfc822;ana@there.example, bo@there.example\r\n <x@y.example>"),
    "a long address": standard_bounce(recipient="rfc822;" + "a" * 3_000 + "@there.example"),
    "a long token": standard_bounce(to="bounces+" + "a" * 5_000 + "@in.shop.example"),
}


@pytest.mark.parametrize("sender", ["", None])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_ends_well(name: str, sender: str | None) -> None:
    found = taken(HOSTILE[name], sender=sender)
    assert {one.user for one in found.events} <= {BY_ADDRESS} or name in ("eight bits", "two addresses")
    for record in found.records:
        assert len(record.value) <= RAW_BYTES_MAX + 1_000
    assert found.records or not found.workspace


def test_what_is_of_no_use_is_kept_as_a_dead_letter_that_quotes_nobody() -> None:
    (record,) = taken(HOSTILE["depth"]).records
    letter = decode(DeadLetter, record.value)
    assert (record.topic, letter.reason, letter.source) == ("dead_letters", Reason.TOO_DEEP, "inbound")
    assert "@" not in letter.message
