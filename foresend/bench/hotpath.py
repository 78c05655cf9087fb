"""The hot path: the job in Flink on one slot, and beside it the same step over the same records in a bare loop."""

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep, time_ns

import msgspec

from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from flink_jobs.bench.program import REPORT_KEY, Hotpath, Report
from foresend import processes
from foresend.bench.figures import Figure, Run, percentile, rounded
from foresend.bench.programs import NotInTime, scratch
from foresend.bench.sizes import size
from foresend.bench.steady_log import MODELS, Model, SteadyLog, model_people
from foresend.bench.telling import Tell
from foresend.bench.writing import write_records
from foresend.jobs import group_of
from foresend.local.broker import Broker
from foresend.local.flink_client import JobOrder
from foresend.local.mini_cluster import MiniCluster
from foresend.local.stillness import progress_of_job
from schemas.errors import ConfigError, PersonalizationError
from schemas.library import Release
from schemas.topics import COMMUNICATIONS, replay_topic
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load_marketing

LOG = replace(replay_topic("bench"), partitions=1)
SLOTS = 1
LOOK_S = 1.0
SLOWEST = 100.0
"""Events and states a second below which the bench gives up."""
START_S = 300.0


class Disagreement(PersonalizationError):
    """Flink and the bare loop came to different states: whatever was measured is worth nothing until that is mended."""


@dataclass(frozen=True)
class HotpathSizes:
    """How many events pass, for how many users; several numbers of users give a line each."""

    events: int = size(200_000, "events that are measured")
    users: tuple[int, ...] = size((10_000, 1_000_000), "users known before; may be repeated")
    warm_up: int = size(50_000, "events before those that are measured")
    runs: int = size(1, "medians are told of so many runs")
    profile: Path | None = size(None, "also write a flame graph of the bare loop (needs py-spy)")


@dataclass(frozen=True)
class _Case:
    """One line's setting."""

    sizes: HotpathSizes
    log: SteadyLog
    folder: Path
    tell: Tell


