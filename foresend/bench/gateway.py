"""How many draws a second the gateway answers, and beside it, in turn, other ways to answer the same."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from time import perf_counter, sleep

import msgspec
import zstandard

from connectors.cache.families import ENTRIES
from connectors.cache.follower import BATCH_RECORDS
from connectors.cache.rocks import Database
from connectors.gateway.keys import KeyGrant, grant_of, new_key
from connectors.gateway.routing import Right
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.bench.figures import Run
from foresend.bench.filling import MODEL_PEOPLE_MAX, Filled, fill, topic_facts
from foresend.bench.load import Draws, LoadPlan, LoadResult, run_load
from foresend.bench.naive import naive_row
from foresend.bench.people import ModelPerson, model_people, user_number
from foresend.bench.programs import metric, on_cores, running, scratch, serving
from foresend.bench.read_paths import KINDS, PathPlan, answers_dictionary, bare_key
from foresend.bench.sizes import size
from foresend.bench.telling import Tell
from foresend.local import ports
from foresend.local.broker import Broker
from foresend.processes import ProcessFailed
from schemas.codec import encode
from schemas.keys import user_key
from schemas.library import Release
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load_marketing

GATEWAY = "gateway"
KEY = new_key()
OUTBOX_S = 120.0
"""After the load the outbox has so long to drain before what is left in it is told."""
ANSWER_S = 5.0
LOOK_S = 0.2


@dataclass(frozen=True)
class GatewaySizes:
    """What is served, and how it is asked for."""

    users: int = size(500_000, "users, each with an entry of every template")
    drawn: int = size(100_000, "of them are drawn for")
    cores: int = size(1, "cores that a server and the load on it share; Kafka has all of them")
    connections: int = size(4, "connections, each with one request under way")
    seconds: float = size(10.0, "of load on each way to answer, in one run")
    warm_up: float = size(2.0, "seconds of load before it counts")
    runs: int = size(3, "medians are told of so many runs; in each, all ways to answer take their turn")
    workspace: Path = size(SAMPLE, "the workspace whose messages are served")


@dataclass(frozen=True)
class _Setting:
    """What all ways to answer share."""

    sizes: GatewaySizes
    release: Release
    people: list[ModelPerson]
    folder: Path
    kafka: KafkaSettings
    grant: KeyGrant

    @property
    def drawn(self) -> int:
        """How many users are drawn for."""
        return min(self.sizes.users, self.sizes.drawn)


def measure(sizes: GatewaySizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line: draws by POST, with send marks, exposures and outbox, from a load generator in its own process."""
    release = compile_release(load_marketing(sizes.workspace))
    people = model_people(release, min(sizes.users, MODEL_PEOPLE_MAX))
    with scratch() as folder, ExitStack() as programs:
        tell("starting a broker ...")
        kafka = KafkaSettings(programs.enter_context(Broker(folder / "broker")).bootstrap)
        grant = grant_of(KEY, release.workspace, [Right.DRAW])
        setting = _Setting(sizes, release, people, folder, kafka, grant)
        ensure_topics(kafka)
        publish_release(kafka, release)
        with tell.bar("filling the cache", sizes.users * len(release.templates)) as moved:
            filled = fill(folder / "cache", release, people, sizes.users, moved, topic_facts(kafka))
        programs.enter_context(on_cores(sizes.cores))
        own = {
            "FORESEND_SERVE_KEYS": grant.line,
            "FORESEND_SERVE_RATE_PER_S": "0",
            # What is told of draws goes to Kafka when the load is over, and that is waited for.
            "FORESEND_SERVE_GIVE_WAY_S": "60",
        }
        serve = programs.enter_context(serving(kafka.bootstrap, folder, folder / "cache", **own))
        tell("filling what the other ways to answer read ...")
        ports_of = {GATEWAY: serve} | _start_others(setting, programs, _answers(serve, release, people))
        yield [_run(setting, filled, ports_of, number, tell) for number in range(1, sizes.runs + 1)]


