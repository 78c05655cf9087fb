"""Mails to many simulated recipients by node, worker and a receiving server; and with somebody killed now and then."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any
from urllib.parse import quote

import msgspec

from connectors.http.client import HttpClient, HttpUnavailable
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.bench.figures import Run
from foresend.bench.filling import topic_facts
from foresend.bench.mail_checks import Checks, Verdicts
from foresend.bench.mail_people import MARKETING, TRANSACTIONAL, Recipient, fill_node, sending_release
from foresend.bench.mail_sink import PHASES, Kill, kept
from foresend.bench.mail_site import NODE, WORKER, Site
from foresend.bench.programs import NotInTime, scratch
from foresend.bench.sizes import size
from foresend.bench.telling import Tell
from foresend.local import ports
from foresend.local.broker import Broker
from schemas.ids import TemplateName
from schemas.library import Release
from schemas.sending import SendState
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load

ASKING = 16
"""Requests under way at once."""
KILLED_CONNECTIONS = 8
SLOWEST_PER_S = 20
"""So few mails a second and something is the matter."""
SETTLED_S = 240.0
LAST = 2_000
AGAIN_S = 0.2
_OPEN = frozenset({SendState.QUEUED, SendState.GRANTED, SendState.HELD})


@dataclass(frozen=True)
class DeliverSizes:
    """How many get mails, and how often somebody is killed."""

    recipients: int = size(100_000, "simulated recipients of one message of marketing each")
    connections: int = size(48, "connections of the worker to the receiving server")
    kills: int = size(100, "kills (SIGKILL) of worker and node around DATA, in a run of its own")
    killed_recipients: int = size(1_500, "recipients in that run, of a message of marketing and a receipt each")
    seed: int = size(7, "of the moments of kills")


@dataclass(frozen=True)
class _Plan:
    recipients: int
    templates: tuple[TemplateName, ...]
    kills: tuple[Kill, ...] = ()


def measure(sizes: DeliverSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """Two lines: all recipients, undisturbed; and fewer, with kills."""
    release = sending_release(compile_release(load(SAMPLE)))
    yield [_run(release, _Plan(sizes.recipients, (MARKETING,)), sizes.connections, tell)]
    both = (MARKETING, TRANSACTIONAL)
    kills = kills_of(sizes.kills, sizes.killed_recipients * len(both), sizes.seed)
    # With few connections each kill meets few messages, and more of them come around DATA.
    yield [_run(release, _Plan(sizes.killed_recipients, both, kills), KILLED_CONNECTIONS, tell)]


def kills_of(count: int, messages: int, seed: int) -> tuple[Kill, ...]:
    """Moments at random, over four fifths of the messages; the worker twice as often as the node."""
    random = Random(seed)
    mean = max(1, messages * 4 // (5 * max(1, count)))
    return tuple(
        Kill(random.randint(1, 2 * mean), random.choice(PHASES), random.choice((WORKER, WORKER, NODE)))
        for _ in range(count)
    )


def _run(release: Release, plan: _Plan, connections: int, tell: Tell) -> Run:
    with scratch() as folder, ExitStack() as programs:
        tell("starting a broker ...")
        kafka = KafkaSettings(programs.enter_context(Broker(folder / "broker")).bootstrap)
        ensure_topics(kafka)
        publish_release(kafka, release)
        cache = folder / "cache"
        with tell.bar("making recipients", plan.recipients) as moved:
            people = fill_node(cache, release, plan.templates, plan.recipients, moved, topic_facts(kafka))
        site = programs.enter_context(Site(folder, cache, kafka.bootstrap, plan.kills, connections))
        asked_s = seconds = 0.0
        # One template after the other: nodes grant receipts first, and kills are to come around both.
        for number, template in enumerate(plan.templates, 1):
            tell(f"asking for sends of {template} ...")
            started = perf_counter()
            asyncio.run(_ask_all(site, people, template))
            asked_s += perf_counter() - started
            seconds += _deliver(site, people, plan.templates[:number], bool(plan.kills), tell)
        keys = {"local": (cache / "signing.key").read_bytes()}
        tell("reading every mail ...")
        checks = Checks(release.workspace, people, keys, site.public_key)
        found = _checked(checks, site, people, plan.templates)
    return _figures(found, plan, site, seconds, asked_s)


def _deliver(
    site: Site, people: Sequence[Recipient], templates: Sequence[TemplateName], is_troubled: bool, tell: Tell
) -> float:
    """Let the worker work until every send has come to an end; the seconds until the last mail of an untroubled run."""
    wanted = expected_mails(people, templates)
    tell(f"delivering {wanted} mails ...")
    started = perf_counter()
    site.begin()
    mails = _Counter(site.mails)
    if not is_troubled:
        site.wait_for(lambda: mails.count() >= wanted, f"{wanted} mails", wanted / SLOWEST_PER_S + SETTLED_S)
    seconds = perf_counter() - started
    # Where all mails came, what is left to wait for is the skips of those who were asked for last.
    settled = _Settled(site, people if is_troubled else people[-LAST:], len(templates))
    site.wait_for(settled.look, "every send to come to its end", wanted / SLOWEST_PER_S + SETTLED_S)
    return perf_counter() - started if is_troubled else seconds


def expected_mails(people: Sequence[Recipient], templates: Sequence[TemplateName]) -> int:
    """Of how many sends a mail is to come."""
    return sum(one.skips[template == TRANSACTIONAL] is None for one in people for template in templates)


class _Counter:
    """Counts kept mails, reading on from where it was."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at = 0
        self._mails = 0

    def count(self) -> int:
        length = self._file.stat().st_size
        with self._file.open("rb") as mails:
            while self._at + 4 <= length:
                mails.seek(self._at)
                end = self._at + 4 + int.from_bytes(mails.read(4))
                if end > length:
                    break
                self._at, self._mails = end, self._mails + 1
        return self._mails


