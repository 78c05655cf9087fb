"""Live traffic: everything due is told and drawn, nothing is lost, and the people wait for slow programs."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

import pytest

from foresend.demo.traffic import WAITING_MAX, Traffic, call_of
from foresend.simulation.simulation import Act, Occasion
from schemas.events import EventKind
from schemas.ids import SendId, SlotName, TemplateName, UserId, VariantId
from tests.support.asked import AskedServer

ANA = UserId("ana/b")
NEWS = TemplateName("news")
PATIENCE_S = 10.0


class Script:
    """People whose whole life is written down."""

    def __init__(self, *due: Act | Occasion) -> None:
        self._due = list(due)
        self.lived_s = 0.0
        self.told: list[tuple[SendId, Mapping[SlotName, VariantId], bool]] = []

    def until(self, now_s: float) -> Iterator[Act | Occasion]:
        self.lived_s = now_s
        while self._due and self._due[0].at_s <= now_s:
            yield self._due.pop(0)

    def shown(self, occasion: Occasion, variants: Mapping[SlotName, VariantId], *, personal: bool) -> None:
        self.told.append((occasion.send_id, variants, personal))


def act(number: int, at_s: float = 0.0) -> Act:
    return Act(at_s, ANA, EventKind.TRACK, f"Rated {number}", {"genres": ["Jazz"]}, context={"locale": "de"})


def occasion(number: int, at_s: float = 0.0) -> Occasion:
    return Occasion(at_s, SendId(f"send-{number}"), ANA, NEWS)


def accepted(_method: str, _path: str, body: bytes) -> tuple[int, Any]:
    return 202, {"accepted": body.count(b"messageId"), "refused": []}


def drawn(source: str = "entry", affinities: Sequence[float] = (0.0, 0.4), content: float = 0.0) -> dict[str, Any]:
    slot = {
        "variants": ["a", "b"],
        "probabilities": [0.5, 0.5],
        "terms": {"prior": [0.1, 0.2], "content": [0.0, content]},
        "affinities": affinities,
    }
    is_entry = source == "entry"
    return {
        "source": source,
        "reason": "" if is_entry else "unknown",
        "variants": {"subject": "b"} if is_entry else {},
        "explain": {"subject": slot} if is_entry else None,
    }


def live(traffic: Traffic, until: Callable[[], bool]) -> None:
    """Let traffic go on until something holds."""

    async def watched() -> None:
        running = asyncio.create_task(traffic.run())
        deadline = perf_counter() + PATIENCE_S
        while not until():
            assert perf_counter() < deadline, "waited in vain"
            assert not running.done(), running.exception()
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(watched())


def test_acts_become_calls_in_batches_in_their_order() -> None:
    collector = AskedServer(accepted)
    people = Script(*(act(number) for number in range(20)))
    traffic = Traffic(people, collector, AskedServer(accepted), perf_counter)

    live(traffic, lambda: traffic.acts == 20)

    calls = [call for _, path, body in collector.asked if path == "/v1/batch" for call in body["batch"]]
    assert [call["event"] for call in calls] == [f"Rated {number}" for number in range(20)]
    assert len({call["messageId"] for call in calls}) == 20
    assert len(collector.asked) < 20


def test_an_act_becomes_a_call_of_its_kind_without_what_is_empty() -> None:
    assert call_of(act(1), "m") == {
        "type": "track",
        "messageId": "m",
        "userId": ANA,
        "event": "Rated 1",
        "properties": {"genres": ["Jazz"]},
        "context": {"locale": "de"},
    }
    page = Act(0.0, ANA, EventKind.PAGE, "Home")
    assert call_of(page, "m") == {"type": "page", "messageId": "m", "userId": ANA, "name": "Home"}


def test_an_occasion_is_drawn_with_its_send_id_and_told_back() -> None:
    gateway = AskedServer(lambda *_: (200, drawn()))
    people = Script(occasion(1))
    traffic = Traffic(people, AskedServer(accepted), gateway, perf_counter)

    live(traffic, lambda: traffic.sends == 1)

    path = "/v1/communications/news/ana%2Fb?format=json&explain=true"
    assert gateway.asked == [("POST", path, {"send_id": "send-1"})]
    assert people.told == [("send-1", {"subject": "b"}, True)]


@pytest.mark.parametrize(
    ("answer", "personal"),
    [
        (drawn(affinities=(0.0, 0.0)), False),
        (drawn(affinities=(0.0, 0.0), content=-0.2), True),
        (drawn(affinities=(0.3, 0.0)), True),
        (drawn(source="fallback"), False),
    ],
)
def test_personal_is_what_the_persons_own_events_count_in(answer: dict[str, Any], personal: bool) -> None:
    people = Script(occasion(1))
    traffic = Traffic(people, AskedServer(accepted), AskedServer(lambda *_: (200, answer)), perf_counter)

    live(traffic, lambda: traffic.sends == 1)

    assert people.told == [("send-1", answer["variants"], personal)]
    assert dict(traffic.fallbacks) == ({} if answer["source"] == "entry" else {"unknown": 1})


def test_what_is_refused_is_counted_and_not_sent_again() -> None:
    collector = AskedServer(lambda *_: (202, {"accepted": 1, "refused": [{"index": 0}]}))
    gateway = AskedServer(lambda *_: (410, {}))
    traffic = Traffic(Script(act(1), act(2), occasion(1)), collector, gateway, perf_counter)

    live(traffic, lambda: traffic.refused == 2)

    assert (traffic.acts, traffic.sends, len(collector.asked), len(gateway.asked)) == (1, 0, 1, 1)


def test_a_program_that_is_busy_or_away_is_asked_again_with_the_same() -> None:
    answers: list[tuple[int, Any]] = [(503, {}), (503, {})]
    collector = AskedServer(lambda *asked: answers.pop() if answers else accepted(*asked))
    gateway = AskedServer(lambda *_: (200, drawn()))
    gateway.is_down = True
    traffic = Traffic(Script(act(1), occasion(1)), collector, gateway, perf_counter)

    live(traffic, lambda: traffic.acts == 1)
    assert traffic.sends == 0
    gateway.is_down = False

    assert [body for _, _, body in collector.asked] == [collector.asked[0][2]] * 3


def test_the_people_wait_for_programs_that_cannot_follow_and_it_is_said() -> None:
    gateway = AskedServer(lambda *_: (200, drawn()))
    gateway.is_down = True
    people = Script(*(occasion(number) for number in range(WAITING_MAX + 10)), occasion(10**6, at_s=0.001))
    traffic = Traffic(people, AskedServer(accepted), gateway, perf_counter)

    live(traffic, lambda: traffic.held_s > 0.1)
    stood_at_s = people.lived_s

    assert traffic.waiting > WAITING_MAX
    assert stood_at_s < traffic.held_s + 0.1
