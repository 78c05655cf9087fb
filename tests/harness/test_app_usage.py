"""App usage, push and demographics end to end without a broker: calls over HTTP, their records, the step, profiles."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from connectors.collector.app import CollectorApp
from connectors.collector.keys import WriteKeys
from connectors.collector.meters import Meters
from connectors.collector.workspace_rules import rules_of
from online_models.cells import Profile
from schemas.codec import encode
from schemas.library import Release
from schemas.worlds import WorldRef
from tests.support.asgi import request
from tests.support.collecting import FixedWorld, MemoryLog
from tests.support.events import HOUR_MS, START_MS, WORKSPACE
from tests.support.relay_loop import RelayLoop

PHONE = {
    "device": {"type": "ios", "id": "B5372DB0", "name": "Ana's phone", "token": "ff15bc0c20c4"},
    "app": {"name": "Shop", "version": "1.2"},
    "timezone": "Europe/Lisbon",
    "consent": {"categoryPreferences": {"analytics": True, "personalisation": True}},
}
APP_USAGE: list[dict[str, Any]] = [
    {"type": "track", "event": "Application Installed", "properties": {"version": "1.2", "build": "7"}},
    {"type": "track", "event": "Application Opened", "properties": {"from_background": False}},
    {"type": "screen", "name": "Content Viewed", "properties": {"genres": ["Drama"]}},
    {"type": "track", "event": "Application Backgrounded"},
]
PUSH: list[dict[str, Any]] = [
    {"type": "track", "event": "Push Notification Received", "properties": {"campaign": {"name": "spring"}}},
    {"type": "track", "event": "Push Notification Opened", "properties": {"campaign": {"name": "spring"}}},
    {"type": "track", "event": "Push Notification Dismissed"},
]


class Path:
    """A collector, its log, and the job's step behind it."""

    def __init__(self, release: Release) -> None:
        self.log = MemoryLog()
        world = FixedWorld()
        world.world = WorldRef(1, 0)
        self._app = CollectorApp(
            WriteKeys({}, WORKSPACE),
            self.log,
            world,
            Meters(),
            clock=lambda: self.now_ms,
            rules_of=lambda _: rules_of(release),
        )
        self._loop = RelayLoop(encode(release))
        self._read = 0
        self.now_ms = START_MS

    def send(self, calls: Sequence[dict[str, Any]], **common: Any) -> None:
        """Calls in one batch, a minute apart, and everything that follows from them."""
        batch = [{"context": PHONE, **common, **call} for call in calls]
        answer = request(self._app, "POST", "/v1/batch", json.dumps({"batch": batch}).encode())
        assert answer.json == {"accepted": len(calls), "refused": []}
        for event in self.log.events[self._read :]:
            self._loop._apply(event)
            self._loop.settle()
        self._read = len(self.log.events)
        self.now_ms += HOUR_MS

    def profile(self, user: str) -> Profile:
        return self._loop.profile(user)

    def addresses(self, user: str) -> dict[str, str]:
        return dict(self._loop.contact(user).addresses)


@pytest.fixture
def path(sample_release: Release) -> Path:
    return Path(sample_release)


@pytest.mark.parametrize("call", [*APP_USAGE, *PUSH], ids=lambda call: call.get("event") or call["type"])
def test_each_is_behaviour_of_a_phone(path: Path, call: dict[str, Any]) -> None:
    path.send([call], userId="ana")

    profile = path.profile("ana")
    assert profile.events == 1
    assert set(profile.devices.values) == {"ios"}
    assert profile.last_seen_ms == START_MS
    assert profile.timezone == "Europe/Lisbon"


def test_a_visit_in_the_app_moves_the_features(path: Path) -> None:
    path.send(APP_USAGE, userId="ana")
    path.send(PUSH, userId="ana")

    profile = path.profile("ana")
    assert profile.events == len(APP_USAGE) + len(PUSH)
    assert profile.sessions.count() == 2
    assert profile.tags.values["drama"] > 0
    assert profile.sends.reacted_ms == START_MS + HOUR_MS, "to open a push is a reaction"


def test_what_a_phone_did_before_its_owner_signed_in_is_the_owners(path: Path) -> None:
    path.send(APP_USAGE, anonymousId="phone-1")
    before = path.profile("ana").events

    path.send([{"type": "identify"}], anonymousId="phone-1", userId="ana")

    assert before == 0
    assert path.profile("ana").events == len(APP_USAGE)
    assert path.profile("ana").tags.values["drama"] > 0


def test_demographics_arrive_reduced_and_addresses_apart(path: Path) -> None:
    traits = {
        "first_name": "Ana",
        "email": "Ana@SHOP.example",
        "birthday": "1990-05-17",
        "religion": "none",
        "shoe": "Size 42",
    }

    path.send([{"type": "identify", "traits": traits}], userId="ana")

    assert path.profile("ana").traits == {"first_name": "Ana"}
    assert path.addresses("ana") == {"email": "Ana@shop.example"}
    identify = next(record.value for record in path.log.records if b'"identify"' in record.value)
    assert b'"age_band":"35-44"' in identify
    for secret in (b"1990", b"shop.example", b"SHOP", b"religion", b"none", b"Size", b"ff15bc0c20c4", b"Ana's phone"):
        assert secret not in identify
