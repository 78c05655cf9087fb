"""Child processes: they end when asked, with their parent, and are told from strangers with the same pid."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from foresend import processes
from foresend.processes import Identity, ProcessFailed, Program, Record
from schemas.errors import ConfigError
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 1; done"
PARENT = """
import sys, signal, pathlib
from foresend.processes import Program, start
folder = pathlib.Path(sys.argv[1])
program = Program(["sleep", "600"], folder / "log", folder / "record", outlives_parent=sys.argv[2] == "outlives")
start(program)
print("up", flush=True)
signal.pause()
"""


def sleeper(folder: Path, outlives_parent: bool = False) -> Program:
    return Program(["sleep", "600"], folder / "log", folder / "record", outlives_parent=outlives_parent)


def wait_for_program(pid: int) -> None:
    """Until the wrapper, which asks the kernel for the signal, has become the program."""
    wait_until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep"), 10, "the program itself")


def test_a_record_names_the_process_while_it_lives(tmp_path: Path) -> None:
    child = processes.start(sleeper(tmp_path))
    found = Record.read(tmp_path / "record")
    assert found is not None
    assert found.process == Identity.of(child.pid)
    assert found.owner == Identity.of(os.getpid())
    child.end()
    assert not child.is_running
    assert not (tmp_path / "record").exists()


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    child = processes.start(Program(["sh", "-c", STUBBORN], tmp_path / "log"))
    wait_until(lambda: "ready" in child.said(), 10, "the trap")
    child.end(grace_s=0.2)
    assert child.wait(0) == -signal.SIGKILL


def test_what_the_program_started_goes_with_it(tmp_path: Path) -> None:
    child = processes.start(Program(["sh", "-c", "sleep 600 & echo $!; wait"], tmp_path / "log"))
    wait_until(lambda: child.said().strip().isdigit(), 10, "the grandchild")
    grandchild = Identity.of(int(child.said()))
    assert grandchild is not None
    child.kill()
    wait_until(lambda: not grandchild.is_running, 10, "the grandchild's end")


def test_a_child_of_a_thread_that_ends_lives_on(tmp_path: Path) -> None:
    started: list[processes.Child] = []

    def start_and_end() -> None:
        started.append(processes.start(sleeper(tmp_path)))
        wait_for_program(started[0].pid)

    thread = threading.Thread(target=start_and_end)
    thread.start()
    thread.join()
    (child,) = started
    assert child.wait(0.3) is None, "the kernel's signal follows the thread that forked, so that one must not end"
    child.end()


@pytest.mark.parametrize(("fate", "dies"), [("dies", True), ("outlives", False)])
def test_a_child_dies_with_a_killed_parent_unless_it_was_told_to_outlive_it(
    tmp_path: Path, fate: str, dies: bool
) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), fate], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    record = Record.read(tmp_path / "record")
    assert record is not None
    wait_for_program(record.process.pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    if dies:
        wait_until(lambda: not record.process.is_running, 10, "the child to die with its parent")
    else:
        assert record.owner is None
        with pytest.raises(ConfigError, match="already running"):
            processes.clear_leftover(tmp_path / "record", "it")
        assert processes.end_recorded(tmp_path / "record")
        assert not record.process.is_running


def test_an_orphan_whose_owner_is_gone_is_ended_and_forgotten(tmp_path: Path) -> None:
    child = processes.start(sleeper(tmp_path))
    process = Identity.of(child.pid)
    gone = Identity(pid=2**22, started=1, boot="another")
    assert process is not None
    Record(process, owner=gone).write(tmp_path / "record")
    processes.clear_leftover(tmp_path / "record", "it")
    assert not child.is_running
    assert not (tmp_path / "record").exists()


def test_a_stranger_that_got_a_dead_ones_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = processes.start(sleeper(tmp_path))
    actual = Identity.of(stranger.pid)
    assert actual is not None
    Record(Identity(actual.pid, actual.started - 100, actual.boot), None).write(tmp_path / "record")
    assert not processes.end_recorded(tmp_path / "record")
    processes.clear_leftover(tmp_path / "record", "it")
    assert stranger.is_running
    stranger.end()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"process": 1}', '{"process": {"pid": 1}, "owner": null}'])
def test_a_record_that_is_none_of_ours_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "record").write_text(text)
    assert Record.read(tmp_path / "record") is None
    processes.clear_leftover(tmp_path / "record", "it")
    assert not (tmp_path / "record").exists()


def test_a_program_that_ends_before_it_is_ready_is_told_with_its_last_words(tmp_path: Path) -> None:
    child = processes.start(Program(["sh", "-c", "echo no disk; exit 3"], tmp_path / "log"))
    with pytest.raises(ProcessFailed, match=r"the disk ended with code 3 before it was ready(?s:.*)no disk"):
        processes.wait_ready(child, "the disk", lambda: False, timeout_s=10)


def test_a_program_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    child = processes.start(sleeper(tmp_path))
    with pytest.raises(ProcessFailed, match=r"the bed was not ready after 0\.2 s"):
        processes.wait_ready(child, "the bed", lambda: False, timeout_s=0.2)
    child.end()


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = Program(["no-such-program"], tmp_path / "log", outlives_parent=True)
    with pytest.raises(ConfigError, match="cannot start no-such-program: No such file"):
        processes.start(missing)
