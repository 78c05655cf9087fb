"""What reads see of a release: their times while a node renews everybody, beside those before it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from msgspec.structs import replace

from connectors.kafka.clients import make_consumer, make_producer
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.bench.figures import Run
from foresend.bench.filling import MODEL_PEOPLE_MAX, fill, topic_facts
from foresend.bench.load import Draws, LoadPlan, LoadResult, run_load
from foresend.bench.people import ModelPerson, model_people
from foresend.bench.programs import NotInTime, metric, running, scratch, wait_for
from foresend.bench.sizes import size
from foresend.bench.telling import Tell
from foresend.local import ports
from foresend.local.broker import Broker
from schemas.decisions import RELEASE_ASKED
from schemas.errors import PersonalizationError
from schemas.events import Event, EventKind, decode_event
from schemas.ids import SlotName, UserId, VariantId
from schemas.library import Release
from schemas.topics import COMMUNICATIONS, EVENTS, PARTITIONS
from templates.compiler import compile_release, with_id
from templates.workspace import SAMPLE, load_marketing

SEEN_S = 60.0
DAYS = 36_500
"""Model people's histories are of another year."""
POLL_MS = 100


@dataclass(frozen=True)
class ReleaseSizes:
    """What is served and renewed."""

    users: int = size(20_000, "users, each with an entry of every template")
    renew: int = size(200, "persons asked for anew in a second")
    connections: int = size(2, "connections, each with one draw under way")
    seconds: float = size(15.0, "of load before the release, and of load after it")
    warm_up: float = size(3.0, "seconds of load before it counts")
    workspace: Path = size(SAMPLE, "the workspace whose messages are served")


class InvalidShown(PersonalizationError):
    """A variant that a release had taken back was drawn after the node had read that release."""