def measure(sizes: HotpathSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line for each number of users.

    Raises:
        Disagreement: after the line was told.
    """
    release = compile_release(load_marketing(SAMPLE))
    tell(f"model people live through their histories ({min(MODELS, max(sizes.users))}) ...")
    models = model_people(release, min(MODELS, max(sizes.users)))
    for users in sizes.users:
        runs = [_run(sizes, users, release, models, tell) for _ in range(sizes.runs)]
        yield runs
        if not all(run.given["state_digest_equal"] for run in runs):
            raise Disagreement("expected the same states and renders from Flink and the bare loop, got others")


def _run(sizes: HotpathSizes, users: int, release: Release, models: list[Model], tell: Tell) -> Run:
    with scratch() as folder:
        case = _Case(sizes, SteadyLog(release, models, users, sizes.warm_up, sizes.events), folder, tell)
        with Broker(folder / "broker") as broker:
            kafka = KafkaSettings(broker.bootstrap)
            program = _write(kafka, case)
            written_ms = time_ns() // 1_000_000
            in_flink = _in_flink(kafka, case, program)
            last_output_ms = _last_output_ms(kafka)
            bare = _bare(case, program)
    if in_flink.began_ms < written_ms:
        raise NotInTime("expected the whole log to be in Kafka before the first event is measured")
    seconds = (max(in_flink.ended_ms, last_output_ms) - in_flink.began_ms) / 1000
    return figures(case.log, in_flink, seconds, bare)


def _write(kafka: KafkaSettings, case: _Case) -> Hotpath:
    """Write release and log, and the models' file; the program that goes with them."""
    ensure_topics(kafka)
    ensure_topics(kafka, [LOG])
    publish_release(kafka, case.log.release)
    models = case.folder / "models"
    models.write_bytes(msgspec.msgpack.encode([model.state for model in case.log.models]))
    with case.tell.bar("writing the log", case.log.end) as moved:
        written = write_records(kafka, LOG.name, case.log.records(), moved)
    if written != case.log.end + 1:
        raise NotInTime(f"expected a log of {case.log.end + 1} records, got {written}")
    return Hotpath(kafka, LOG.name, str(models), case.log.first, case.log.end)


def _in_flink(kafka: KafkaSettings, case: _Case, program: Hotpath) -> Report:
    """Run the job over the whole log, in a mini-cluster with one slot; what its step saw."""
    case.tell("starting Flink ...")
    with MiniCluster(case.folder / "job") as flink:
        job = flink.run(_order(kafka, case, program))
        with (
            progress_of_job(kafka, LOG) as progress,
            case.tell.bar("states, warm-up and events in Flink", case.log.end) as moved,
        ):
            deadline = monotonic() + START_S + case.log.end / SLOWEST
            # What a checkpoint says is taken is written too.
            while (taken := progress.total()) <= case.log.end:
                moved(taken)
                flink.rest.status(job)
                if monotonic() > deadline:
                    raise NotInTime(f"expected the job to take {case.log.end} records, it took {taken}")
                sleep(LOOK_S)
        if flink.rest.restarts(job):
            raise NotInTime(f"expected the job to run without a restart: {flink.rest.failures(job)}")
    for record in read_log(kafka, COMMUNICATIONS.name):
        if record.key == REPORT_KEY:
            return msgspec.json.decode(record.value, type=Report)
    raise NotInTime("expected the step's report among the job's outputs, found none")


def _order(kafka: KafkaSettings, case: _Case, program: Hotpath) -> JobOrder:
    """What to hand to Flink's client."""
    found = importlib.util.find_spec("flink_jobs.bench.job")
    if found is None or found.origin is None:
        raise ConfigError("expected the package flink_jobs to be installed, found none; run `make setup`")
    settings = case.folder / "settings.json"
    job = {"kafka": msgspec.to_builtins(kafka), "source": LOG.name, "group": group_of(LOG.name)}
    settings.write_bytes(msgspec.json.encode({"job": job, "program": msgspec.to_builtins(program)}))
    return JobOrder(Path(found.origin), [str(settings)], parallelism=SLOTS)


def _last_output_ms(kafka: KafkaSettings) -> int:
    """When Kafka had the last message that the job wrote."""
    outputs = (record for record in read_log(kafka, COMMUNICATIONS.name) if record.key != REPORT_KEY)
    return max((record.position.log_ms for record in outputs), default=0)


def _bare(case: _Case, program: Hotpath) -> Report:
    """Run the same program over the same records in a process of its own, with dicts for cells."""
    case.tell("the same records in a bare loop ...")
    settings, result = case.folder / "program.json", case.folder / "bare.json"
    settings.write_bytes(msgspec.json.encode(program))
    command = [sys.executable, "-m", "foresend.bench.hotpath_bare", str(settings), str(result)]
    child = processes.start(processes.Program(_profiled(case.sizes.profile, command), log=case.folder / "bare.log"))
    try:
        code = child.wait(START_S + case.log.end / SLOWEST)
    finally:
        child.kill()
    if code != 0 or not result.exists():
        raise processes.ProcessFailed(f"the bare loop ended with {code}:\n{processes.last_lines(child.said())}")
    return msgspec.json.decode(result.read_bytes(), type=Report)


def _profiled(profile: Path | None, command: list[str]) -> list[str]:
    """The command under py-spy, where a profile is wanted."""
    if profile is None:
        return command
    spy = Path(sys.executable).with_name("py-spy")
    if not spy.exists():
        raise ConfigError(f"--profile: expected py-spy at {spy}, found none; install it there")
    return [str(spy), "record", "--output", str(profile.resolve()), "--", *command]


def figures(log: SteadyLog, in_flink: Report, seconds: float, bare: Report) -> Run:
    """What both came to. `seconds`: in Flink, until Kafka had the last message."""
    sizes = sorted(in_flink.profile_bytes)
    is_equal = in_flink.outcome == bare.outcome and in_flink.events == log.events
    given: dict[str, Figure] = {
        "events": in_flink.events,
        "users": log.users,
        "slots": SLOTS,
        "renders_share": rounded(in_flink.rendered / in_flink.events),
        "writes_per_event": rounded(in_flink.writes / in_flink.events),
        "state_bytes_p50": percentile(sizes, 0.5),
        "state_bytes_p99": percentile(sizes, 0.99),
        "state_digest_equal": is_equal,
    }
    events_per_s, bare_events_per_s = in_flink.events / seconds, bare.events / bare.seconds
    return Run(
        given,
        {
            "events_per_s": events_per_s,
            "bare_events_per_s": bare_events_per_s,
            "ratio": events_per_s / bare_events_per_s,
        },
    )
