"""A domain that mail is sent from: well set up, and with each fault alone."""

import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from foresend.doctor.configured import Sources
from foresend.doctor.dkim_records import Signer, record_of
from foresend.doctor.findings import Finding
from foresend.doctor.mail_domain import MailDomain, mail_domain_findings, mail_domain_of
from foresend.doctor.resolving import Dns
from schemas.errors import ConfigError
from tests.support.certificates import certificate, server_context
from tests.support.delivery import pem_of
from tests.support.name_server import FAILS, name_server

HOST = "links.shop.example"
SENDER = ip_address("192.0.2.25")
PTR = "25.2.0.192.in-addr.arpa PTR"
ED_KEY = Ed25519PrivateKey.generate()


@cache
def rsa_key(bits: int = 2048) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


def zone() -> dict[str, Sequence[str]]:
    """Of a domain where all is well."""
    return {
        "shop.example TXT": ["v=spf1 ip4:192.0.2.25 -all"],
        "in.shop.example TXT": ["v=spf1 ip4:192.0.2.25 -all"],
        "in.shop.example MX": ["10 mx.shop.example."],
        "mx.shop.example A": ["192.0.2.25"],
        "k1._domainkey.shop.example TXT": [record_of(rsa_key()).strip('"')],
        "k2._domainkey.shop.example TXT": [record_of(ED_KEY).strip('"')],
        "_dmarc.shop.example TXT": ["v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.example"],
        PTR: ["mx.shop.example."],
        f"{HOST} A": ["127.0.0.1"],
    }


class Gateway(BaseHTTPRequestHandler):
    """Answers as `serve` behind a proxy does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Https(HTTPServer):
    """By TLS; what a client does not like of it is the client's business."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


