"""The running demo: people live, probes are sent, everything is measured, until somebody or the time ends it."""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from time import perf_counter
from typing import Any

import msgspec

from connectors.http.client import HttpClient, HttpUnavailable
from foresend.demo.answers import decode_looked
from foresend.demo.ending import Ending
from foresend.demo.inbox.post_office import PostOffice
from foresend.demo.measures import Chaos, Measures, Rate
from foresend.demo.memory import resident_mb
from foresend.demo.order import DemoOrder
from foresend.demo.playground.named import NamedPerson, introduction, speaks_to
from foresend.demo.programs import DemoPrograms
from foresend.demo.scraping import WRITTEN, DeadLetterCount, by_label
from foresend.demo.setup_facts import download_mb, setup_s
from foresend.demo.telling import Shown, Telling
from foresend.demo.together import together
from foresend.demo.traffic import Traffic, message_path
from foresend.demo.view import Moment, Setting
from foresend.freshness import FreshnessProbe, probe_place
from foresend.local.flink_rest import FlinkUnavailable
from foresend.local.ports import LOOPBACK
from foresend.processes import Identity, ProcessFailed
from foresend.simulation.simulation import Simulation
from schemas.errors import BrokerUnavailable
from schemas.library import Release

PROBE_EVERY_S = 0.25
CHECK_EVERY_S = 1.0
SCRAPE_EVERY_S = 2.0
COUNT_EVERY_S = 5.0
SHOW_EVERY_S = 0.5
LOOK_S = 0.05
FIRST_MESSAGE_S = 60.0
RECOVERY_S = 120.0
"""So long after its end a demo still waits for a job that was killed."""
FIRST_MESSAGE = "first message"


