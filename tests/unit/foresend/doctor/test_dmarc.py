"""DMARC policies up the tree, and which domains are aligned."""

import pytest

from foresend.doctor.dmarc import aligned, dmarc_of
from foresend.doctor.resolving import Dns
from tests.support.name_server import Zone, name_server

SHOP = {"_dmarc.shop.example TXT": ["v=DMARC1; p=reject; sp=quarantine"]}
LONG = "a.b.c.d.e.f.g.h.i.shop.example"


@pytest.mark.parametrize(
    ("zone", "domain", "at", "policy", "organisation"),
    [
        (SHOP, "shop.example", "shop.example", "reject", "shop.example"),
        (SHOP, "news.shop.example", "shop.example", "quarantine", "shop.example"),
        (SHOP, LONG, "shop.example", "quarantine", "shop.example"),
        (
            {**SHOP, "_dmarc.news.shop.example TXT": ["v=DMARC1; p=none"]},
            "news.shop.example",
            "news.shop.example",
            "none",
            "shop.example",
        ),
        (
            {**SHOP, "_dmarc.news.shop.example TXT": ["v=DMARC1; p=none; psd=n"]},
            "a.news.shop.example",
            "news.shop.example",
            "none",
            "news.shop.example",
        ),
        (
            {"_dmarc.bank TXT": ["v=DMARC1; p=reject; psd=y"], "_dmarc.one.bank TXT": ["v=DMARC1; p=none"]},
            "mail.one.bank",
            "one.bank",
            "none",
            "one.bank",
        ),
        ({}, "shop.example", "", "", "shop.example"),
    ],
)
def test_the_policy_of_a_domain(zone: Zone, domain: str, at: str, policy: str, organisation: str) -> None:
    with name_server(zone) as server:
        found = dmarc_of(Dns(server), domain)

    assert (found.at, found.policy(domain), found.organisation) == (at, policy, organisation)


def test_of_two_records_none_is_heeded() -> None:
    with name_server({"_dmarc.shop.example TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}) as server:
        found = dmarc_of(Dns(server), "shop.example")

    assert found.at == ""
    assert "2 records" in found.problems[0]


@pytest.mark.parametrize(
    ("one", "other", "mode", "fits"),
    [
        ("shop.example", "shop.example", "s", True),
        ("shop.example", "in.shop.example", "s", False),
        ("shop.example", "in.shop.example", "r", True),
        ("news.shop.example", "in.shop.example", "r", True),
        ("shop.example", "other.example", "r", False),
    ],
)
def test_alignment(one: str, other: str, mode: str, fits: bool) -> None:
    with name_server(SHOP) as server:
        assert aligned(Dns(server), one, other, mode) is fits
