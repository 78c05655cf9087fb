"""What a release lets through, and how releases that cannot be read are passed over."""

import msgspec
import pytest

from connectors.collector.reduction import ONLY_BASICS
from connectors.collector.workspace_rules import WorkspaceRules, rules_of
from schemas.codec import encode
from schemas.ids import WorkspaceId
from schemas.keys import join_key
from schemas.library import Release, TraitSettings
from templates.settings_building import build_settings
from tests.support.small_releases import small_release


@pytest.fixture(scope="module")
def release() -> Release:
    found = small_release(2, fields=("first_name", "city"))
    traits = TraitSettings(kept=("plan",), bands=("geburtstag",), sensitive=("sternzeichen",))
    return msgspec.structs.replace(found, settings=msgspec.structs.replace(found.settings, traits=traits))


def key_of(release: Release, workspace: str = "") -> bytes:
    return join_key(workspace or release.workspace, "1-abcd")


def test_a_release_lets_through_what_its_settings_and_its_fields_name(release: Release) -> None:
    rules = rules_of(release)

    assert rules.kept == {"locale", "timezone", "consent", "plan", "first_name", "city"}
    assert rules.bands == {"geburtstag"}
    assert rules.meanings["sternZeichen"] == "sensitive"


def test_the_newest_release_holds_and_only_for_its_workspace(release: Release) -> None:
    rules = WorkspaceRules()
    rules.learn(key_of(release), encode(release))
    newer = msgspec.structs.replace(release.settings, traits=TraitSettings(kept=("size",)))
    rules.learn(key_of(release), encode(msgspec.structs.replace(release, settings=newer)))

    assert "size" in rules.of(release.workspace).kept
    assert "plan" not in rules.of(release.workspace).kept
    assert rules.of(WorkspaceId("another")) is ONLY_BASICS


@pytest.mark.parametrize("value", [b"", b"\xff", b"\x01nonsense"])
def test_a_bad_release_changes_nothing(release: Release, value: bytes) -> None:
    rules = WorkspaceRules()
    rules.learn(key_of(release), encode(release))
    rules.learn(key_of(release), value)
    rules.learn(b"no key", encode(release))
    rules.learn(key_of(release, "another"), encode(release))

    assert "plan" in rules.of(release.workspace).kept
    assert rules.of(WorkspaceId("another")) is ONLY_BASICS


def test_a_workspace_says_so_in_its_settings() -> None:
    needed = {
        "default_locale": "en",
        "timezone": "UTC",
        "sender": {"name": "Shop", "email": "post@shop.example"},
        "home_url": "https://shop.example/",
    }
    traits = {"kept": ["plan"], "bands": ["geburtstag"]}

    assert build_settings({**needed, "traits": traits}).traits == TraitSettings(kept=("plan",), bands=("geburtstag",))
    assert build_settings(needed).traits == TraitSettings()