def https(context: ssl.SSLContext) -> Https:
    server = Https(("127.0.0.1", 0), Gateway)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def tracking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a host that mail programs trust."""
    with https(server_context(HOST, tmp_path, days=60)) as server:
        believed = tmp_path / "authorities.pem"
        believed.write_bytes(certificate(HOST, 60))
        monkeypatch.setenv("SSL_CERT_FILE", str(believed))
        yield f"https://{HOST}:{server.server_port}"
        server.shutdown()


def findings(records: dict[str, Sequence[str]], url: str, **changed: object) -> dict[str, Finding]:
    with name_server(records) as server:
        domain = MailDomain(
            dns=Dns(server),
            domain="shop.example",
            signers=(Signer("shop.example", "k1", rsa_key()), Signer("shop.example", "k2", ED_KEY)),
            return_domain="in.shop.example",
            sends_from=(SENDER,),
            tracking_url=url,
            reaches=lambda _: True,
        )
        return {one.check: one for one in mail_domain_findings(replace(domain, **changed))}  # type: ignore[arg-type]


def wrong(found: dict[str, Finding]) -> list[str]:
    return [name for name, one in found.items() if not one.ok]


def test_a_domain_where_all_is_well(tracking: str) -> None:
    found = findings(zone(), tracking)

    assert wrong(found) == [], found
    assert list(found) == [
        "dns.spf",
        "dns.dkim.k1",
        "dns.dkim.k2",
        "dns.dmarc",
        "dns.alignment",
        "dns.ptr",
        "dns.bounces",
        "dns.tracking",
    ]


@pytest.mark.parametrize(
    ("name", "records", "check", "told"),
    [
        ("in.shop.example TXT", [], "dns.spf", "has no records"),
        ("in.shop.example TXT", ["v=spf1 ip4:192.0.2.25 ?all"], "dns.spf", "anybody may send"),
        ("in.shop.example TXT", ["v=spf1 ip4:192.0.2.99 -all"], "dns.spf", "does not name 192.0.2.25"),
        ("k1._domainkey.shop.example TXT", [], "dns.dkim.k1", "no records"),
        ("k1._domainkey.shop.example TXT", ["v=DKIM1; p="], "dns.dkim.k1", "revoked"),
        ("k1._domainkey.shop.example TXT", ["v=DKIM1; k=rsa; p=AAAA"], "dns.dkim.k1", "is no rsa key"),
        ("k2._domainkey.shop.example TXT", ["v=DKIM1; k=ed25519; p=***"], "dns.dkim.k2", "is no ed25519 key"),
        ("_dmarc.shop.example TXT", [], "dns.dmarc", "none for shop.example"),
        ("_dmarc.shop.example TXT", ["v=DMARC1; rua=mailto:a@b.example"], "dns.dmarc", "is missing"),
        (PTR, [], "dns.ptr", "is called nothing"),
        (PTR, ["other.example."], "dns.ptr", "other.example, which leads elsewhere"),
        ("in.shop.example MX", ["0 ."], "dns.bounces", "no host"),
        (f"{HOST} A", [], "dns.tracking", f"no address for {HOST}"),
        ("in.shop.example TXT", [FAILS], "dns.spf", "SERVFAIL"),
    ],
)
def test_each_fault_alone(tracking: str, name: str, records: list[str], check: str, told: str) -> None:
    found = findings({**zone(), name: records}, tracking)

    # Without SPF or DMARC other lines may follow; the one that names the fault is there, with a mend.
    assert check in wrong(found)
    assert told in found[check].found
    assert found[check].mend


def test_a_key_on_trial(tracking: str) -> None:
    record = record_of(rsa_key()).strip('"')

    found = findings({**zone(), "k1._domainkey.shop.example TXT": [f"{record}; t=y"]}, tracking)

    assert wrong(found) == ["dns.dkim.k1"]
    assert "trial" in found["dns.dkim.k1"].found


def test_a_key_that_is_not_ours_is_found_out(tracking: str) -> None:
    other = record_of(generate_private_key(65537, 2048)).strip('"')

    found = findings({**zone(), "k1._domainkey.shop.example TXT": [other]}, tracking)

    assert wrong(found) == ["dns.dkim.k1"]
    assert "another key" in found["dns.dkim.k1"].found
    assert record_of(rsa_key()) in found["dns.dkim.k1"].mend, "the mend holds what is to be published"


def test_a_key_of_a_relay_that_is_too_short(tracking: str) -> None:
    short = record_of(rsa_key(1024)).strip('"')
    signers = (Signer("shop.example", "k1"),)

    found = findings({**zone(), "k1._domainkey.shop.example TXT": [short]}, tracking, signers=signers)

    assert wrong(found) == ["dns.dkim.k1"]
    assert "1024 bits" in found["dns.dkim.k1"].found


def test_nobody_signs(tracking: str) -> None:
    found = findings(zone(), tracking, signers=())

    assert wrong(found) == ["dns.dkim"], "bounces of the same organisation are aligned"


def test_neither_is_aligned(tracking: str) -> None:
    strict = {**zone(), "_dmarc.shop.example TXT": ["v=DMARC1; p=none; aspf=s; adkim=s"]}
    signers = (Signer("mail.shop.example", "k1"),)
    key = {"k1._domainkey.mail.shop.example TXT": [record_of(rsa_key()).strip('"')]}

    found = findings({**strict, **key}, tracking, signers=signers)

    assert wrong(found) == ["dns.alignment"]
    assert "mail.shop.example (strict) is not" in found["dns.alignment"].found


def test_without_sending_addresses_those_that_spf_names_one_by_one(tracking: str) -> None:
    single = findings({**zone(), PTR: []}, tracking, sends_from=())
    included = {**zone(), "in.shop.example TXT": ["v=spf1 include:shop.example -all"], PTR: []}
    provider = findings(included, tracking, sends_from=())

    assert wrong(single) == ["dns.ptr"]
    assert wrong(provider) == []
    assert "not looked at" in provider["dns.ptr"].found


@pytest.mark.parametrize("url", ["", "http://links.shop.example", "https://"])
def test_links_need_https(url: str) -> None:
    found = findings(zone(), url)

    assert wrong(found) == ["dns.tracking"]
    assert "FORESEND_SERVE_PUBLIC_URL" in found["dns.tracking"].mend


def test_a_host_that_receivers_do_not_reach(tracking: str) -> None:
    found = findings(zone(), tracking, reaches=MailDomain(Dns("127.0.0.1"), "x").reaches)

    assert wrong(found) == ["dns.tracking"]
    assert "127.0.0.1, which is not reached from everywhere" in found["dns.tracking"].found


def test_a_certificate_that_nobody_knows(tracking: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(certificate("other.example", 60))
    monkeypatch.setenv("SSL_CERT_FILE", str(other))

    found = findings(zone(), tracking)

    assert wrong(found) == ["dns.tracking"]
    assert "self-signed" in found["dns.tracking"].found


def test_a_certificate_that_ends_soon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with https(server_context(HOST, tmp_path, days=3)) as server:
        believed = tmp_path / "authorities.pem"
        believed.write_bytes(certificate(HOST, 3))
        monkeypatch.setenv("SSL_CERT_FILE", str(believed))
        found = findings(zone(), f"https://{HOST}:{server.server_port}")
        server.shutdown()

    assert wrong(found) == ["dns.tracking"]
    assert "ends in 2 days" in found["dns.tracking"].found


def test_what_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem_of(rsa_key()))
    environment = {
        "FORESEND_DELIVER_DKIM": f"shop.example:k1:{tmp_path / 'key.pem'}",
        "FORESEND_DELIVER_RETURN_ADDRESS": "bounces@in.shop.example",
        "FORESEND_SERVE_PUBLIC_URL": f"https://{HOST}",
        "FORESEND_SERVE_SIGNING_KEYS": "k1:" + 32 * "ab",
    }

    told = mail_domain_of(Sources(environment), "News.Shop.Example.", resolver="127.0.0.1:5353")

    assert told.domain == "news.shop.example"
    assert [(one.domain, one.selector) for one in told.signers] == [("shop.example", "k1")]
    assert (told.return_domain, told.tracking_url) == ("in.shop.example", f"https://{HOST}")
    assert told.told == ()


def test_a_key_that_cannot_be_read_is_told_first(tmp_path: Path) -> None:
    environment = {"FORESEND_DELIVER_DKIM": f"shop.example:k1:{tmp_path / 'none.pem'}"}

    told = mail_domain_of(Sources(environment), "shop.example", resolver="127.0.0.1")

    assert [one.check for one in told.told] == ["settings.dkim"]
    assert "none.pem" in told.told[0].found


def test_options_go_before_settings() -> None:
    told = mail_domain_of(
        Sources({"FORESEND_DELIVER_RETURN_ADDRESS": "bounces@in.shop.example"}),
        "shop.example",
        resolver="127.0.0.1",
        selectors=("s1",),
        return_domain="Other.Example",
        sends_from=("192.0.2.1", "2001:db8::1"),
    )

    assert told.signers == (Signer("shop.example", "s1"),)
    assert told.return_domain == "other.example"
    assert len(told.sends_from) == 2


@pytest.mark.parametrize("option", [{"resolver": "dns.example"}, {"resolver": "127.0.0.1:x"}, {"sends_from": ("x",)}])
def test_options_that_cannot_be_understood(option: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="expected an address"):
        mail_domain_of(Sources({}), "shop.example", **{"resolver": "127.0.0.1", **option})  # type: ignore[arg-type]