def _run(setting: _Setting, filled: Filled, ports_of: Mapping[str, int], number: int, tell: Tell) -> Run:
    """One turn of every way to answer, one after the other."""
    found = {}
    outbox_left, drained_s = 0, 0.0
    for kind, port in ports_of.items():
        tell(f"drawing from: {kind}, run {number} of {setting.sizes.runs} ...")
        found[kind] = _load(setting, kind, port, number)
        if kind == GATEWAY:
            outbox_left, drained_s = _drained(port)
    rates = {kind: result.requests_per_s for kind, result in found.items()}
    own = rates[GATEWAY]
    return Run(
        {
            "entries": filled.entries,
            "entry_bytes": round(filled.entry_bytes),
            "users": setting.drawn,
            "cores": setting.sizes.cores,
            "answer_bytes": round(found[GATEWAY].body_bytes),
        },
        {
            "requests_per_s": own,
            "p50_ms": found[GATEWAY].p50_ms,
            "p99_ms": found[GATEWAY].p99_ms,
            "outbox_left": outbox_left,
            "outbox_drained_s": drained_s,
            "on_demand_requests_per_s": rates["on-demand"],
            "ratio_on_demand": own / rates["on-demand"],
            "on_demand_recorded_requests_per_s": rates["recorded"],
            "ratio_on_demand_recorded": own / rates["recorded"],
            "naive_requests_per_s": rates["naive"],
            "bare_requests_per_s": rates["bare"],
            "ratio_bare": own / rates["bare"],
        },
    )


def _drained(port: int) -> tuple[int, float]:
    """Wait for the outbox to empty; what is left in it, and how many seconds that took."""
    begun = perf_counter()
    while (left := int(metric(port, "foresend_outbox_pending_records"))) and perf_counter() - begun < OUTBOX_S:
        sleep(LOOK_S)
    return left, perf_counter() - begun


def _load(setting: _Setting, kind: str, port: int, number: int) -> LoadResult:
    sizes = setting.sizes
    templates = tuple(template.name for template in setting.release.templates)
    plan = LoadPlan(
        port=port,
        asked=Draws(templates, setting.drawn, f"{kind}-{number}"),
        connections=sizes.connections,
        seconds=sizes.seconds,
        warm_up_s=sizes.warm_up,
        seed=number,
        key=KEY,
        # A fallback would be an answer too, and a quicker one.
        expected='"source":"entry"',
    )
    return run_load(plan, setting.folder)


def _start_others(setting: _Setting, programs: ExitStack, answers: Mapping[str, list[bytes]]) -> dict[str, int]:
    """Start every other way to answer, each on a database of its own; their ports."""
    release_file = setting.folder / "release"
    release_file.write_bytes(encode(setting.release))
    found = {}
    for kind in KINDS:
        rows = setting.folder / f"{kind}-rows"
        _fill_rows(rows, _rows(kind, setting, answers))
        port = found[kind] = ports.free_port()
        own = str(setting.folder / f"{kind}-store")
        plan = PathPlan(
            kind,
            port,
            str(rows),
            str(release_file),
            str(setting.sizes.workspace.resolve()),
            own,
            setting.kafka,
            setting.grant.line,
        )
        plan_file = setting.folder / f"{kind}.json"
        plan_file.write_bytes(msgspec.json.encode(plan))
        words = ["foresend.bench.read_paths", str(plan_file)]
        programs.enter_context(running(kind, words, setting.folder, port))
    return found


def _rows(kind: str, setting: _Setting, answers: Mapping[str, list[bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """What a way to answer reads of each user."""
    people, workspace = setting.people, setting.release.workspace
    numbers = range(setting.drawn)
    if kind == "bare":
        for number in numbers:
            for template, found in answers.items():
                yield bare_key(template, user_number(number)), found[number % len(found)]
        return
    rows = [naive_row(p.profile, setting.release) if kind == "naive" else p.profile for p in people]
    for number in numbers:
        yield user_key(workspace, user_number(number)), rows[number % len(rows)]


def _fill_rows(folder: Path, rows: Iterable[tuple[bytes, bytes]]) -> None:
    database = Database(folder)
    rest = iter(rows)
    while part := list(islice(rest, BATCH_RECORDS)):
        batch = database.batch()
        for key, value in part:
            batch.put(ENTRIES, key, value)
        database.write(batch)
    database.close()


def _answers(port: int, release: Release, people: Sequence[ModelPerson]) -> dict[str, list[bytes]]:
    """The gateway's own answers to draws for the model people, compressed: what the bare way is to send.

    Raises:
        ProcessFailed: one was not drawn from an entry.
    """
    compressor = zstandard.ZstdCompressor(dict_data=answers_dictionary(release))
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=ANSWER_S)
    head = {"Authorization": f"Bearer {KEY}"}
    found: dict[str, list[bytes]] = {}
    try:
        for template in release.templates:
            for number in range(len(people)):
                path = f"/v1/communications/{template.name}/{user_number(number)}"
                connection.request("POST", path, msgspec.json.encode({"send_id": f"{template.name}-{number}"}), head)
                answer = connection.getresponse().read()
                if b'"source":"entry"' not in answer:
                    raise ProcessFailed(f"expected a message from the cache, got {answer[:200]!r}")
                found.setdefault(template.name, []).append(compressor.compress(answer))
    finally:
        connection.close()
    return found
