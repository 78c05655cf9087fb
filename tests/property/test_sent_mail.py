"""Whatever a message holds, it is signed so that another program believes it, and reads as it was written."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import assume, given
from hypothesis import strategies as st

from connectors.delivery.channels.replies import HARD, Phase, attempt_of
from connectors.delivery.dkim import relaxed_body
from connectors.delivery.header_lines import NAME_MAX, TEXT_MAX, clean, mailbox_line, text_line
from connectors.delivery.mime import mail_of
from foresend.bench.hostile import is_to
from schemas.library import Sender
from schemas.sending import Outcome
from tests.support.delivery import DOMAIN, a_grant, stationery, verifies

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
BODIES = st.lists(WORDS | st.sampled_from(["From me", ".", "..", " ", "\t", "=", "a" * 200, "--=_x"]), max_size=12).map(
    "\n".join
)


@given(subject=WORDS, name=WORDS, html=BODIES, text=BODIES)
def test_any_message_is_signed_and_reads_as_it_was_written(subject: str, name: str, html: str, text: str) -> None:
    assume(html or text)
    grant = a_grant(subject=subject, sender=Sender(name, f"news@{DOMAIN}"), html=html, text=text)

    mail = mail_of(grant, stationery())

    assert verifies(mail.data)
    assert is_to(mail, grant.address)
    assert mail.data.isascii()
    message = message_from_bytes(mail.data, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert message["Subject"] == clean(subject, TEXT_MAX)
    assert message["From"].addresses[0].addr_spec == f"news@{DOMAIN}"
    parts = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    wanted = [words for words in (text, html) if words]
    assert [_lines(part) for part in parts] == [_lines(words.encode()) for words in wanted]


def _lines(body: object) -> bytes:
    """Ends of lines alike, and without the last: a message of one part has one at its end, whatever was written."""
    assert isinstance(body, bytes)
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n")


@given(value=WORDS)
def test_no_value_ends_its_header(value: str) -> None:
    for line in (text_line("Subject", value), mailbox_line("From", value, "a@b.example")):
        head, end = line[:-2], line[-2:]
        assert end == b"\r\n"
        assert all(part.startswith(b" ") and part.strip() for part in head.split(b"\r\n")[1:])
        assert b"\n" not in head.replace(b"\r\n", b"")
        assert b"\r" not in head.replace(b"\r\n", b"")
        assert max(map(len, line.split(b"\r\n"))) <= 78
        assert line.isascii()


@given(value=WORDS)
def test_a_clean_value_stays_as_it_is(value: str) -> None:
    assert clean(clean(value)) == clean(value)
    assert len(clean(value, NAME_MAX)) <= NAME_MAX


@given(body=st.binary(max_size=300))
def test_the_canonical_form_of_a_body_is_its_own(body: bytes) -> None:
    once = relaxed_body(body)
    assert relaxed_body(once) == once
    assert not once.endswith(b"\r\n\r\n")


@given(code=st.integers(-1, 999), text=st.text(max_size=40), phase=st.sampled_from(Phase))
def test_sent_is_told_only_where_the_receiver_said_so(code: int, text: str, phase: Phase) -> None:
    found = attempt_of(code, text, phase)

    assert (found.outcome is Outcome.SENT) == (phase is Phase.MESSAGE and 200 <= code <= 299)
    assert (found.outcome is Outcome.HARD) <= (found.status in HARD and phase >= Phase.RECIPIENT)
    assert len(found.status) <= 16
    assert not set(found.status) - set("0123456789.")