class LiveDemo:
    """One run with programs that are up.

    release  as published: at the people's pace
    named    who is introduced first
    post     what takes mail to them
    """

    def __init__(
        self,
        order: DemoOrder,
        release: Release,
        simulation: Simulation,
        named: Sequence[NamedPerson],
        programs: DemoPrograms,
        post: PostOffice,
    ) -> None:
        self._order = order
        self._release = release
        self._simulation = simulation
        self._named = named
        self._programs = programs
        self._post = post
        self._collector = HttpClient(LOOPBACK, programs.collect_port)
        self._gateway = HttpClient(LOOPBACK, programs.serve_port, connections=32)
        self._traffic = Traffic(simulation, self._collector, self._gateway, perf_counter)
        place = probe_place(release)
        self._probe = FreshnessProbe(place, self._collector, self._gateway) if place else None
        self._killed = False

    async def run(self, telling: Telling, setting: Setting, ending: Ending) -> dict[str, Any]:
        """Go on to the end, and return the figures.

        Raises:
            ProcessFailed: a program has ended, or nothing comes through.
            KeyboardInterrupt: somebody ended it before anything could be measured.
        """
        with ExitStack() as stack:
            stack.callback(self._collector.close)
            stack.callback(self._gateway.close)
            telling.steps.begun(FIRST_MESSAGE)
            await self._first_message(ending)
            if ending.asked:
                raise KeyboardInterrupt
            telling.steps.done(FIRST_MESSAGE)
            telling.steps.close()
            self._post.open(self._programs)
            self._measures = self._begin()
            show = stack.enter_context(telling.running(setting))
            letters = stack.enter_context(DeadLetterCount(self._programs.kafka))
            threads = stack.enter_context(ThreadPoolExecutor(1, "count"))
            await together(
                self._until_end(ending),
                self._traffic.run(),
                self._check(),
                self._scrape(),
                self._count(threads, letters),
                self._show(show),
                self._kill(),
                self._send_probes(),
            )
            await self._scrape_once()
            await self._count_once(threads, letters)
            return self._measures.figures(perf_counter())

    def _begin(self) -> Measures:
        return Measures(
            people=self._order.people,
            scoreboard=self._simulation.scoreboard,
            traffic=self._traffic,
            begun_s=perf_counter(),
            first_message_s=own_age_s(),
            setup_s=setup_s(),
            download_mb=download_mb(),
            drift=self._order.drift,
            chaos=Chaos() if self._order.chaos else None,
        )

    async def _first_message(self, ending: Ending) -> None:
        """Introduce the named people, and wait until the first of them has a message of one's own."""
        calls = [call for person in self._named for call in introduction(person, self._release)]
        await self._collector.request("POST", "/v1/batch", msgspec.json.encode({"batch": calls}))
        deadline_s = perf_counter() + FIRST_MESSAGE_S
        while not (ending.asked or await self._has_message(self._named[0])):
            if perf_counter() > deadline_s:
                raise ProcessFailed(f"expected a personal message within {FIRST_MESSAGE_S:g} s, got none")
            self._programs.check()
            await asyncio.sleep(LOOK_S)

    async def _has_message(self, person: NamedPerson) -> bool:
        """Whether some message is personal; any but default content where what the person does can make none so."""
        can_be_personal = speaks_to(self._release, person)
        for template in self._release.templates:
            reply = await self._gateway.request("GET", message_path(template.name, person.user))
            if reply.status != HTTPStatus.OK:
                continue
            look = decode_looked(reply.body)
            if look.is_personal or (look.source == "entry" and not can_be_personal):
                return True
        return False

    async def _until_end(self, ending: Ending) -> None:
        """Return once it is over; a job that was killed is waited for."""
        chaos, seconds = self._measures.chaos, self._order.seconds
        while not ending.asked:
            over_s = perf_counter() - self._measures.begun_s - (seconds or float("inf"))
            is_whole = chaos is None or chaos.is_over(self._measures.can_probe) or over_s > RECOVERY_S
            if over_s >= 0 and is_whole:
                return
            await asyncio.sleep(LOOK_S)

    async def _send_probes(self) -> None:
        """Send probes all the time, also while others are still waited for."""
        if self._probe is None:
            self._measures.can_probe = False
            await asyncio.Event().wait()
            return
        await self._probe.settle()
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                task = asyncio.create_task(self._send_probe(self._probe))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                await asyncio.sleep(PROBE_EVERY_S)
        finally:
            for task in under_way:
                task.cancel()

    async def _send_probe(self, probe: FreshnessProbe) -> None:
        asked_s = perf_counter()
        seconds = await probe.probe()
        measures, now_s = self._measures, perf_counter()
        measures.probes += 1
        if seconds is None:
            measures.timeouts += 1
            return
        measures.latencies.add(seconds, now_s)
        if measures.chaos is not None:
            measures.chaos.seen(asked_s, now_s)

    async def _check(self) -> None:
        while True:
            self._programs.check()
            self._measures.memory.add(perf_counter(), resident_mb(os.getpid()))
            await asyncio.sleep(CHECK_EVERY_S)

    async def _scrape(self) -> None:
        while True:
            await self._scrape_once()
            await asyncio.sleep(SCRAPE_EVERY_S)

    async def _scrape_once(self) -> None:
        try:
            reply = await self._gateway.request("GET", "/metrics")
        except HttpUnavailable:
            # Asked again soon; that a program has ended is seen elsewhere.
            return
        self._measures.renders = by_label(reply.body.decode(), WRITTEN)

    async def _count(self, threads: ThreadPoolExecutor, letters: DeadLetterCount) -> None:
        while True:
            await self._count_once(threads, letters)
            await asyncio.sleep(COUNT_EVERY_S)

    async def _count_once(self, threads: ThreadPoolExecutor, letters: DeadLetterCount) -> None:
        """What is asked of Kafka and Flink by clients that block."""
        loop = asyncio.get_running_loop()
        try:
            self._measures.dead_letters = await loop.run_in_executor(threads, letters)
            self._measures.restarts = await loop.run_in_executor(threads, self._programs.restarts)
        except (BrokerUnavailable, FlinkUnavailable):
            return

    async def _kill(self) -> None:
        """Kill the task manager when it is time for it."""
        chaos, at_s = self._measures.chaos, self._order.kill_at_s
        if chaos is not None and at_s is not None:
            await asyncio.sleep(at_s)
            chaos.killed_at_s = perf_counter()
            while not self._programs.kill_task_manager(chaos.came_back):
                # Somebody has killed it from the page.
                await asyncio.sleep(CHECK_EVERY_S)
                chaos.killed_at_s = perf_counter()
        await asyncio.Event().wait()

    async def _show(self, show: Shown) -> None:
        events, sends = Rate(), Rate()
        while True:
            now_s, measures = perf_counter(), self._measures
            lately = measures.latencies.lately
            moment = Moment(
                events_per_s=events.at(now_s, measures.events),
                sends_per_s=sends.at(now_s, self._traffic.sends),
                freshness_s=(lately(0.5, now_s), lately(0.99, now_s)),
                notes=measures.notes(self._traffic.waiting),
            )
            show(measures.figures(now_s), moment)
            await asyncio.sleep(SHOW_EVERY_S)


def own_age_s() -> float:
    """Seconds since this process began, the time to load Python and ourselves included."""
    own = Identity.of(os.getpid())
    assert own is not None  # noqa: S101 - we live
    return time.clock_gettime(time.CLOCK_BOOTTIME) - own.started / os.sysconf("SC_CLK_TCK")
