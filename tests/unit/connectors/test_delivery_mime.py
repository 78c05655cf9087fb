"""Messages as bytes: what a strict reader finds in them, and that nothing in a value becomes a header."""

import base64
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from connectors.delivery.dkim import SIGNED, DkimKey, DkimKeys, relaxed_body, relaxed_header
from connectors.delivery.header_lines import address_of, clean, mailbox_line, text_line
from connectors.delivery.lease import Unsendable
from connectors.delivery.mime import Stationery, mail_of, tagged
from schemas.errors import ConfigError
from schemas.library import MessageClass, Sender
from schemas.sending import Grant, Headers
from tests.support.delivery import AT_MS, DOMAIN, a_grant, dkim_key, pem_of, rsa_key, stationery, verifies
from tests.support.hostile import HOSTILE


def parsed(grant: Grant) -> EmailMessage:
    """As a strict reader has it: any defect is an error."""
    found = message_from_bytes(mail_of(grant, stationery()).data, policy=policy.strict)
    assert isinstance(found, EmailMessage)
    for name in found:
        assert not found[name].defects, f"{name}: {found[name].defects}"
    return found


def test_a_message_says_the_same_twice_and_both_parts_read_as_they_were_written() -> None:
    grant = a_grant()
    message = parsed(grant)

    text, html = message.iter_parts()
    assert (message.get_content_type(), text.get_content_type(), html.get_content_type()) == (
        "multipart/alternative",
        "text/plain",
        "text/html",
    )
    assert text.get_content().replace("\r\n", "\n") == grant.text
    assert html.get_content().replace("\r\n", "\n") == grant.html


def test_headers_are_those_of_the_grant() -> None:
    message = parsed(a_grant(locale="de", subject="Grüße 👋 an alle"))

    assert message["From"] == f"Ann of the shop <news@{DOMAIN}>"
    assert message["To"] == "user1@people.example"
    assert message["Reply-To"] == f"help@{DOMAIN}"
    assert message["Subject"] == "Grüße 👋 an alle"
    assert message["Message-ID"] == f"<000001aa@{DOMAIN}>"
    assert message["Content-Language"] == "de"
    assert message["List-Id"] == f"<shop.{DOMAIN}>"
    assert message["Feedback-ID"].startswith("newsletter:shop:marketing:")
    assert parsedate_to_datetime(message["Date"]).timestamp() == AT_MS // 1000


def test_equal_grants_give_equal_bytes_and_attempts_keep_the_message_id() -> None:
    first, again = (mail_of(a_grant(), stationery()).data for _ in range(2))
    later = parsed(a_grant(attempt=2, at_ms=AT_MS + 60_000))

    assert first == again
    assert later["Message-ID"] == parsed(a_grant())["Message-ID"]


def test_one_click_headers_stand_under_the_signature() -> None:
    data = mail_of(a_grant(), stationery()).data

    message = message_from_bytes(data, policy=policy.strict)
    signed = message["DKIM-Signature"].replace(" ", "").partition("h=")[2].partition(";")[0].split(":")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Unsubscribe"] == (
        f"<https://go.{DOMAIN}/u/000001aa>, <mailto:unsubscribe+t000001aa@in.{DOMAIN}>"
    )
    assert {"list-unsubscribe", "list-unsubscribe-post", "from", "feedback-id"} <= set(signed)
    assert "l=" not in message["DKIM-Signature"].replace("rel", "")
    assert verifies(data)


@pytest.mark.parametrize("name", [name for name in SIGNED if name not in {"Cc", "Content-Transfer-Encoding"}])
def test_no_header_that_is_signed_can_be_changed_taken_away_or_doubled(name: str) -> None:
    data = mail_of(a_grant(), stationery()).data
    head, _, body = data.partition(b"\r\n\r\n")
    unfolded = head.replace(b"\r\n ", b"\n ").split(b"\r\n")
    start = f"{name}:".encode()
    (at,) = [number for number, line in enumerate(unfolded) if line.startswith(start)]

    def with_lines(lines: list[bytes]) -> bytes:
        return b"\r\n".join(lines).replace(b"\n ", b"\r\n ").replace(b"\r\r", b"\r") + b"\r\n\r\n" + body

    assert verifies(with_lines(unfolded))
    assert not verifies(with_lines([*unfolded[:at], *unfolded[at + 1 :]]))
    assert not verifies(with_lines([*unfolded[:at], start + b" other", *unfolded[at + 1 :]]))
    assert not verifies(with_lines([*unfolded, start + b" other"]))


