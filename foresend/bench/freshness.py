"""How long after it is accepted a change can be read, while other people's behaviour keeps everything busy."""

import asyncio
import csv
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import msgspec
import uvloop

from connectors.http.client import Client, HttpClient, HttpUnavailable
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from connectors.replay.to_collector import call_of
from foresend.bench.figures import Run, percentile
from foresend.bench.people import EVENTS_EACH, HISTORY_MS, SEED, START_MS
from foresend.bench.programs import collecting, scratch, serving
from foresend.bench.sizes import size
from foresend.bench.telling import Moved, Tell
from foresend.freshness import FreshnessProbe, ProbePlace, probe_place
from foresend.jobs import job_order
from foresend.local.broker import Broker
from foresend.local.mini_cluster import MiniCluster
from foresend.local.ports import LOOPBACK
from foresend.simulation.behaviour_log import behaviour_log
from schemas.errors import ConfigError
from schemas.library import Release
from schemas.topics import EVENTS
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load_marketing

BATCH = 10
"""Events in one request of the load: a site's servers send some at once."""
LOAD_CONNECTIONS = 16
PROBE_CONNECTIONS = 64


@dataclass(frozen=True)
class FreshnessSizes:
    """How much is going on, and how often it is looked at."""

    load: int = size(500, "events a second of other people's behaviour")
    users: int = size(5_000, "other people")
    probes: int = size(5_000, "name changes that are timed")
    rate: int = size(40, "of them begun in a second, whatever became of those before")
    people: int = size(600, "made-up persons whose names are changed in turn")
    warm_up: float = size(30.0, "seconds of load before the first probe")
    timeout: float = size(10.0, "seconds after which a change is given up")
    runs: int = size(1, "medians are told of so many runs")
    workspace: Path = size(SAMPLE, "the workspace whose messages are read")
    trace: Path | None = size(None, "also write every probe (CSV): seconds since the first, milliseconds it took")


class _Stack(NamedTuple):
    """Where the programs answer."""

    collect: int
    serve: int


class Probed(NamedTuple):
    """One probe: when it was begun, in seconds since the first; how long until it was seen, None: not in time."""

    at_s: float
    took_s: float | None


