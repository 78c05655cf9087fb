"""Flink on this machine: a standalone cluster and a mini-cluster run the same job file, and leave nothing behind."""

from pathlib import Path

import pytest

from foresend.cli import main
from foresend.local.flink_client import JobOrder
from foresend.local.flink_cluster import FlinkCluster
from foresend.local.mini_cluster import MiniCluster
from foresend.processes import Identity, ProcessFailed
from schemas.errors import ConfigError
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

SETTINGS = {"execution.checkpointing.interval": "1 s"}
SCRIPT = Path(__file__).parent / "jobs" / "endless.py"


def test_a_cluster_takes_a_job_stops_it_with_a_savepoint_and_leaves_nothing_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # That a job survives its task manager is shown with the real job, in test_crashes.py.
    with FlinkCluster(tmp_path, task_managers=1, settings=SETTINGS) as cluster:
        with pytest.raises(ConfigError, match="a Flink cluster is already running"):
            FlinkCluster(tmp_path).start()
        job = cluster.submit(JobOrder(SCRIPT))
        wait_until(lambda: cluster.rest.tasks_running(job), 90, "the job to run")
        assert cluster.rest.task_managers_of(job) == {cluster.id_of_task_manager(1)}
        assert main(["local", "cluster", "savepoint", "--folder", str(tmp_path)]) == 0
        assert Path(capsys.readouterr().out.strip().removeprefix("file:")).is_dir()
        assert cluster.rest.jobs() == {job: "FINISHED"}
        task_manager = Identity.of(cluster.pid_of_task_manager(1))
        assert task_manager is not None

        cluster.kill_task_manager(1)
        assert cluster.task_manager_numbers == []
        assert cluster.start_task_manager() == 2
        assert cluster.task_manager_numbers == [2]

    assert not task_manager.is_running
    assert not cluster.is_running
    assert list(tmp_path.glob("*.pid.json")) == []


def test_a_job_in_a_mini_cluster_goes_on_from_a_checkpoint_after_a_sigkill(tmp_path: Path) -> None:
    with MiniCluster(tmp_path, SETTINGS) as mini:
        with pytest.raises(ProcessFailed, match="KeyError: 'this job was asked to fail'"):
            mini.run(JobOrder(SCRIPT, ["fail"]))
        assert not mini.is_running

        job = mini.run(JobOrder(SCRIPT))
        wait_until(lambda: mini.rest.checkpoints(job).completed >= 1, 60, "a checkpoint")
        checkpoint = mini.rest.checkpoints(job).latest_path
        mini.kill()

        again = mini.run(JobOrder(SCRIPT, savepoint=checkpoint))
        assert mini.rest.checkpoints(again).restored == 1
        mini.rest.stop_with_savepoint(again)
        wait_until(lambda: not mini.is_running, 60, "the JVM to end with its job")
        assert mini.wait(0) == 0