@pytest.mark.parametrize("added", [b"Cc: all@people.example", b"Reply-To: other@people.example"])
def test_no_header_that_is_not_there_can_be_put_in(added: bytes) -> None:
    grant = a_grant(sender=Sender("Ann", f"news@{DOMAIN}"))
    data = mail_of(grant, stationery()).data

    assert verifies(data)
    assert not verifies(data.replace(b"\r\nDate:", b"\r\n" + added + b"\r\nDate:", 1))


@pytest.mark.parametrize("changed", [b"x\r\n", b"\r\nx", b"x"])
def test_nothing_can_be_put_after_the_body(changed: bytes) -> None:
    data = mail_of(a_grant(), stationery()).data

    assert verifies(data + b"\r\n\r\n"), "empty lines at the end are no change"
    assert not verifies(data + changed)


def test_only_marketing_has_a_list_to_leave() -> None:
    receipt = parsed(a_grant(message_class=MessageClass.TRANSACTIONAL))

    assert [name for name in receipt if name.startswith("List-")] == []
    assert "Feedback-ID" in receipt


@pytest.mark.parametrize(
    "url", ["", "http://go.shop.example/u/x", "https://go.shop.example/u/x\r\nBcc: a@b", "https://a/>", "https://a/ b"]
)
def test_marketing_without_a_link_to_leave_is_never_sent(url: str) -> None:
    with pytest.raises(Unsendable):
        mail_of(a_grant(headers=Headers("a@b.example", "r1", url)), stationery())


def test_every_line_is_ascii_and_short() -> None:
    grant = a_grant(html="<p>" + "grün " * 2_000 + "</p>", text="строка " * 300, subject="wörter " * 60)
    data = mail_of(grant, stationery()).data

    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 78
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    _, html = parsed(grant).iter_parts()
    assert html.get_content().replace("\r\n", "\n") == grant.html


def test_no_line_of_a_body_begins_as_messages_in_mail_files_do() -> None:
    data = mail_of(a_grant(text="From here on\nFrom there\n"), stationery()).data

    assert b"\nFrom " not in data.partition(b"\r\n\r\n")[2]
    assert verifies(data)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_value_becomes_no_header_and_no_line(word: str) -> None:
    plain = {name.lower() for name in parsed(a_grant())}
    changes: list[dict[str, Any]] = [
        {"subject": word},
        {"sender": Sender(word, f"news@{DOMAIN}")},
        {"template": word},
        {"campaign": word},
        {"workspace": word},
        {"locale": word},
        {"text": word, "html": word},
        {"text": word, "html": "<p>x</p>"},
    ]
    for change in changes:
        message = parsed(a_grant(**change))
        found = {name.lower() for name in message}
        assert found - {"reply-to", "content-language", "content-transfer-encoding"} <= plain
        assert message["To"] == "user1@people.example"
        assert message["From"].addresses[0].addr_spec == f"news@{DOMAIN}"
    if word.strip():
        with pytest.raises(Unsendable):
            mail_of(a_grant(address=word), stationery())
        with pytest.raises(Unsendable):
            mail_of(a_grant(headers=Headers(word, "r1", "https://a.example/")), stationery())


ADDRESSES = {
    "ann@people.example": "ann@people.example",
    "a..b@people.example": '"a..b"@people.example',
    ".a@people.example": '".a"@people.example',
    "grüße@people.example": "grüße@people.example",
    "o'neil+x@people.example": "o'neil+x@people.example",
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_addresses_are_quoted_where_they_have_to_be(text: str) -> None:
    assert address_of(text) == ADDRESSES[text]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ann",
            "ann@",
            "@people.example",
            "a@b",
            "ann@people.example, bob@people.example",
            "ann@people.example\r\n",
        ),
        *("ann@people.example\nBcc: x@y.example", "<ann@people.example>", "a b@people.example", 'a"b@people.example'),
        *("a\\b@people.example", "a(b)@people.example", "ann\u202e@people.example", "ann\u200b@people.example"),
        *("\x00ann@people.example", "ann@PEOPLE.example", "ann@bücher.example", "a" * 65 + "@people.example"),
        *("ann@[127.0.0.1]", "ann\u00a0x@people.example", "ann\x85@people.example", "ü(x)@people.example"),
    ],
)
def test_what_is_no_address_as_contacts_are_kept_is_refused(text: str) -> None:
    with pytest.raises(Unsendable) as refused:
        address_of(text)
    assert refused.value.status == "5.1.3"
    assert not text or text not in str(refused.value)


