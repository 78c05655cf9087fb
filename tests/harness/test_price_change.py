"""The whole circle of a catalogue without Kafka: collected, shown, changed, asked for, rendered again, never served."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.cache.item_watch import Asker
from connectors.cache.rows import OutboxRow
from connectors.gateway.events import catalogue_refresh_row
from schemas.catalogue import Item, ItemId, item_key
from schemas.codec import encode
from schemas.events import EventKind, decode_event
from schemas.library import Release
from schemas.topics import COMMUNICATIONS, EVENTS
from schemas.worlds import WorldRef
from templates.compiler import compile_release
from templates.workspace import load
from tests.harness.test_catalogue import Job
from tests.support.catalogues import film, workspace_of_films
from tests.support.events import START_MS, rated
from tests.support.gateway import GatewayInProcess

FEW = tuple(film(number, tags=("comedy",)) for number in range(2))
MANY = tuple(film(10 + number, tags=("horror",)) for number in range(30))
DEARER = film(1, price="£99", tags=("comedy",))
GONE = film(1, gone=True)
FIRST, CHANGED, REMOVED = len(FEW) + len(MANY), len(FEW) + len(MANY) + 1, len(FEW) + len(MANY) + 2


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return compile_release(load(workspace_of_films(tmp_path_factory.mktemp("films"))))


class Circle:
    """A job and a node, each told what the other writes."""

    def __init__(self, release: Release, folder: Path, per_s: float = 500.0) -> None:
        self.job = Job(release, *FEW, *MANY, DEARER, GONE)
        self.node = GatewayInProcess(folder)
        self.node.clock.now_ms = START_MS
        self.node.release(release)
        self.asker = Asker(self.node.store, self.node.items, self.row, self.node.clock, per_s)
        self._known, self._read, self._asked = 0, 0, 0
        self.learn(FIRST)
        self.asker.begin()

    def row(self, key: bytes, offset: int, at_ms: int) -> OutboxRow:
        """As `foresend.serving` makes it."""
        return catalogue_refresh_row(key, offset, at_ms, WorldRef(1, 0, self.node.items.end))

    def learn(self, end: int) -> None:
        """The node reads the catalogue on."""
        versions: tuple[Item, ...] = (*FEW, *MANY, DEARER, GONE)
        for offset in range(self._known, end):
            item = versions[offset]
            self.node.items.take(offset, item_key(item.workspace, item.catalogue, item.id), encode(item))
        self._known = end

    def carry(self) -> None:
        """What the job wrote reaches the node."""
        for output in self.job.harness.outputs[self._read :]:
            self.node.record(COMMUNICATIONS.name, output.key, output.value)
        self._read = len(self.job.harness.outputs)

    def ask(self, seconds: float = 1.0) -> list[str]:
        """Let the node ask for so long, and the job answer; returns who was asked for."""
        self.node.clock.now_ms += int(1000 * seconds)
        self.asker.tick()
        rows = [row for row in self.node.outbox() if row.topic == EVENTS.name][self._asked :]
        self._asked += len(rows)
        asked = [decode_event(row.value) for row in rows]
        for event in asked:
            self.job.send(event, event.world.catalogue)
        self.carry()
        return [event.user for event in asked if event.kind is EventKind.REFRESH]


@pytest.fixture
def circle_of(release: Release, tmp_path: Path) -> Iterator[Callable[[float], Circle]]:
    made: list[Circle] = []

    def make(per_s: float) -> Circle:
        made.append(Circle(release, tmp_path / "cache", per_s))
        return made[-1]

    yield make
    for one in made:
        one.node.close()


@pytest.fixture
def circle(circle_of: Callable[[float], Circle]) -> Circle:
    made = circle_of(500.0)
    for user, genre in (("ana", "comedy"), ("ben", "horror")):
        made.job.send(rated(genre, user=user), FIRST)
    made.carry()
    assert made.ask() == []
    assert ItemId("f1") in made.job.held("ana")
    assert ItemId("f1") not in made.job.held("ben")
    return made


def test_a_price_is_changed_for_those_whose_entry_shows_the_item(circle: Circle) -> None:
    before = circle.job.decision("ben").id
    circle.learn(CHANGED)
    assert circle.ask() == ["ana"]
    assert circle.job.decision("ana").cause == "catalogue"
    assert circle.job.decision("ben").id == before
    assert any("£99" in page for page in circle.job.pages("ana"))
    assert circle.ask() == []


def test_an_entry_that_comes_when_its_items_change_was_passed_already_is_asked_for(circle: Circle) -> None:
    circle.job.send(rated("comedy", user="cleo"), FIRST)
    late = [output for output in circle.job.harness.outputs if b"|newsletter|" in output.key][-1]
    circle.learn(CHANGED)
    circle.asker.tick()
    circle.node.clock.now_ms += 1000
    circle.asker.tick()
    assert not circle.node.items.changed
    circle.node.record(COMMUNICATIONS.name, late.key, late.value)
    assert circle.ask() == ["ana", "cleo"]
    assert any("£99" in page for page in circle.job.pages("cleo"))
    assert circle.ask() == []


def test_who_was_rendered_since_is_not_asked_for(circle: Circle) -> None:
    circle.learn(CHANGED)
    circle.job.asked("ana", CHANGED)
    circle.carry()
    assert circle.ask() == []


def test_an_item_that_is_gone_is_never_served_and_leaves_the_entry(circle: Circle) -> None:
    circle.learn(REMOVED)
    for number in range(20):
        told = circle.node.post("/v1/communications/newsletter/ana", f"send-{number}")
        assert told.status == 200
        assert "Film 1<" not in json.dumps(told.json)
    assert circle.ask() == ["ana"]
    assert ItemId("f1") not in circle.job.held("ana")


def test_no_more_are_asked_for_than_the_rate_allows(circle_of: Callable[[float], Circle]) -> None:
    circle = circle_of(2.0)
    users = [f"u{number}" for number in range(5)]
    for user in users:
        circle.job.send(rated("comedy", user=user), FIRST)
    circle.carry()
    circle.ask()
    holders = [user for user in users if "f1" in circle.job.held(user)]
    circle.learn(CHANGED)
    asked = [circle.ask() for _ in range(4)]
    assert max(map(len, asked)) <= 2
    assert sorted(user for some in asked for user in some) == sorted(holders)


def test_what_was_told_before_is_not_told_again_after_a_restart(circle: Circle) -> None:
    circle.learn(CHANGED)
    assert circle.ask() == ["ana"]
    again = Asker(circle.node.store, circle.node.items, circle.row, circle.node.clock)
    item = item_key(FEW[1].workspace, FEW[1].catalogue, FEW[1].id)
    circle.node.items.changed[item] = CHANGED - 1
    again.begin()
    assert circle.node.items.changed == {}
