"""A release, a roll-back and the end of a validity while messages are drawn: job, cache and gateway, without Kafka."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from connectors.cache.renewing import Pace, RenewalMeters, Renewer, newest_ids
from connectors.gateway.events import release_refresh_row
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.records import InputRecord, OutputRecord
from schemas.codec import decode, encode
from schemas.decisions import Communication, Decision
from schemas.events import Event, EventKind, decode_event, encode_event
from schemas.ids import ReleaseId
from schemas.keys import event_key
from schemas.library import Release, Template, Variant
from schemas.topics import COMMUNICATIONS
from schemas.versions import Position
from schemas.worlds import WorldRef
from templates.compiler import with_id
from tests.support.events import DAY_MS, HOUR_MS, START_MS, WORKSPACE, rated
from tests.support.fixed_worlds import FixedWorlds
from tests.support.gateway import GatewayInProcess

USERS = [f"user-{number}" for number in range(40)]
NEWSLETTER = "newsletter"
TICKS_MAX = 2_000


class Answer(NamedTuple):
    """What a draw was answered, and the newest release that the node had by then."""

    send_id: str
    user: str
    newest: ReleaseId
    now_ms: int
    status: int
    said: dict[str, Any]


class Stack:
    """A cache node whose renewer and follower are driven by hand; the oracle is the job."""

    def __init__(self, folder: Path, *releases: Release) -> None:
        self.releases = releases
        self.node = GatewayInProcess(folder)
        self.job = Oracle(PersonalizeStep(FixedWorlds([encode(one) for one in releases])), follow=self._follow)
        self.asked: list[Event] = []
        self.written: list[Decision] = []
        self.answers: list[Answer] = []
        self._offset = 0
        self._sends = 0
        self._published = 0
        self.renewer = Renewer(
            self.node.store,
            self.node.progress,
            RenewalMeters(CollectorRegistry()),
            Pace(50, 30 * DAY_MS),
            newest=lambda: newest_ids(self.node.releases),
            row_of=lambda key, release, at_ms: release_refresh_row(key, release, at_ms, self.node.progress.world),
            clock_ms=self.node.clock,
        )

    def publish(self) -> None:
        """The next release arrives."""
        self.node.release(self.releases[self._published])
        self._published += 1
        self.node.progress.world = WorldRef(self._published, 0)

    def event(self, one: Event) -> None:
        """An event of somebody's."""
        self._to_job(event_key(one.workspace, one.user, one.record_id), encode_event(one))

    def draw(self) -> None:
        """Draw once for everybody."""
        for user in USERS:
            self._sends += 1
            newest = self.node.releases.newest(WORKSPACE)
            assert newest is not None
            now_ms, send_id = self.node.clock.now_ms, f"send-{self._sends}"
            reply = self.node.post(f"/v1/communications/{NEWSLETTER}/{user}", send_id)
            self.answers.append(Answer(send_id, user, newest.release.id, now_ms, reply.status, reply.json))

    def tick(self) -> None:
        """A tenth of a second goes by."""
        self.node.clock.now_ms += 100
        self.renewer.tick()
        self.work()

    def work(self) -> None:
        """The job takes what waits for Kafka."""
        rows = self.node.store.outbox_head(1_000)
        for _, row in rows:
            told = decode_event(row.value)
            if told.kind is EventKind.REFRESH:
                self.asked.append(told)
            self._to_job(row.key, row.value)
        if rows:
            self.node.store.outbox_done([number for number, _ in rows])

    def entry(self, user: str) -> Communication:
        found = self.job.communications[f"{WORKSPACE}|{NEWSLETTER}|{user}".encode()]
        return decode(Communication, found or b"")

    def releases_of_entries(self) -> set[str]:
        decisions = [self.entry(user).decision for user in USERS]
        return {decision.release for decision in decisions if decision}

    def _to_job(self, key: bytes, value: bytes) -> None:
        self._offset += 1
        self.job.apply([InputRecord(key, value, Position(self.node.clock.now_ms, 0, self._offset))])

    def _follow(self, output: OutputRecord) -> None:
        if output.topic == COMMUNICATIONS.name:
            self.node.record(output.topic, output.key, output.value)
            decision = decode(Communication, output.value).decision if output.value else None
            self.written += [decision] if decision else []


def newsletter(release: Release) -> Template:
    return next(template for template in release.templates if template.name == NEWSLETTER)


def with_subjects(release: Release, *variants: Variant) -> Release:
    """The release with other subjects of the newsletter."""
    old = newsletter(release)
    new = replace(old, slots=(replace(old.slots[0], variants=variants), *old.slots[1:]))
    return with_id(replace(release, templates=tuple(new if one is old else one for one in release.templates)))


def likely_first(release: Release) -> list[Variant]:
    """The newsletter's subjects, those first that are shown to who likes comedies."""
    return sorted(
        newsletter(release).slots[0].variants, key=lambda one: ("comedy" not in one.tags, one.id != "big-screen")
    )


