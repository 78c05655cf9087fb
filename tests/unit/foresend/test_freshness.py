"""Probes of freshness: what is timed, when they give up, and where a value can be seen."""

import asyncio
import json

import msgspec
import pytest

from connectors.http.client import Headers, HttpUnavailable, Reply
from foresend.freshness import FreshnessProbe, ProbePlace, probe_place
from schemas.ids import FieldName, TemplateName
from schemas.library import Release

PLACE = ProbePlace(TemplateName("news letter"), FieldName("first_name"))


class World:
    """A collector and a gateway whose messages show a change only at the `looks`-th look after it."""

    def __init__(self, looks: int = 1, status: int = 202) -> None:
        self.now_s = 100.0
        self.looks = looks
        self.status = status
        self.asked: list[tuple[str, str]] = []
        self.told: list[dict[str, object]] = []
        self.is_down = False

    async def request(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Reply:  # noqa: ARG002
        self.now_s += 0.01
        if self.is_down:
            raise HttpUnavailable("down")
        self.asked.append((method, path))
        if method == "POST":
            self.told.append(json.loads(body))
            self.left = self.looks
            return Reply(self.status, {}, b"")
        self.left -= 1
        value = self.told[-1]["traits"]["first_name"] if self.left <= 0 else "Ana"  # type: ignore[index]
        return Reply(200, {}, b'{"html": "Dear %b"}' % str(value).encode())


def probe_of(world: World, people: int = 3, timeout_s: float = 1.0) -> FreshnessProbe:
    return FreshnessProbe(PLACE, world, world, people=people, timeout_s=timeout_s, clock=lambda: world.now_s)


def test_a_probe_lasts_from_acceptance_to_the_first_look_that_shows_it() -> None:
    world = World(looks=3)

    seconds = asyncio.run(probe_of(world).probe())

    assert seconds == pytest.approx(0.03)
    assert world.asked == [
        ("POST", "/v1/identify"),
        *[("GET", "/v1/communications/news%20letter/probe-0?format=json")] * 3,
    ]


def test_every_probe_has_a_value_and_an_event_of_its_own_and_people_take_turns() -> None:
    world = World()
    probe = probe_of(world, people=2)

    async def thrice() -> None:
        for _ in range(3):
            await probe.probe()

    asyncio.run(thrice())

    assert [call["userId"] for call in world.told] == ["probe-0", "probe-1", "probe-0"]
    assert len({json.dumps(call["traits"]) for call in world.told}) == 3
    assert len({call["messageId"] for call in world.told}) == 3


def test_what_is_not_seen_in_time_has_no_time() -> None:
    world = World(looks=10**9)

    assert asyncio.run(probe_of(world, timeout_s=0.05).probe()) is None
    assert 4 <= len(world.asked) <= 8


@pytest.mark.parametrize("status", [400, 503])
def test_what_was_not_accepted_is_not_waited_for(status: int) -> None:
    world = World(status=status)

    assert asyncio.run(probe_of(world).probe()) is None
    assert len(world.asked) == 1


def test_a_server_that_is_away_makes_no_probe_and_its_person_can_be_asked_again() -> None:
    world = World()
    probe = probe_of(world, people=1)

    async def twice() -> list[float | None]:
        world.is_down = True
        first = await probe.probe()
        world.is_down = False
        return [first, await probe.probe()]

    first, second = asyncio.run(twice())
    assert first is None
    assert second is not None


def test_when_everybody_is_busy_there_is_no_probe() -> None:
    world = World(looks=2)
    probe = probe_of(world, people=1)

    async def both() -> tuple[float | None, float | None]:
        return await asyncio.gather(probe.probe(), probe.probe())

    found = asyncio.run(both())
    assert [seconds is None for seconds in found] == [False, True]


def test_settling_makes_every_person_once() -> None:
    world = World()

    asyncio.run(probe_of(world, people=20).settle())

    assert sorted(str(call["userId"]) for call in world.told) == sorted(f"probe-{number}" for number in range(20))


def test_a_value_is_shown_where_a_template_prints_a_field_of_text(sample_release: Release) -> None:
    assert probe_place(sample_release) == ("cart_reminder", "first_name")


def test_a_field_that_is_too_short_or_an_address_or_not_printed_is_no_place(sample_release: Release) -> None:
    def with_fields(**changes: object) -> Release:
        templates = tuple(
            msgspec.structs.replace(
                template, fields=tuple(msgspec.structs.replace(field, **changes) for field in template.fields)
            )
            for template in sample_release.templates
        )
        return msgspec.structs.replace(sample_release, templates=templates)

    assert probe_place(with_fields(length_max=10)) is not None
    assert probe_place(with_fields(length_max=9)) is None
    assert probe_place(with_fields(kind="url")) is None
    assert probe_place(with_fields(name="first")) is None
