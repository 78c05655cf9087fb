"""SPF records as they are read, and what they say of an address."""

from ipaddress import ip_address

import pytest

from foresend.doctor.resolving import Dns
from foresend.doctor.spf import Policy, SpfReader
from tests.support.name_server import Zone, name_server

RELAY = {
    "relay.example TXT": ["v=spf1 ip4:198.51.100.0/24 -all"],
    "host.shop.example A": ["192.0.2.7"],
    "host.shop.example AAAA": ["2001:db8::7"],
    "mx.shop.example A": ["192.0.2.25"],
    "shop.example MX": ["10 mx.shop.example."],
    "shop.example A": ["192.0.2.80"],
}


def read(record: str, more: Zone | None = None) -> tuple[Policy, SpfReader]:
    zone = {**RELAY, "shop.example TXT": ["unrelated", record], **(more or {})}
    with name_server(zone) as server:
        reader = SpfReader(Dns(server))
        return reader.read("shop.example"), reader


@pytest.mark.parametrize(
    ("record", "address", "verdict"),
    [
        ("v=spf1 ip4:192.0.2.1 -all", "192.0.2.1", "+"),
        ("v=spf1 ip4:192.0.2.1 -all", "192.0.2.2", "-"),
        ("v=spf1 ip4:192.0.2.0/24 ~all", "192.0.2.200", "+"),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::99", "+"),
        ("v=spf1 -ip4:192.0.2.1 +all", "192.0.2.1", "-"),
        ("v=spf1 a -all", "192.0.2.80", "+"),
        ("v=spf1 a:host.shop.example -all", "2001:db8::7", "+"),
        ("v=spf1 a/24 -all", "192.0.2.1", "+"),
        ("v=spf1 a:host.shop.example//64 -all", "2001:db8::ffff", "+"),
        ("v=spf1 mx -all", "192.0.2.25", "+"),
        ("v=spf1 include:relay.example -all", "198.51.100.9", "+"),
        ("v=spf1 include:relay.example ?all", "203.0.113.1", "?"),
        ("v=spf1 redirect=relay.example", "198.51.100.9", "+"),
        ("v=spf1 redirect=relay.example", "203.0.113.1", "-"),
        ("V=SPF1 exp=why.example ip4:192.0.2.1", "192.0.2.1", "+"),
        ("v=spf1", "192.0.2.1", "?"),
    ],
)
def test_the_verdict_on_an_address(record: str, address: str, verdict: str) -> None:
    policy, reader = read(record)

    assert policy.verdict(ip_address(address)) == verdict
    assert reader.problems == []


@pytest.mark.parametrize(
    ("record", "others"),
    [("v=spf1 -all", "-"), ("v=spf1 ~all", "~"), ("v=spf1 all", "+"), ("v=spf1 redirect=relay.example", "-")],
)
def test_what_it_says_of_others(record: str, others: str) -> None:
    assert read(record)[0].others == others


@pytest.mark.parametrize(
    ("record", "more", "told"),
    [
        ("v=spf2 -all", {}, "shop.example has no records"),
        ("v=spf1 -all", {"shop.example TXT": ["v=spf1 -all", "v=spf1 ~all"]}, "shop.example has 2 records"),
        ("v=spf1 include:gone.example -all", {}, "gone.example has no records"),
        ("v=spf1 ip4:192.0.2.300 -all", {}, "'192.0.2.300' is no network"),
        ("v=spf1 ipv4:192.0.2.3 -all", {}, "unknown term 'ipv4:192.0.2.3'"),
        ("v=spf1 include:loop.example -all", {"loop.example TXT": ["v=spf1 include:shop.example"]}, "includes itself"),
    ],
)
def test_what_is_wrong_with_a_record(record: str, more: Zone, told: str) -> None:
    _, reader = read(record, more)

    assert any(told in problem for problem in reader.problems)


@pytest.mark.parametrize(("number", "is_fine"), [(10, True), (11, False)])
def test_ten_lookups_are_allowed(number: int, is_fine: bool) -> None:
    _, reader = read("v=spf1 " + " ".join(f"a:h{at}.shop.example" for at in range(number)) + " -all")

    assert reader.lookups == number
    assert (reader.problems == []) is is_fine


def test_single_addresses_are_those_of_the_record_itself() -> None:
    policy, _ = read(
        "v=spf1 ip4:192.0.2.1 ip4:192.0.2.0/28 a:host.shop.example include:relay.example -ip4:192.0.2.9 -all"
    )

    assert [str(one) for one in policy.single_addresses] == ["192.0.2.1", "192.0.2.7", "2001:db8::7"]
