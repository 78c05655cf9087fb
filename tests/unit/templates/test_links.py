"""The fixed addresses of a release: what tracked links may lead to."""

import re
from html import unescape

import pytest

from schemas.library import Release
from templates.compiler import compile_release
from templates.links import link_id, links_of
from templates.workspace import SAMPLE, load


@pytest.fixture(scope="module")
def release() -> Release:
    return compile_release(load(SAMPLE))


def test_every_fixed_address_of_a_message_has_an_id(release: Release) -> None:
    fallback = release.fallbacks["newsletter/en"].html.decode()
    shown = {unescape(one) for one in re.findall(r'href="(https://[^"]*)"', fallback)}
    assert shown
    assert shown <= {*release.links.values()}


def test_campaign_parameters_belong_to_the_address(release: Release) -> None:
    of_variants = [address for address in release.links.values() if "utm_content=hero." in address]
    assert of_variants


def test_no_address_holds_what_is_filled_in_later(release: Release) -> None:
    for address in release.links.values():
        assert address.startswith("https://")
        assert "{" not in address
        assert release.mark_prefix not in address


def test_the_same_address_has_the_same_id_in_all_releases(release: Release) -> None:
    assert all(link_id(address) == link for link, address in release.links.items())
    assert links_of(release) == release.links
