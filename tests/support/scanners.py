"""Simulated scanners of six shapes, and people, let loose on the job's own step: who is taken for whom.

Every send has its own user, so that counts tell which click got which label. What happens comes to the log late, and
half of it in batches, as mail providers tell it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from connectors.kafka.event_records import event_record
from flink_jobs.cells import PROFILE
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.records import InputRecord
from foresend.simulation.closed_loop import BlankWorlds
from online_models.cells import Profile
from schemas.codec import decode
from schemas.decisions import Exposure
from schemas.events import Event, EventKind
from schemas.ids import DecisionId, SendId
from schemas.library import Release
from schemas.versions import Position
from tests.support.agents import CHROME
from tests.support.events import DAY_MS, START_MS, event

SHAPES = ("agent", "head", "links", "messages", "speed", "patient")
"""A known agent; HEAD; all links within seconds; several messages at once; too soon; and one that nothing tells."""
PROGRAMS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "python-requests/2.31.0",
    "curl/8.5.0",
    CHROME.replace("Chrome", "HeadlessChrome"),
    "Barracuda Sentinel (EE)",
)
BROWSERS = (
    CHROME,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1 (KHTML, like Gecko) Version/17.4 Safari/605.1",
    "",
)
BATCH_S = 5.0
SECOND = 1000


@dataclass(frozen=True)
class Hit:
    """One link asked for: seconds after delivery, which message and link of the user's, how."""

    at_s: float
    message: int = 0
    link: int = 0
    agent: str = CHROME
    method: str = "GET"


def scans(shape: str, chance: Random) -> list[Hit]:
    """What one scanner of a shape asks for."""
    start = chance.uniform(5.5, 120.0) if chance.random() < 0.8 else chance.uniform(120.0, 20_000.0)
    browser = chance.choice(BROWSERS)
    links = chance.randint(2, 8)
    if shape == "agent":
        return [Hit(start + n, 0, n, chance.choice(PROGRAMS)) for n in range(chance.randint(1, 5))]
    if shape == "head":
        return [Hit(start + n * 3.0, 0, n, browser, "HEAD") for n in range(chance.randint(1, 3))]
    if shape == "links":
        gaps = [chance.uniform(0.05, 1.2) for _ in range(links)]
        return [Hit(start + sum(gaps[:n]), 0, n, browser) for n in range(links)]
    if shape == "messages":
        return [Hit(start + chance.uniform(0.0, 1.8), n, 0, browser) for n in range(chance.randint(2, 6))]
    if shape == "speed":
        return [Hit(chance.uniform(0.1, 4.5), 0, chance.randint(0, 5), browser)]
    return [Hit(40.0, 0, chance.randint(0, 5), browser)]


def reads(chance: Random) -> list[Hit]:
    """What one person clicks: mostly one link, minutes or hours later."""
    start = chance.uniform(4.0, 8.0) if chance.random() < 0.02 else 8.0 + chance.lognormvariate(6.5, 1.8)
    browser, link, kind = chance.choice(BROWSERS), chance.randint(0, 5), chance.random()
    hits = [Hit(start, 0, link, browser)]
    if kind < 0.10:
        hits.append(Hit(start + chance.uniform(0.1, 0.6), 0, link, browser))
    elif kind < 0.22:
        hits.append(Hit(start + chance.uniform(1.0, 30.0), 0, link + 1, browser))
    elif kind < 0.24:
        hits += [Hit(start + chance.uniform(3.0, 60.0), 0, link + n, browser) for n in (1, 2)]
    elif kind < 0.26:
        hits.append(Hit(start + chance.uniform(10.0, 300.0), 1, 0, browser))
    return hits


