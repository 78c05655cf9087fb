"""Ten thousand of the bench's hostile strings, and that what it looks for would be found."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from connectors.delivery.channels.outbound import Blocked, Outbound, Unsent
from connectors.delivery.mime import Stationery, mail_of
from foresend.bench.hostile import SEED, Found, _Guard, hostile, is_sound, is_to, tried
from foresend.bench.telling import Tell
from schemas.library import Sender
from tests.support.delivery import a_grant


def test_ten_thousand_hostile_strings_do_no_harm() -> None:
    found = asyncio.run(tried(10_000, SEED, Tell(quiet=True)))

    assert (found.header_injections, found.foreign_recipients, found.private_requests) == (0, 0, 0)
    assert found.messages == 2_000
    assert 0 < found.refused < found.messages
    assert found.requests > 0, "addresses that may be asked are"


def test_equal_seeds_give_equal_strings() -> None:
    first, again = ([hostile(Random(3)) for _ in range(5)] for _ in range(2))
    assert first == again


@pytest.mark.parametrize(
    "changed",
    [
        lambda data: data.replace(b"Subject:", b"Bcc: a@b.example\r\nSubject:"),
        lambda data: data.replace(b"Subject:", b"Subject: x\r\nSubject:"),
        lambda data: data.replace(b"For you", b"For\nyou"),
        lambda data: data.replace(b"For you", b"For\ryou"),
        lambda data: data.replace(b"For you", "für dich".encode()),
        lambda data: data.replace(b"For you", b"x\r\n\r\n"),
    ],
)
def test_an_injection_would_be_found(changed: Callable[[bytes], bytes]) -> None:
    sender = Sender("Ann", "news@shop.example")
    mail = mail_of(a_grant(sender=sender), Stationery())
    assert is_sound(mail)

    assert not is_sound(replace(mail, data=changed(mail.data)))


def test_a_foreign_recipient_would_be_found() -> None:
    mail = mail_of(a_grant(), Stationery())
    address = "user1@people.example"
    assert is_to(mail, address)

    assert not is_to(mail, "other@people.example")
    assert not is_to(replace(mail, recipient=f"{address}> ORCPT=x"), address)
    assert not is_to(replace(mail, data=mail.data.replace(address.encode(), b"evil@people.example")), address)


def test_a_request_to_a_private_address_would_be_counted() -> None:
    found = Found()
    guard = _Guard(Random(1), found)

    async def run() -> None:
        outbound = Outbound(frozenset({"127.0.0.1:443"}), resolve=guard.resolve, connect=guard.connect)
        with pytest.raises(Unsent):
            await outbound.post("https://127.0.0.1/", b"", (), lambda: True)
        with pytest.raises(Blocked):
            await outbound.post("https://127.0.0.2/", b"", (), lambda: True)

    asyncio.run(run())
    assert (found.requests, found.private_requests) == (1, 1)
