"""Requests to others: to the public internet alone. Names that turn, redirects and tricks in addresses lead nowhere."""

import asyncio
import base64
import hmac
import ssl
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from connectors.delivery.channels import sendgrid, webhook
from connectors.delivery.channels.outbound import (
    ANSWER_BYTES_MAX,
    Answer,
    Blocked,
    Outbound,
    Unanswered,
    Unsent,
    check_url,
    is_public,
)
from schemas.sending import Outcome
from tests.support.certificates import client_context, server_context
from tests.support.delivery import AT_MS, a_grant, long_lease, stationery
from tests.support.http_stand_in import HttpStandIn

PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "100.100.100.200", "0.1.2.3", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7"),
    *("203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *("::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0"),
    *("fec0::1", "ff02::1", "100::1", "3fff::1", "5f00::1"),
    *("", "localhost", "127.1", "2130706433", "0x7f000001", "017700000001"),
]  # fmt: skip
PUBLIC = ["93.184.215.14", "1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://people.example/", "ftp://people.example/", "file:///etc/passwd", "//people.example/", "people"),
        *("https://", "https:///x", "https://user@people.example/", "https://a:b@people.example/", "https://a b/"),
        *("https://people.example\\@evil.example/", "https://people.example/\r\nx: y", "https://people.example:99999/"),
        *("https://[::1/", "https://\u202epeople.example/", "javascript:alert(1)", "gopher://127.0.0.1/", ""),
    ],
)  # fmt: skip
def test_an_address_that_is_none_of_https_is_refused(url: str) -> None:
    with pytest.raises(Blocked):
        check_url(url)


class Names:
    """A name server of one's own: each time it is asked, the next answer; it counts how often."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def posted(outbound: Outbound, url: str, begin: Any = lambda: True) -> Answer | None:
    return asyncio.run(outbound.post(url, b"{}", [], begin))


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_means_a_private_address_is_not_connected_to(address: str) -> None:
    begun: list[bool] = []

    def begin() -> bool:
        begun.append(True)
        return True

    with pytest.raises(Blocked):
        posted(Outbound(resolve=Names([address])), "https://people.example/", begin)
    with pytest.raises(Blocked):
        posted(Outbound(resolve=Names(["1.1.1.1", address])), "https://people.example/")
    assert begun == []


def test_a_name_that_turns_private_after_it_was_looked_at_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the first answer is public, every later one is a server on this machine."""
    connected: list[tuple[str, int]] = []

    async def connect(host: str, port: int, **_: Any) -> Any:
        connected.append((host, port))
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio, "open_connection", connect)
    names = Names(["93.184.215.14"], ["127.0.0.1"])

    with pytest.raises(Unsent):
        posted(Outbound(resolve=names), "https://people.example/")

    assert names.asked == 1, "a name is asked for once"
    assert connected == [("93.184.215.14", 443)], "the connection goes to the address that was looked at"


def test_an_address_in_numbers_is_looked_at_like_a_name() -> None:
    for url in ("https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://0x7f.1/", "https://localhost/"):
        with pytest.raises((Blocked, Unsent)):
            posted(Outbound(), url)


def tried(server: HttpStandIn, path: str = "/", **settings: Any) -> Answer | None:
    async def run() -> Answer | None:
        async with server.running():
            outbound = Outbound(frozenset({server.authority}), timeout_s=0.5, **settings)
            return await outbound.post(server.url + path, b'{"a": 1}', [("x-a", "b")], lambda: True)

    return asyncio.run(run())


def test_redirects_are_told_and_not_followed() -> None:
    server = HttpStandIn(302, {"location": "http://169.254.169.254/latest/meta-data/"})

    answer = tried(server)

    assert answer is not None
    assert (answer.status, server.connections) == (302, 1)
    assert webhook.attempt_of(answer).outcome is Outcome.POLICY


def test_a_large_answer_is_not_read_to_its_end() -> None:
    answer = tried(HttpStandIn(200, body=b"x" * (ANSWER_BYTES_MAX * 4)))

    assert answer is not None
    assert len(answer.body) <= ANSWER_BYTES_MAX


