"""Mails that come in, written as mail servers write them. Nobody in them is anybody."""

from textwrap import dedent

ANA = "ana@there.example"


def mail(text: str) -> bytes:
    """A mail, with the line ends of the wire."""
    return dedent(text).lstrip("\n").replace("\n", "\r\n").encode()


def standard_bounce(
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 no such user",
    *,
    action: str = "failed",
    recipient: str = f"rfc822;{ANA}",
    to: str = "bounces@in.shop.example",
    original: str = "Message-ID: <1@shop.example>",
) -> bytes:
    """A bounce by RFC 3464."""
    return mail(f"""
        Return-Path: <>
        From: MAILER-DAEMON@mx.there.example
        To: {to}
        Subject: Undelivered Mail Returned to Sender
        Date: Mon, 13 Nov 2023 10:00:00 +0000
        Auto-Submitted: auto-replied
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

        --b1
        Content-Type: text/plain

        I could not deliver it. 550 5.1.1 and 5.7.1 are codes, says this text.

        --b1
        Content-Type: message/delivery-status

        Reporting-MTA: dns; mx.there.example
        Arrival-Date: Mon, 13 Nov 2023 09:59:00 +0000

        Final-Recipient: {recipient}
        Action: {action}
        Status: {status}
        Diagnostic-Code: {diagnostic}

        --b1
        Content-Type: text/rfc822-headers

        {original}
        Subject: Hello

        --b1--
        """)


UNSTANDARD_BOUNCE = mail(f"""
    Return-Path: <>
    From: MAILER-DAEMON@mx4.there.example
    To: bounces@in.shop.example
    Subject: failure notice

    Hi. This is the qmail-send program at mx4.there.example.
    I'm afraid I wasn't able to deliver your message to the following addresses.
    This is a permanent error; I've given up. Sorry it didn't work out.

    <{ANA}>:
    192.0.2.32 does not like recipient.
    Remote host said: 550 5.1.1 unknown user

    --- Below this line is a copy of the message.

    Return-Path: <bounces@in.shop.example>
    """)


def complaint(
    *, kind: str = "abuse", fields: str = f"Original-Rcpt-To: {ANA}", original: str = "Subject: Hello"
) -> bytes:
    """A feedback report by RFC 5965."""
    return mail(f"""
        From: feedback@provider.example
        To: bounces@in.shop.example
        Subject: complaint
        MIME-Version: 1.0
        Content-Type: multipart/report; report-type=feedback-report; boundary="b2"

        --b2
        Content-Type: text/plain

        Somebody called this spam.

        --b2
        Content-Type: message/feedback-report

        Feedback-Type: {kind}
        User-Agent: Provider/1
        Version: 1
        {fields}

        --b2
        Content-Type: text/rfc822-headers

        {original}

        --b2--
        """)


def unsubscription(to: str = "unsubscribe@in.shop.example", subject: str = "unsubscribe") -> bytes:
    """What a mail program sends when somebody presses its button."""
    return mail(f"""
        Return-Path: <{ANA}>
        From: "Ana" <{ANA}>
        To: {to}
        Subject: {subject}

        Please.
        """)


AWAY = mail(f"""
    Return-Path: <{ANA}>
    From: {ANA}
    To: bounces@in.shop.example
    Subject: Away until May
    Auto-Submitted: auto-replied

    I am away. Write to 550 5.1.1 Street, or to bo@there.example.
    """)
HUMAN = mail(f"""
    Return-Path: <{ANA}>
    From: {ANA}
    To: bounces@in.shop.example
    Subject: Re: Hello

    I'm afraid I wasn't able to deliver your message to the following addresses.
    <bo@there.example>:
    550 5.1.1 unknown user
    """)
BY_PERSON = {"away": AWAY, "human": HUMAN}
"""What is no bounce, though it speaks of some."""