@dataclass
class Simulated:
    """Sends, hits and the step that hears of them."""

    release: Release
    seed: int
    events: list[tuple[int, Event]] = field(default_factory=list)
    oracle: Oracle = field(init=False)
    _numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.oracle = Oracle(PersonalizeStep(BlankWorlds(self.release)))

    def add(self, user: str, hits: list[Hit]) -> None:
        """Send a user the messages that are hit, and the hits; each is told in its own time."""
        chance = Random(f"{self.seed}/{user}")
        in_batches = chance.random() < 0.5
        delivered_ms = START_MS + chance.randrange(DAY_MS)
        for message in sorted({hit.message for hit in hits}):
            drawn_ms = delivered_ms - int(chance.uniform(0.3, 20.0) * SECOND)
            self._tell(drawn_ms, 0, event(EventKind.EXPOSURE, user, drawn_ms, exposure=self._shown(user, message)))
            told = self._named("Email Delivered", user, message, delivered_ms)
            self._tell(delivered_ms, self._lateness(chance, delivered_ms, batched=in_batches), told)
        for hit in hits:
            at_ms = delivered_ms + int(hit.at_s * SECOND)
            link = {"link_url": f"https://shop.example/{hit.link}"} | ({"provider": "acme"} if in_batches else {})
            context = ({"userAgent": hit.agent} if hit.agent else {}) | {"method": hit.method}
            clicked = self._named("Email Link Clicked", user, hit.message, at_ms, link, context)
            self._tell(at_ms, self._lateness(chance, at_ms, batched=in_batches), clicked)

    def run(self) -> None:
        """Let all of it happen, in the order in which it is told."""
        for offset, (log_ms, told) in enumerate(sorted(self.events, key=lambda one: one[0])):
            record = event_record(told)
            self.oracle.apply([InputRecord(record.key, record.value, Position(log_ms, 0, offset))])
        self.oracle.advance(START_MS + 60 * DAY_MS)
        assert not self.oracle.dead_letters

    def labels(self, user: str) -> Mapping[str, int]:
        """How often each label was given to a user's reactions."""
        return decode(Profile, self.oracle.cells[f"sample|{user}"][PROFILE.name]).reactions

    def _tell(self, at_ms: int, later_ms: int, told: Event) -> None:
        self.events.append((at_ms + later_ms, told))

    def _lateness(self, chance: Random, at_ms: int, *, batched: bool) -> int:
        own = chance.randint(20, 400)
        return own + int(BATCH_S * SECOND) - at_ms % int(BATCH_S * SECOND) if batched else own

    def _named(
        self,
        name: str,
        user: str,
        message: int,
        at_ms: int,
        properties: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Event:
        return event(
            EventKind.TRACK,
            user,
            at_ms,
            name=name,
            properties={"send_id": f"{user}-{message}", **(properties or {})},
            context=dict(context or {}),
        )

    def _shown(self, user: str, message: int) -> Exposure:
        template = self.release.templates[0]
        return Exposure(
            send_id=SendId(f"{user}-{message}"),
            template=template.name,
            decision=DecisionId("d"),
            candidate=0,
            propensity=1.0,
            slots=tuple(slot.name for slot in template.slots),
            variants=tuple(slot.variants[0].id for slot in template.slots),
            features=tuple(0.5 for _ in template.slots),
        )


@dataclass(frozen=True)
class Found:
    """Of so many clicks so many were labelled a machine's, and for which reasons."""

    clicks: int
    labelled: int
    reasons: Mapping[str, int]

    @property
    def share(self) -> float:
        return self.labelled / self.clicks


def simulate(release: Release, seed: int, scanners: int, people: int) -> dict[str, Found]:
    """Let scanners of each shape and people loose; returns what became of each kind's clicks."""
    simulated = Simulated(release, seed)
    users: dict[str, list[str]] = {}
    clicks: dict[str, int] = {}
    for kind, many in [*((shape, scanners) for shape in SHAPES), ("people", people)]:
        users[kind] = [f"{kind}-{number}" for number in range(many)]
        clicks[kind] = 0
        for user in users[kind]:
            chance = Random(f"{seed}/{user}/hits")
            hits = reads(chance) if kind == "people" else scans(kind, chance)
            clicks[kind] += len(hits)
            simulated.add(user, hits)
    simulated.run()
    return {kind: _found(simulated, users[kind], clicks[kind]) for kind in users}


def _found(simulated: Simulated, users: list[str], clicks: int) -> Found:
    reasons: dict[str, int] = {}
    for user in users:
        for label, many in simulated.labels(user).items():
            reasons[label] = reasons.get(label, 0) + many
    assert sum(reasons.values()) == clicks, "expected every click to be counted once"
    return Found(clicks, clicks - reasons.get("click:human", 0), reasons)