def measure(sizes: ReleaseSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line: draws before a release, and draws while what it makes outdated is renewed.

    Raises:
        InvalidShown: something was drawn that the release had taken back.
    """
    first = compile_release(load_marketing(sizes.workspace))
    second, gone = withdrawn(first)
    count = min(sizes.users, MODEL_PEOPLE_MAX)
    tell("rendering model people of both releases ...")
    people, renewed = model_people(first, count), model_people(second, count)
    with scratch() as folder, ExitStack() as programs:
        tell("starting a broker ...")
        kafka = KafkaSettings(programs.enter_context(Broker(folder / "broker")).bootstrap)
        ensure_topics(kafka)
        publish_release(kafka, first)
        with tell.bar("filling the cache", sizes.users * len(first.templates)) as moved:
            fill(folder / "cache", first, people, sizes.users, moved, topic_facts(kafka))
        port = ports.free_port()
        words = ["foresend.cli", "serve", "--port", str(port), "--folder", str(folder / "cache")]
        words += ["--bootstrap", kafka.bootstrap, "--renew-per-s", str(sizes.renew), "--renew-active-days", str(DAYS)]
        programs.enter_context(running("serve", words, folder, port))
        job = programs.enter_context(StandIn(kafka, renewed, gone))
        tell("drawing before the release ...")
        quiet = _load(sizes, first, port, "quiet", folder)
        publish_release(kafka, second)
        wait_for(lambda: job.asked > 0, "persons asked for anew", SEEN_S)
        tell("drawing while everybody is renewed ...")
        asked, started = job.asked, monotonic()
        busy = _load(sizes, first, port, "busy", folder)
        rate = (job.asked - asked) / (monotonic() - started)
        wait_for(lambda: metric(port, "foresend_outbox_pending_records") == 0, "the outbox to be empty", SEEN_S)
        job.catch_up()
        if job.invalid:
            raise InvalidShown(f"expected nothing that was taken back, got {job.invalid} draws of {gone[1]}")
        given = {"users": sizes.users, "renew_per_s": sizes.renew, "invalid": job.invalid, "errors": 0}
        yield [Run(given, _figures(quiet, busy, rate))]


def withdrawn(release: Release) -> tuple[Release, tuple[SlotName, VariantId]]:
    """The release without the last variant of the first slot that can spare one; and which that is."""
    for number, template in enumerate(release.templates):
        ruled = {
            place
            for pair in (*template.rules.forbidden, *template.rules.required)
            for place in (pair.first, pair.second)
        }
        for at, slot in enumerate(template.slots):
            last = slot.variants[-1]
            if len(slot.variants) > 2 and (slot.name, last.id) not in ruled:
                slots = list(template.slots)
                slots[at] = replace(slot, variants=slot.variants[:-1])
                templates = list(release.templates)
                templates[number] = replace(template, slots=tuple(slots))
                return with_id(replace(release, templates=tuple(templates))), (slot.name, last.id)
    raise NotInTime("expected a slot with a variant that can be spared, found none")


class StandIn:
    """The job, as far as a release goes: answers each asking at once with messages that were rendered beforehand.

    asked    persons asked for
    invalid  draws of what was taken back by a node that had read the release
    """

    def __init__(self, kafka: KafkaSettings, people: Sequence[ModelPerson], gone: tuple[SlotName, VariantId]) -> None:
        self._kafka = kafka
        self._people = people
        self._gone = gone
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="job")
        self._idle = threading.Event()
        self.asked = 0
        self.invalid = 0

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._stop.set()
        self._thread.join()

    def catch_up(self) -> None:
        """Wait until everything that was there has been looked at."""
        self._idle.clear()
        self._idle.wait(SEEN_S)

    def _run(self) -> None:
        consumer = make_consumer(self._kafka)
        producer = make_producer(self._kafka)
        try:
            consumer.assign([TopicPartition(EVENTS.name, number) for number in range(PARTITIONS)])
            consumer.seek_to_beginning()
            while not self._stop.is_set():
                self._take(consumer, producer)
        finally:
            consumer.close()
            producer.close()

    def _take(self, consumer: KafkaConsumer, producer: KafkaProducer) -> None:
        polled = consumer.poll(timeout_ms=POLL_MS)
        for record in [record for batch in polled.values() for record in batch]:
            if record.value is None:
                continue
            event = decode_event(record.value)
            self.invalid += self._is_invalid(event)
            if event.kind is EventKind.REFRESH and event.properties.get("reason") == RELEASE_ASKED:
                self.asked += 1
                self._answer(producer, event.user)
        if not polled:
            self._idle.set()

    def _is_invalid(self, event: Event) -> bool:
        exposure = event.exposure
        if exposure is None or event.world.library < 2:
            return False
        return self._gone in zip(exposure.slots, exposure.variants, strict=True)

    def _answer(self, producer: KafkaProducer, user: UserId) -> None:
        number = int(user.rpartition("-")[2])
        for key, value in self._people[number % len(self._people)].entries_of(user):
            producer.send(COMMUNICATIONS.name, key=key, value=value)


def _load(sizes: ReleaseSizes, release: Release, port: int, name: str, folder: Path) -> LoadResult:
    templates = tuple(template.name for template in release.templates)
    plan = LoadPlan(
        port=port,
        asked=Draws(templates, sizes.users, name),
        connections=sizes.connections,
        seconds=sizes.seconds,
        warm_up_s=sizes.warm_up,
        seed=1,
        expected='"source":"entry"',
    )
    return run_load(plan, folder)


def _figures(quiet: LoadResult, busy: LoadResult, rate: float) -> dict[str, float]:
    return {
        "quiet_requests_per_s": quiet.requests_per_s,
        "quiet_p50_ms": quiet.p50_ms,
        "quiet_p99_ms": quiet.p99_ms,
        "requests_per_s": busy.requests_per_s,
        "p50_ms": busy.p50_ms,
        "p99_ms": busy.p99_ms,
        "p99_ratio": busy.p99_ms / quiet.p99_ms,
        "renewed_per_s": rate,
    }