class _Settled:
    """Whether every send has come to its end: asked from the first person that had an open one on."""

    def __init__(self, site: Site, people: Sequence[Recipient], sends: int) -> None:
        self._site = site
        self._left = deque(people)
        self._sends = sends

    def look(self) -> bool:
        """Look at those that had open sends; a node that is away tells nothing."""
        try:
            found = asyncio.run(_records(self._site.port, list(self._left)[: 20 * ASKING]))
        except HttpUnavailable:
            return False
        done = 0
        for records in found:
            if len(records) < self._sends or any(record["state"] in _OPEN for record in records):
                break
            done += 1
        for _ in range(done):
            self._left.popleft()
        return not self._left


def _checked(checks: Checks, site: Site, people: Sequence[Recipient], templates: Sequence[TemplateName]) -> Verdicts:
    for mail in kept(site.mails):
        checks.mail(mail)
    for at in range(0, len(people), 1_000):
        part = people[at : at + 1_000]
        for one, records in zip(part, asyncio.run(_records(site.port, part)), strict=True):
            for record in records:
                checks.record(one.user, record["template"], record)
            checks.found.unexplained += len(templates) - len(records)
    return checks.found


def _figures(found: Verdicts, plan: _Plan, site: Site, seconds: float, asked_s: float) -> Run:
    sends = plan.recipients * len(plan.templates)
    return Run(
        {
            "recipients": plan.recipients,
            "sends": sends,
            "kills": len(plan.kills),
            "restarts": site.restarts,
            "mails": found.mails,
            "missing": found.missing,
            "foreign": found.foreign,
            "unsigned": found.unsigned,
            "marketing_duplicates": found.duplicates,
            "transactional_lost": found.lost,
            "transactional_again": found.again,
            "message_ids_changed": found.new_ids,
            "unexplained": found.unexplained,
            "ambiguous": found.ambiguous,
            "wrong": ", ".join(sorted(set(found.wrong))),
        },
        {"mails_per_s": found.mails / seconds, "seconds": seconds, "asked_per_s": sends / asked_s},
    )


async def _ask_all(site: Site, people: Sequence[Recipient], template: TemplateName) -> None:
    """Have each person sent a template. A node that was killed is started, and asked again.

    Raises:
        NotInTime: it does not take it.
    """
    todo = deque(people)
    deadline = perf_counter() + len(people) / SLOWEST_PER_S + SETTLED_S

    async def ask_on(client: HttpClient) -> None:
        while todo:
            one = todo.popleft()
            status = await _asked(client, one, template)
            if status != HTTPStatus.ACCEPTED:
                if status not in (0, HTTPStatus.SERVICE_UNAVAILABLE) or perf_counter() > deadline:
                    raise NotInTime(f"expected 202 of POST /v1/send, got {status}")
                todo.append(one)
                site.keep_up()
                await asyncio.sleep(AGAIN_S)

    async with HttpClient(ports.LOOPBACK, site.port, connections=ASKING, timeout_s=60.0) as client:
        await asyncio.gather(*(ask_on(client) for _ in range(ASKING)))


async def _asked(client: HttpClient, one: Recipient, template: TemplateName) -> int:
    """The status of one trigger; 0: nobody answered."""
    body = {"template": template, "user": one.user, "send_id": f"{template}-{one.user}"}
    try:
        return (await client.request("POST", "/v1/send", msgspec.json.encode(body))).status
    except HttpUnavailable:
        return 0


async def _records(port: int, people: Sequence[Recipient]) -> list[list[dict[str, Any]]]:
    """What the node tells of each person's sends.

    Raises:
        HttpUnavailable: the node is away.
    """

    async def of(client: HttpClient, one: Recipient) -> list[dict[str, Any]]:
        reply = await client.request("GET", f"/v1/users/{quote(one.user, safe='')}/sends")
        if reply.status != HTTPStatus.OK:
            raise HttpUnavailable(f"expected 200 of sends, got {reply.status}")
        found: list[dict[str, Any]] = msgspec.json.decode(reply.body)["sends"]
        return found

    async with HttpClient(ports.LOOPBACK, port, connections=ASKING, timeout_s=60.0) as client:
        return await asyncio.gather(*(of(client, one) for one in people))