@pytest.fixture
def stack(tmp_path: Path, sample_release: Release) -> Iterator[Stack]:
    """Everybody has messages of the first release; the second takes a subject back, and ends another."""
    _, ended, *rest = likely_first(sample_release)
    second = with_subjects(sample_release, replace(ended, valid_until_ms=START_MS), *rest)
    made = Stack(tmp_path / "cache", sample_release, second, sample_release)
    made.publish()
    for user in USERS:
        made.event(rated("comedy", user=user))
    made.node.clock.now_ms += 1
    yield made
    made.node.close()


def shown(answer: Answer) -> str:
    """The subject variant that an answer shows; nothing where it is the fallback's."""
    slot = "subject"
    return str(answer.said["variants"].get(slot, ""))


def test_a_release_under_load(stack: Stack, sample_release: Release) -> None:
    gone, ended = (variant.id for variant in likely_first(sample_release)[:2])
    second = stack.releases[1].id
    stack.draw()
    assert {shown(answer) for answer in stack.answers} & {gone, ended}
    stop = threading.Event()
    drawing = threading.Thread(target=_draw_until, args=(stack, stop))
    drawing.start()
    try:
        stack.publish()
        ticks = 0
        while stack.releases_of_entries() != {second} and ticks < TICKS_MAX:
            stack.tick()
            ticks += 1
    finally:
        stop.set()
        drawing.join()
    stack.draw()
    assert stack.releases_of_entries() == {second}
    assert [answer.said for answer in stack.answers if answer.status != 200] == []
    after = [answer for answer in stack.answers if answer.newest == second]
    assert len(after) > len(USERS)
    assert [answer for answer in after if shown(answer) in {gone, ended}] == []
    assert all(abs(sum(answer.said["probabilities"]) - 1) < 1e-9 for answer in after if answer.said["candidate"] >= 0)
    # Whoever was rendered by an event of the person's own meanwhile was not asked for, and nobody twice.
    asked = [event.user for event in stack.asked if event.properties["reason"] == "release"]
    assert len(asked) == len(set(asked))
    renewed = [decision for decision in stack.written if decision.release == second]
    assert {decision.cause for decision in renewed if decision.template == NEWSLETTER} == {"release"}
    assert stack.job.dead_letters == []


def test_every_send_is_answered_the_same_after_all_was_rendered_anew(stack: Stack) -> None:
    stack.draw()
    stack.publish()
    for _ in range(100):
        stack.tick()
    assert stack.releases_of_entries() == {stack.releases[1].id}
    for answer in stack.answers:
        again = stack.node.post(f"/v1/communications/{NEWSLETTER}/{answer.user}", answer.send_id)
        assert again.json == answer.said


def test_a_roll_back_brings_everybody_back_and_what_was_withdrawn_may_be_shown_again(stack: Stack) -> None:
    for _ in range(2):
        stack.publish()
        for _ in range(100):
            stack.tick()
    assert stack.releases_of_entries() == {stack.releases[0].id}
    gone = likely_first(stack.releases[0])[0].id
    assert all(gone in slots for user in USERS for slots in [_subjects(stack.entry(user))])


def test_without_renewing_a_release_comes_with_a_persons_next_event(stack: Stack) -> None:
    stack.publish()
    stack.event(rated("comedy", user=USERS[0], at_ms=stack.node.clock.now_ms, world=WorldRef(2, 0)))
    decisions = [stack.entry(user).decision for user in USERS]
    assert [decision.release for decision in decisions if decision] == [
        stack.releases[1].id,
        *[stack.releases[0].id] * (len(USERS) - 1),
    ]


def test_an_end_of_validity_is_kept_at_once_and_replaced_in_time(tmp_path: Path, sample_release: Release) -> None:
    end_ms = START_MS + HOUR_MS
    ends, *rest = likely_first(sample_release)
    stack = Stack(tmp_path / "cache", with_subjects(sample_release, replace(ends, valid_until_ms=end_ms), *rest))
    stack.publish()
    for user in USERS:
        stack.event(rated("comedy", user=user))
    stack.node.clock.now_ms = end_ms - 1
    stack.draw()
    assert ends.id in {shown(answer) for answer in stack.answers}
    stack.node.clock.now_ms = end_ms
    del stack.answers[:]
    stack.draw()
    assert ends.id not in {shown(answer) for answer in stack.answers}
    assert all(answer.said["source"] == "entry" for answer in stack.answers)
    del stack.written[:]
    # Heartbeats carry the job's time on: nobody did anything.
    stack.job.advance(end_ms)
    assert [decision.cause for decision in stack.written if decision.template == NEWSLETTER] == ["validity"] * len(
        USERS
    )
    assert all(ends.id not in _subjects(stack.entry(user)) for user in USERS)
    stack.draw()
    assert stack.answers[-1].said["decision"] == (stack.entry(USERS[-1]).decision or stack.written[0]).id
    stack.node.close()


def _subjects(entry: Communication) -> tuple[str, ...]:
    assert entry.decision is not None
    return entry.decision.slots[0].variants


def _draw_until(stack: Stack, stop: threading.Event) -> None:
    while not stop.is_set():
        stack.draw()
