"""The pure parts of the local stack: what programs say, and what they are told."""

from argparse import ArgumentParser
from pathlib import Path
from string import Template

import pytest

from foresend.local import command
from foresend.local.flink_client import JobOrder, reason, submitted_job
from foresend.local.flink_home import SETTINGS
from foresend.local.jars import RESOURCES, JarSet
from foresend.local.java import java_version, maven_version
from foresend.local.ports import FIRST, LAST, free_port, is_free, is_open
from foresend.processes import last_lines


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_402"', 8),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "22-ea" 2024', 22),
        ("command not found", None),
        ("", None),
    ],
)
def test_the_feature_release_is_read_from_what_java_says(said: str, version: int | None) -> None:
    assert java_version(said) == version


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("\x1b[1mApache Maven 3.8.7\x1b[m\nMaven home: /usr/share/maven", (3, 8, 7)),
        ("Apache Maven 4.0.0-rc-3 (abc)", (4, 0, 0)),
        ("Error: JAVA_HOME is not defined correctly", None),
    ],
)
def test_the_version_is_read_from_what_maven_says(said: str, version: tuple[int, int, int] | None) -> None:
    assert maven_version(said) == version


def test_a_job_order_becomes_the_clients_command_line() -> None:
    order = JobOrder(Path("/x/job.py"), ["--in", "events"], 2, "file:/saved", {"parallelism.default": "3"})
    assert order.command_line("--target", "local") == [
        *["run", "--target", "local", "--parallelism", "2", "--fromSavepoint", "file:/saved"],
        *["-Dparallelism.default=3", "--python", "/x/job.py", "--in", "events"],
    ]


def test_the_job_id_is_found_in_what_the_client_says() -> None:
    job = "6921a1def96223315770958162d918d0"
    assert submitted_job(f"noise\nJob has been submitted with JobID {job}\n") == job
    assert submitted_job("Job has been refused") is None


def test_a_failed_submission_is_told_by_the_jobs_own_traceback() -> None:
    said = (
        "INFO something\nTraceback (most recent call last):\n  File job.py\nKeyError: 'x'\n"
        "org.apache.flink.client.program.ProgramAbortException: exit 1\n\tat org.apache.flink.Client\n"
    )
    assert reason(said) == "Traceback (most recent call last):\n  File job.py\nKeyError: 'x'"


def test_without_a_traceback_the_reason_is_all_but_the_stack() -> None:
    assert reason("refused\n\tat org.apache.flink.Client\nCaused by: port") == "refused\nCaused by: port"


def test_an_error_message_shows_the_end_of_a_long_log() -> None:
    assert last_lines("\n".join(map(str, range(1000)))).splitlines() == [str(n) for n in range(980, 1000)]


def test_a_free_port_lies_below_the_range_of_outgoing_connections() -> None:
    port = free_port()
    assert FIRST <= port <= LAST < 32_768
    assert is_free(port)
    assert not is_open(port)


def test_the_brokers_settings_have_a_place_for_each_value_and_no_other() -> None:
    template = Template((RESOURCES / "broker/server.properties").read_text())
    assert set(template.get_identifiers()) == {"port", "controller_port", "data"}


def test_no_registry_is_named_and_every_version_is_pinned() -> None:
    for wanted in JarSet:
        pom = (RESOURCES / wanted / "pom.xml").read_text()
        assert pom.count("http") == 1, "the namespace only"
        assert "<repositor" not in pom
        assert pom.count("<version>") == pom.count("<artifactId>")
        assert not {"LATEST", "RELEASE", "SNAPSHOT"} & set(pom.replace("<", " ").replace(">", " ").split())


def test_thread_mode_one_slot_and_a_bounded_restart_are_the_defaults() -> None:
    assert SETTINGS["python.execution-mode"] == "thread"
    assert SETTINGS["taskmanager.numberOfTaskSlots"] == "1"
    assert SETTINGS["restart-strategy.type"] == "failure-rate"


@pytest.mark.parametrize(
    "line",
    [
        ["local"],
        ["local", "up", "--port", "70000"],
        ["local", "up", "--port", "-1"],
        ["local", "up", "--port", "many"],
        ["local", "cluster", "up", "--task-managers", "0"],
    ],
)
def test_a_wrong_command_line_is_refused(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    command.add_parser(parser.add_subparsers())
    with pytest.raises(SystemExit) as refused:
        parser.parse_args(line)
    assert refused.value.code == 2
    assert "usage" in capsys.readouterr().err