def test_a_server_that_never_answers_is_unanswered_and_one_that_is_not_there_unsent() -> None:
    with pytest.raises(Unanswered):
        tried(HttpStandIn(0))

    async def gone() -> None:
        async with HttpStandIn().running() as server:
            url, authority = server.url, server.authority
        await Outbound(frozenset({authority})).post(url, b"", [], lambda: True)

    with pytest.raises(Unsent):
        asyncio.run(gone())


def _by_tls(shown: str, tmp_path: Path) -> Answer | None:
    """What comes of asking people.example, where a server shows the certificate of a name."""

    async def run() -> Answer | None:
        async with HttpStandIn(context=server_context(shown, tmp_path)).running() as server:
            port = int(server.authority.rpartition(":")[2])
            names = Names(["127.0.0.1"])
            outbound = Outbound(frozenset({f"people.example:{port}"}), resolve=names, context=client_context(shown))
            return await outbound.post(f"https://people.example:{port}/", b"", [], lambda: True)

    return asyncio.run(run())


def test_a_certificate_of_another_name_is_not_spoken_to(tmp_path: Path) -> None:
    found = _by_tls("people.example", tmp_path)
    assert found is not None
    assert found.status == 200
    with pytest.raises(Unsent):
        _by_tls("evil.example", tmp_path)


def test_certificates_are_checked() -> None:
    context = Outbound().context
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


def test_a_header_with_a_line_break_is_refused() -> None:
    async def run() -> None:
        async with HttpStandIn().running() as server:
            outbound = Outbound(frozenset({server.authority}))
            await outbound.post(server.url, b"", [("x", "a\r\nevil: 1")], lambda: True)

    with pytest.raises(Blocked):
        asyncio.run(run())


def test_a_webhook_is_signed_over_its_id_time_and_body() -> None:
    secret, body = b"secret of the shop", b'{"a": 1}'
    headers = dict(webhook.signed_headers(secret, "msg_1", AT_MS // 1000, body))

    said = f"msg_1.{headers['webhook-timestamp']}.".encode() + body
    version, _, signature = headers["webhook-signature"].partition(",")
    assert (headers["webhook-id"], version) == ("msg_1", "v1")
    assert base64.b64decode(signature) == hmac.digest(secret, said, sha256)


def test_a_webhook_comes_again_under_the_same_id() -> None:
    ids = [webhook._id_of(a_grant(attempt=attempt)) for attempt in (1, 2)]
    assert ids[0] == ids[1] != webhook._id_of(a_grant(2))


STATUSES = {200: "sent", 204: "sent", 301: "policy", 400: "refused", 401: "policy", 404: "policy", 410: "refused",
            422: "refused", 429: "soft", 500: "soft", 503: "soft"}  # fmt: skip
SENDGRID_STATUSES = {202: "sent", 400: "refused", 401: "policy", 403: "policy", 413: "policy", 429: "soft",
                     500: "unknown", 502: "unknown", 503: "soft", 504: "unknown"}  # fmt: skip


@pytest.mark.parametrize(("status", "outcome"), STATUSES.items())
def test_what_a_webhook_s_status_means(status: int, outcome: str) -> None:
    assert webhook.attempt_of(Answer(status, {}, b"")) == (outcome, str(status))


@pytest.mark.parametrize(("status", "outcome"), SENDGRID_STATUSES.items())
def test_what_a_status_of_sendgrid_means(status: int, outcome: str) -> None:
    assert sendgrid.attempt_of(Answer(status, {}, b"")) == (outcome, str(status))


def test_sendgrid_is_told_the_send_and_tracks_nothing() -> None:
    server = HttpStandIn(202)

    async def run() -> None:
        async with server.running():
            outbound = Outbound(frozenset({server.authority}))
            channel = sendgrid.SendGridChannel("SG.k", outbound, stationery(), url=f"{server.url}/v3/mail/send")
            await channel.send(a_grant(channel="api"), long_lease())

    asyncio.run(run())
    (posted_,) = server.received
    said = posted_.json
    assert posted_.headers["authorization"] == "Bearer SG.k"
    assert said["custom_args"] == {
        "foresend_send_id": "friday-1",
        "foresend_user": "u1",
        "foresend_template": "newsletter",
    }
    assert {setting["enable"] for setting in said["tracking_settings"].values()} == {False}
    assert said["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert said["headers"]["Message-ID"] == "<000001aa@shop.example>"
    assert said["personalizations"] == [{"to": [{"email": "user1@people.example"}]}]