def measure(sizes: FreshnessSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line: the whole path on this machine, each program as it is started by hand.

    Raises:
        ConfigError: no template of the workspace shows a field to everybody.
    """
    release = compile_release(load_marketing(sizes.workspace))
    place = probe_place(release)
    if place is None:
        raise ConfigError("expected a workspace with a template that shows a field of text to everybody, found none")
    runs = []
    for number in range(1, sizes.runs + 1):
        tell(f"starting broker, job, serve and collect, run {number} of {sizes.runs} ...")
        with _stack(release) as stack, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runs.append(runner.run(_Bench(sizes, release, place, stack, tell).run()))
    yield runs


@contextmanager
def _stack(release: Release) -> Iterator[_Stack]:
    """Broker, job, serve and collect with their default settings, on a folder of their own."""
    with scratch() as folder, Broker(folder / "broker") as broker, MiniCluster(folder / "job") as flink:
        kafka = KafkaSettings(broker.bootstrap)
        ensure_topics(kafka)
        publish_release(kafka, release)
        flink.run(job_order(kafka, EVENTS.name, folder / "job"))
        with (
            serving(broker.bootstrap, folder, folder / "cache") as serve,
            collecting(broker.bootstrap, folder, release.workspace) as collect,
        ):
            yield _Stack(collect, serve)


class _Bench:
    """One run: the load, and the probes beside it."""

    def __init__(self, sizes: FreshnessSizes, release: Release, place: ProbePlace, stack: _Stack, tell: Tell) -> None:
        self._sizes = sizes
        self._release = release
        self._place = place
        self._stack = stack
        self._tell = tell
        self._accepted = 0
        self._refused = 0

    async def run(self) -> Run:
        """Load, warm up, probe."""
        stack, sizes = self._stack, self._sizes
        async with (
            HttpClient(LOOPBACK, stack.collect, connections=LOAD_CONNECTIONS) as sender,
            HttpClient(LOOPBACK, stack.collect, connections=PROBE_CONNECTIONS) as collector,
            HttpClient(LOOPBACK, stack.serve, connections=PROBE_CONNECTIONS) as gateway,
        ):
            probe = FreshnessProbe(
                self._place, collector, gateway, people=sizes.people, timeout_s=sizes.timeout, name="probe"
            )
            load = asyncio.create_task(self._load(sender))
            try:
                self._tell(f"warming up for {sizes.warm_up:g} s at {sizes.load} events/s ...")
                await asyncio.gather(asyncio.sleep(sizes.warm_up), probe.settle())
                before, began_s = self._accepted, perf_counter()
                with self._tell.bar("changing names", sizes.probes) as moved:
                    probed = await self._probe(probe, moved)
                accepted, seconds = self._accepted - before, perf_counter() - began_s
            finally:
                load.cancel()
        if sizes.trace is not None:
            write_trace(sizes.trace, probed)
        return figures(sizes, probed, accepted / seconds, self._refused)

    async def _load(self, sender: Client) -> None:
        """Send batches at their times, whatever became of those before."""
        every_s = BATCH / self._sizes.load
        under_way: set[asyncio.Task[None]] = set()
        begun_s = perf_counter()
        try:
            for number, body in enumerate(self._bodies()):
                await asyncio.sleep(max(0.0, begun_s + number * every_s - perf_counter()))
                task = asyncio.create_task(self._send(sender, body))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        finally:
            for task in under_way:
                task.cancel()

    async def _send(self, sender: Client, body: bytes) -> None:
        try:
            reply = await sender.request("POST", "/v1/batch", body)
        except HttpUnavailable:
            self._refused += BATCH
            return
        if reply.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            self._accepted += BATCH
        else:
            self._refused += BATCH

    def _bodies(self) -> Iterator[bytes]:
        """Batches of the others' behaviour, for three times as long as it should take; then the load is over."""
        sizes = self._sizes
        events = int(3 * sizes.load * (sizes.warm_up + sizes.probes / sizes.rate))
        span_ms = max(HISTORY_MS, events * HISTORY_MS // (sizes.users * EVENTS_EACH))
        log = behaviour_log(
            self._release, seed=SEED, users=sizes.users, events=events, start_ms=START_MS, span_ms=span_ms
        )
        # It happens when it is sent.
        calls = ({name: part for name, part in call_of(event).items() if name != "timestamp"} for event in log)
        while batch := list(islice(calls, BATCH)):
            yield msgspec.json.encode({"batch": batch})

    async def _probe(self, probe: FreshnessProbe, moved: Moved) -> list[Probed]:
        """Begin probes at their times; what each came to, in the order in which they were begun."""
        begun_s = perf_counter()
        tasks = []
        for number in range(self._sizes.probes):
            await asyncio.sleep(max(0.0, begun_s + number / self._sizes.rate - perf_counter()))
            tasks.append(asyncio.create_task(_timed(probe.probe(), perf_counter() - begun_s)))
            moved(number)
        return list(await asyncio.gather(*tasks))


async def _timed(probe: Awaitable[float | None], at_s: float) -> Probed:
    return Probed(at_s, await probe)


def figures(sizes: FreshnessSizes, probed: Sequence[Probed], load_events_per_s: float, refused: int) -> Run:
    """What probes came to; one that was given up counts with all of its time, for leaving it out would hide a stall."""
    times_ms = sorted(1000 * (sizes.timeout if one.took_s is None else one.took_s) for one in probed)
    return Run(
        {"probes": len(probed)},
        {
            "load_events_per_s": load_events_per_s,
            "load_refused": refused,
            "timeouts": sum(one.took_s is None for one in probed),
            "p50_ms": percentile(times_ms, 0.5),
            "p99_ms": percentile(times_ms, 0.99),
            "p999_ms": percentile(times_ms, 0.999),
            "max_ms": times_ms[-1],
        },
    )


def write_trace(file: Path, probed: Sequence[Probed]) -> None:
    """Write every probe to a CSV file; an empty time was given up."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = csv.writer(opened)
        rows.writerow(("at_s", "took_ms"))
        rows.writerows((f"{one.at_s:.4f}", "" if one.took_s is None else f"{one.took_s * 1000:.2f}") for one in probed)
