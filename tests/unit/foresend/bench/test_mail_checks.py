"""What the bench of delivery looks for would be found: mails of somebody else, twice, or of nobody."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from connectors.delivery.mime import mail_of
from connectors.delivery.returns import ReturnTokens
from connectors.gateway.tokens import Claim, Purpose, Signer
from foresend.bench.deliver import expected_mails, kills_of
from foresend.bench.mail_checks import Checks
from foresend.bench.mail_people import MARKETING, TRANSACTIONAL, Recipient
from foresend.bench.mail_sink import PHASES, KeptMail
from schemas.ids import Locale, SendId, UserId
from schemas.library import MessageClass
from schemas.sending import Headers, SendState, SkipReason
from tests.support.delivery import SHOP, a_grant, rsa_key, stationery

KEYS = {"k1": b"0123456789abcdef"}
ZOE = Recipient(UserId("u1"), "zoe@r1.people.example", "Zoe0000001", Locale("en"), (None, None))
TOM = Recipient(UserId("u2"), "tom@r2.people.example", "Zoe0000002", Locale("de"), (SkipReason.NO_PERMISSION, None))


def kept(to: Recipient = ZOE, claimed: Recipient = ZOE, **changed: Any) -> KeptMail:
    send_id = SendId(f"{MARKETING}-{claimed.user}")
    token = Signer(KEYS).sign(Claim(Purpose.UNSUBSCRIBE, SHOP, MARKETING, claimed.user, send_id))
    back = ReturnTokens(KEYS).token(SHOP, claimed.user, bytes(16))
    values: dict[str, Any] = {
        "address": to.address,
        "locale": to.locale,
        "text": f"Hello {to.name}",
        "html": f"<p>{to.name}</p><a href='https://go.shop.example/u/{token}'>x</a>",
        "headers": Headers("a@shop.example", back, f"https://go.shop.example/u/{token}", "t1"),
    }
    mail = mail_of(a_grant(**values | changed), stationery())
    return KeptMail(mail.sender, mail.recipient, mail.data)


def checks() -> Checks:
    public = (
        rsa_key().public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return Checks(SHOP, [ZOE, TOM], KEYS, public)


def test_a_mail_that_is_right_is_right() -> None:
    found = checks()
    found.mail(kept())
    found.record(ZOE.user, MARKETING, {"send_id": f"{MARKETING}-u1", "state": "sent", "reason": ""})

    told = found.found
    assert (told.mails, told.foreign, told.duplicates, told.missing, told.unexplained) == (1, 0, 0, 0, 0), told.wrong


@pytest.mark.parametrize(
    "changed",
    [
        {"address": TOM.address},
        {"text": f"Hello {TOM.name}"},
        {"subject": f"For {TOM.name}"},
        {"html": "<p>Hello film friend</p>", "text": "Hello"},
        {"locale": TOM.locale},
        {"headers": Headers("a@shop.example", "r1", "https://x.example/")},
    ],
)
def test_a_mail_with_something_of_somebody_else_is_found(changed: dict[str, Any]) -> None:
    found = checks()
    found.mail(kept(**changed))

    assert found.found.foreign == 1


def test_a_mail_whose_links_are_somebody_else_s_is_found() -> None:
    found = checks()
    found.mail(kept(claimed=TOM))

    assert found.found.foreign == 1


def test_a_mail_that_came_twice_or_never_is_found() -> None:
    found = checks()
    found.mail(kept())
    found.mail(kept())
    found.record(TOM.user, TRANSACTIONAL, {"send_id": f"{TRANSACTIONAL}-u2", "state": SendState.SENT, "reason": ""})

    assert (found.found.duplicates, found.found.missing, found.found.lost) == (1, 1, 1)


@pytest.mark.parametrize(
    ("state", "reason", "wrong"),
    [("skipped", "no_permission", 0), ("skipped", "cap", 1), ("sent", "", 1), ("queued", "", 1)],
)
def test_a_skip_that_is_not_explained_is_found(state: str, reason: str, wrong: int) -> None:
    found = checks()
    found.record(TOM.user, MARKETING, {"send_id": f"{MARKETING}-u2", "state": state, "reason": reason})

    assert found.found.unexplained == wrong


def test_a_signature_that_does_not_hold_is_found() -> None:
    found, mail = checks(), kept(message_class=MessageClass.MARKETING)
    found.mail(KeptMail(mail.sender, mail.recipient, mail.data.replace(b"Date: ", b"Date:  x")))

    assert found.found.unsigned == 1


def test_kills_come_at_moments_of_the_seed_in_every_phase() -> None:
    kills = kills_of(100, 1_000, 3)

    assert kills == kills_of(100, 1_000, 3) != kills_of(100, 1_000, 4)
    assert {kill.phase for kill in kills} == set(PHASES)
    assert {kill.victim for kill in kills} == {"worker", "node"}
    assert 500 < sum(kill.after for kill in kills) < 1_000, "nearly all of the messages, and no more"
    assert expected_mails([ZOE, TOM], [MARKETING, TRANSACTIONAL]) == 3
