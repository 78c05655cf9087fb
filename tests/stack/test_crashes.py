"""Does the path survive? Task managers and the broker die, the job moves to another parallelism: the truth stays."""

from pathlib import Path

import pytest

from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.jobs import job_order
from foresend.local.broker import Broker
from foresend.local.flink_cluster import FlinkCluster
from foresend.local.stillness import progress_of_job, wait_taken
from foresend.verification import fold_log
from schemas.codec import decode
from schemas.decisions import Communication
from schemas.library import Release
from schemas.topics import replay_topic
from tests.support.events import DAY_MS, START_MS
from tests.support.logs import behaviour, settled, write_heartbeats, write_log, written_communications
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
LOG = replay_topic("crashes")
USERS = 200
PART = 4_000
CHECKPOINT = {"execution.checkpointing.interval": "1 s"}


def test_the_cache_equals_the_truth_after_crashes_and_a_change_of_scale(
    own_broker: Broker, sample_release: Release, tmp_path: Path
) -> None:
    kafka = KafkaSettings(own_broker.bootstrap)
    ensure_topics(kafka)
    ensure_topics(kafka, [LOG])
    publish_release(kafka, sample_release)
    with FlinkCluster(tmp_path / "flink", task_managers=2, settings=CHECKPOINT) as flink:
        savepoint = _run_alone_then_stop(flink, kafka, tmp_path)
        job = flink.submit(job_order(kafka, LOG.name, tmp_path, parallelism=2, savepoint=savepoint))
        _kill_a_task_manager_midway(flink, kafka, job)
        acknowledged = 2 * PART + _kill_the_broker(own_broker, kafka)
        write_heartbeats(kafka, LOG.name, START_MS + 60 * DAY_MS)
        wait_taken(kafka, LOG, flink.rest, timeout_s=180)

    in_log = [record for record in read_log(kafka, LOG.name) if not record.key.startswith(b"-|")]
    assert len(in_log) >= acknowledged, "something acknowledged is lost"
    expected = fold_log(kafka, LOG.name).communications
    living = {key: v for key, v in expected.items() if v and not decode(Communication, v).grave}
    written = written_communications(kafka)
    assert len({key.split(b"|")[2] for key in living}) > USERS * 0.9
    assert settled(written) == living
    for values in written.values():
        _check_no_version_is_written_twice_differently(values)


def _run_alone_then_stop(flink: FlinkCluster, kafka: KafkaSettings, folder: Path) -> str:
    """The first third at parallelism 1; returns the savepoint."""
    job = flink.submit(job_order(kafka, LOG.name, folder, parallelism=1))
    write_log(kafka, LOG.name, behaviour(1, USERS, PART))
    with progress_of_job(kafka, LOG) as progress:
        wait_until(lambda: progress.total() > PART // 2, 90, "half of the first part")
    return flink.rest.stop_with_savepoint(job)


def _kill_a_task_manager_midway(flink: FlinkCluster, kafka: KafkaSettings, job: str) -> None:
    """SIGKILL after at least two checkpoints, with 30 to 60 % of the whole log taken."""
    write_log(kafka, LOG.name, behaviour(2, USERS, PART // 2, START_MS + 11 * DAY_MS))
    with progress_of_job(kafka, LOG) as progress:
        wait_until(lambda: progress.total() > PART, 90, "a third of the log to be taken")
        wait_until(lambda: flink.rest.checkpoints(job).completed >= 2, 90, "two checkpoints")
        assert 0.3 <= progress.total() / (3 * PART) <= 0.6
    flink.kill_task_manager(1)
    write_log(kafka, LOG.name, behaviour(3, USERS, PART // 2, START_MS + 22 * DAY_MS))
    flink.start_task_manager(1)
    wait_until(lambda: flink.rest.checkpoints(job).restored >= 1, 90, "a restore in the log")
    wait_until(lambda: flink.rest.tasks_running(job), 90, "the job to run again")


def _kill_the_broker(broker: Broker, kafka: KafkaSettings) -> int:
    """SIGKILL between two halves of what is written; returns how many were acknowledged in all."""
    first = write_log(kafka, LOG.name, behaviour(4, USERS, PART // 2, START_MS + 33 * DAY_MS))
    broker.kill()
    broker.start()
    return first + write_log(kafka, LOG.name, behaviour(5, USERS, PART // 2, START_MS + 44 * DAY_MS))


def _check_no_version_is_written_twice_differently(values: list[bytes | None]) -> None:
    by_version: dict[bytes, bytes] = {}
    for value in values:
        if value is not None:
            version = decode(Communication, value).version
            assert by_version.setdefault(version, value) == value
