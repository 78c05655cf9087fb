"""What somebody could try, or chance could do, to get at another's data or to bring back what was taken away."""

import base64
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.collector.app import CollectorApp
from connectors.collector.keys import WriteKeys
from schemas.codec import encode
from schemas.events import Event, EventKind, decode_event
from schemas.library import ConsentSettings, Release
from schemas.worlds import WorldRef
from tests.support.asgi import request
from tests.support.collecting import NOW_MS, SHOP, Rig
from tests.support.events import START_MS, WORKSPACE, erased, event, rated
from tests.support.relay_loop import RelayLoop

YES: dict[str, Any] = {"consent": {"categoryPreferences": {"analytics": True, "personalisation": True}}}
NO: dict[str, Any] = {"consent": {"categoryPreferences": {}}}
ANALYTICS_ONLY: dict[str, Any] = {"consent": {"categoryPreferences": {"analytics": True}}}


@pytest.fixture
def path(sample_release: Release) -> RelayLoop:
    """Everybody agrees who says nothing; each record is read twice, as after a crash."""
    return loop(sample_release, missing=True, repeats=2)


def loop(release: Release, *, missing: bool, repeats: int = 1) -> RelayLoop:
    settings = replace(release.settings, consent=ConsentSettings(missing=missing))
    return RelayLoop(encode(replace(release, settings=settings)), repeats)


def browsed(genre: str, device: str, at_ms: int, **fields: Any) -> Event:
    return rated(genre, device, at_ms, anonymous=True, **fields)


def identified(user: str, device: str, at_ms: int, **fields: Any) -> Event:
    return event(EventKind.IDENTIFY, user, at_ms, linked=device, **fields)


def aliased(user: str, former: str, at_ms: int, **fields: Any) -> Event:
    return event(EventKind.ALIAS, user, at_ms, linked=former, **fields)


def told(name: str, user: str, at_ms: int, **properties: Any) -> Event:
    return event(EventKind.TRACK, user, at_ms, name=name, properties=properties)


def tags(path: RelayLoop, user: str) -> set[int | str]:
    return set(path.profile(user).tags.values)


# Claiming somebody else's id


def test_nobody_gets_at_a_person_by_naming_the_person_as_a_device(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS)])
    path.collect([identified("thief", "ana", START_MS + 1), rated("drama", "ana", START_MS + 2)])
    assert tags(path, "ana") == {"jazz", "drama"}
    assert tags(path, "thief") == set()
    assert path.profile("ana").links == ()


def test_who_claimed_a_person_is_not_the_person_when_it_comes_to_erasing(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS), identified("thief", "ana", START_MS + 1)])
    assert path.profile("thief").linked == ()
    path.collect([erased("thief", START_MS + 2)])
    assert tags(path, "ana") == {"jazz"}


def test_an_id_that_was_claimed_before_it_was_anybody_s_is_the_person_s_once_there_is_one(path: RelayLoop) -> None:
    path.collect([identified("thief", "ana", START_MS), rated("jazz", "ana", START_MS + 1)])
    assert tags(path, "ana") == {"jazz"}
    assert tags(path, "thief") == set()
    assert path.profile("ana").links == ()
    assert path.profile("thief").linked == ()
    path.collect([erased("thief", START_MS + 2)])
    assert not path.profile("ana").is_grave


def test_an_erasure_goes_on_only_to_ids_that_are_the_person_s(path: RelayLoop) -> None:
    path.collect([rated("jazz", "ana", START_MS), erased("ana", START_MS + 1, via=("thief",))])
    assert tags(path, "ana") == {"jazz"}


@pytest.mark.parametrize("name", ["Email Opened", "Email Link Clicked", "Unsubscribed"])
def test_what_providers_tell_under_a_device_s_id_makes_it_nobody_s(path: RelayLoop, name: str) -> None:
    path.collect([browsed("jazz", "device", START_MS), told(name, "device", START_MS + 1)])
    path.collect([identified("ana", "device", START_MS + 2)])
    assert tags(path, "ana") == {"jazz"}


def stored(call: dict[str, Any], key: str) -> list[Event]:
    """What the collector writes of a call that comes with a page's key, or with a secret one."""
    rig = Rig()
    keys = WriteKeys({"secret": SHOP}, public={"page": SHOP})
    app = CollectorApp(keys, rig.log, rig.world, rig.meters, clock=lambda: NOW_MS)
    header = {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}
    assert request(app, "POST", "/v1/alias", encode_call(call), header).status == 202
    events = [decode_event(record.value) for record in rig.log.records]
    return [replace(one, workspace=WORKSPACE, world=WorldRef(1, 0)) for one in events]


def encode_call(call: dict[str, Any]) -> bytes:
    return repr(call).replace("'", '"').encode()


@pytest.mark.parametrize(("key", "stolen"), [("page", False), ("secret", True)])
def test_an_alias_with_the_key_of_a_page_moves_no_known_person(path: RelayLoop, key: str, stolen: bool) -> None:
    _, link = stored({"userId": "thief", "previousId": "ana"}, key)
    path.collect([rated("jazz", "ana", START_MS)])
    path.collect([replace(link, at_ms=START_MS + 1, received_ms=START_MS + 1)])
    assert (tags(path, "thief") == {"jazz"}) is stolen


def test_an_alias_with_the_key_of_a_page_moves_an_anonymous_profile(path: RelayLoop) -> None:
    _, link = stored({"userId": "ana", "previousId": "device"}, "page")
    path.collect([browsed("jazz", "device", START_MS)])
    path.collect([replace(link, at_ms=START_MS + 1, received_ms=START_MS + 1)])
    assert tags(path, "ana") == {"jazz"}
