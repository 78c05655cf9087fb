"""How many events a second one collector takes in; each is acknowledged only once Kafka has it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from connectors.replay.to_collector import call_of
from foresend.bench.figures import Run
from foresend.bench.load import LoadPlan, Posts, run_load
from foresend.bench.people import HISTORY_MS, SEED, START_MS
from foresend.bench.programs import collecting, scratch
from foresend.bench.sizes import size
from foresend.bench.telling import Tell
from foresend.local.broker import Broker
from foresend.simulation.behaviour_log import behaviour_log
from schemas.library import Release
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load_marketing

BATCH_PATH = "/v1/batch"
BODIES = 200
"""Different batches, sent in turn: a repeated one is taken in and written like any other."""


@dataclass(frozen=True)
class CollectorSizes:
    """What is sent."""

    batch: int = size(100, "events in one request")
    connections: int = size(8, "connections, each with one request under way")
    seconds: float = size(15.0, "of load in one run")
    warm_up: float = size(3.0, "seconds of load before it counts")
    users: int = size(10_000, "users whose behaviour it is")
    runs: int = size(3, "medians are told of so many runs")


def measure(sizes: CollectorSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line: a collector as `foresend collect` starts it, a broker, and a sender in a process of its own."""
    release = compile_release(load_marketing(SAMPLE))
    with scratch() as folder:
        bodies = folder / "bodies"
        bodies.write_bytes(b"\n".join(_bodies(release, sizes)))
        tell("starting a broker and a collector ...")
        with Broker(folder / "broker") as broker:
            kafka = KafkaSettings(broker.bootstrap)
            ensure_topics(kafka)
            publish_release(kafka, release)
            with collecting(broker.bootstrap, folder, release.workspace) as port:
                yield [_run(sizes, port, bodies, number, tell) for number in range(1, sizes.runs + 1)]


def _run(sizes: CollectorSizes, port: int, bodies: Path, number: int, tell: Tell) -> Run:
    tell(f"sending batches of {sizes.batch} events for {sizes.seconds:g} s, run {number} of {sizes.runs} ...")
    plan = LoadPlan(
        port=port,
        asked=Posts(BATCH_PATH, str(bodies)),
        connections=sizes.connections,
        seconds=sizes.seconds,
        warm_up_s=sizes.warm_up,
        seed=number,
        status=202,
        expected=f'"accepted":{sizes.batch},',
    )
    found = run_load(plan, bodies.parent)
    return Run(
        {"batch": sizes.batch, "connections": sizes.connections},
        {"events_per_s": found.requests_per_s * sizes.batch, "p99_ms": found.p99_ms, "p50_ms": found.p50_ms},
    )


def _bodies(release: Release, sizes: CollectorSizes) -> Iterator[bytes]:
    """Batches as Segment's libraries send them; no times are told, so that it happened when it is received."""
    events = behaviour_log(
        release,
        seed=SEED,
        users=sizes.users,
        events=sizes.batch * BODIES,
        start_ms=START_MS,
        span_ms=HISTORY_MS,
    )
    calls = ({name: part for name, part in call_of(event).items() if name != "timestamp"} for event in events)
    while batch := list(islice(calls, sizes.batch)):
        yield msgspec.json.encode({"batch": batch})