def test_values_are_cleaned_before_they_are_written() -> None:
    assert clean("a\r\nb\x00c\u202ed\u2066e") == "a b cde"
    assert text_line("Subject", "word " * 40).count(b"\r\n ") == 2
    assert text_line("Subject", "=?utf-8?q?x?=") != b"Subject: =?utf-8?q?x?=\r\n", "what is written is what is read"
    assert mailbox_line("From", 'The "shop"', "a@b.example") == b'From: "The \\"shop\\"" <a@b.example>\r\n'


@pytest.mark.parametrize("token", ["", "a b", "a@b", "a+b", "ü", "x" * 60, "a\r\n"])
def test_a_token_that_fits_no_address_is_refused(token: str) -> None:
    with pytest.raises(Unsendable):
        tagged("bounces@in.shop.example", token)


def test_without_a_return_address_bounces_go_to_the_sender() -> None:
    mail = mail_of(a_grant(), Stationery())

    assert (mail.sender, mail.recipient, mail.is_signed) == (f"news@{DOMAIN}", "user1@people.example", False)


def test_the_key_of_a_domain_above_is_aligned_and_that_of_another_is_not() -> None:
    keys = DkimKeys([dkim_key()])

    assert keys.aligned("mail.shop.example") == keys.aligned(DOMAIN) == (dkim_key(),)
    assert keys.aligned("notshop.example") == keys.aligned("example") == ()


def test_a_second_key_signs_too_and_ed25519_by_its_own_rule() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    second = DkimKey.read(DOMAIN, "e1", pem_of(private))
    mail = mail_of(a_grant(), Stationery(keys=DkimKeys([dkim_key(), second])))

    message = message_from_bytes(mail.data, policy=policy.SMTP)
    lines = message.get_all("DKIM-Signature") or []
    assert [("a=ed25519" in line, "s=e1" in line) for line in lines] == [(False, False), (True, True)]
    assert verifies(mail.data.partition(b"\r\nDKIM-Signature")[0] + b"\r\n" + mail.data[mail.data.index(b"From: ") :])
    assert _ed25519_verifies(mail.data, private.public_key())


def _ed25519_verifies(data: bytes, public: ed25519.Ed25519PublicKey) -> bool:
    """By RFC 8463, for dkimpy needs another library for it: the hash that is signed is that of RFC 6376."""
    head = data[data.index(b"DKIM-Signature", 20) :].partition(b"\r\n\r\n")[0]
    lines = head.replace(b"\r\n ", b"\0 ").split(b"\r\n")
    signature, others = lines[0].replace(b"\0", b"\r\n"), [line.replace(b"\0", b"\r\n") for line in lines[1:]]
    start, _, value = signature.rpartition(b"b=")
    names = signature.partition(b"h=")[2].partition(b";")[0].replace(b"\r\n ", b"").decode().split(":")
    said = b""
    for name in names:
        for number, line in enumerate(others):
            if line.lower().startswith(name.encode() + b":"):
                said += relaxed_header(others.pop(number))
                break
    said += relaxed_header(start + b"b=").removesuffix(b"\r\n")
    public.verify(base64.b64decode(value.replace(b"\r\n ", b"")), sha256(said).digest())
    return True


@pytest.mark.parametrize(
    ("selector", "pem"),
    [
        ("s1", b"no key"),
        ("s 1", pem_of(rsa_key())),
        ("", pem_of(rsa_key())),
        ("s1", pem_of(ec.generate_private_key(ec.SECP256R1()))),
        ("s1", pem_of(rsa.generate_private_key(65537, 1024))),  # noqa: S505 - that is the point
    ],
)
def test_a_key_that_dkim_does_not_know_is_refused(selector: str, pem: bytes) -> None:
    with pytest.raises(ConfigError):
        DkimKey.read(DOMAIN, selector, pem)


def test_canonical_forms_are_those_of_the_rfc() -> None:
    assert relaxed_header(b"A: X\r\n") == b"a:X\r\n"
    assert relaxed_header(b"B : Y\t\r\n\tZ  \r\n") == b"b:Y Z\r\n"
    assert relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"
    assert relaxed_body(b"\r\n\r\n") == b""
