"""Logs: one object a line, by the environment, and no word of an error that may quote a person."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from foresend.local.flink_home import LOG_SETTINGS, FlinkHome
from foresend.logs import FORMAT, JSON, MESSAGE_MAX, JsonLines, PlainLines, start_logging, trace_of
from schemas.errors import ConfigError, Reason, SchemaError

JOB = Path(__file__).parents[3] / "deploy/k8s/base/job.yaml"
CANARY = "canary.bird@coal.example"


def record_of(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    info = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("foresend.test", logging.WARNING, __file__, 1, message, arguments, info)


def raised(act: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011  any
        act()
    return caught.value


def test_a_line_is_one_object_with_the_keys_that_are_promised() -> None:
    line = JsonLines("serve").format(record_of("topic %s: %d records", "events", 3))

    told = json.loads(line)
    assert list(told) == ["time", "level", "logger", "program", "message"]
    assert (told["level"], told["logger"], told["program"]) == ("warning", "foresend.test", "serve")
    assert told["message"] == "topic events: 3 records"
    assert told["time"].endswith("Z")


def test_nobody_writes_a_second_line() -> None:
    line = JsonLines().format(record_of('a\n{"level": "error"}\u2028b'))
    assert len(line.splitlines()) == 1
    assert json.loads(line)["message"] == 'a\n{"level": "error"}\u2028b'


def test_a_long_message_is_cut_and_stays_json() -> None:
    assert len(json.loads(JsonLines().format(record_of("x" * 100_000)))["message"]) == MESSAGE_MAX


@pytest.mark.parametrize("formatter", [JsonLines("collect"), PlainLines("%(message)s")], ids=["json", "text"])
def test_of_an_error_that_is_not_ours_only_class_and_place_are_told(formatter: logging.Formatter) -> None:
    """Mutant: the error's own words; then the canary stands in the line."""

    def act() -> None:
        try:
            int(CANARY)
        except ValueError as error:
            raise KeyError(CANARY) from error

    line = formatter.format(record_of("a read failed", error=raised(act)))

    assert CANARY not in line
    assert "KeyError" in line
    assert "ValueError" in line
    assert "test_logs.py" in line


def test_words_of_our_own_errors_are_told_for_they_name_nobody() -> None:
    error = SchemaError(Reason.NOT_JSON, "expected JSON, got other bytes")
    assert "expected JSON, got other bytes" in trace_of(error)


def test_errors_that_lead_to_each_other_end() -> None:
    one, other = ValueError("a"), KeyError("b")
    one.__cause__, other.__cause__ = other, one
    assert trace_of(one).count("because of") == 1


@pytest.mark.parametrize("told", [{"FORESEND_LOG_FORMAT": "xml"}, {"FORESEND_LOG_LEVEL": "LOUD"}])
def test_what_there_is_not_is_refused(told: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="FORESEND_LOG_"):
        start_logging(told)


@pytest.mark.parametrize("where", ["main", "thread"])
def test_an_error_that_ends_a_program_is_a_line_too(where: str) -> None:
    """Also one of a thread, and of a library's own logger."""
    act = f"int({CANARY!r})"
    script = f"""
import logging, threading
from foresend.logs import start_logging
start_logging({{"FORESEND_LOG_FORMAT": "json"}}, "serve")
logging.getLogger("uvicorn.error").error("an answer failed")
def act():
    {act}
{"act()" if where == "main" else "one = threading.Thread(target=act); one.start(); one.join()"}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert CANARY not in done.stderr
    assert [line["logger"] for line in lines] == ["uvicorn.error", "foresend.logs"]
    assert lines[1]["error"] == "ValueError"


def test_flink_writes_the_same_keys_wherever_it_runs() -> None:
    """Under Kubernetes the operator hands Flink its settings of logs: they are those of a local one."""
    own = LOG_SETTINGS[JSON].read_text(encoding="utf-8")
    pattern = re.search(r"^appender\.out\.layout\.pattern=(.*)%n$", own, re.MULTILINE)
    assert pattern is not None
    keys = re.findall(r'"([a-z]+)":', pattern[1])
    assert keys == ["time", "level", "logger", "program", "message", "trace"]

    [deployed] = [
        one for one in YAML(typ="safe").load_all(JOB.read_text(encoding="utf-8")) if one["kind"] == "FlinkDeployment"
    ]
    assert deployed["spec"]["logConfiguration"] == {"log4j-console.properties": own}


def test_flink_logs_as_all_other_programs_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for form, file in LOG_SETTINGS.items():
        monkeypatch.setenv(FORMAT, form)
        home = FlinkHome(tmp_path / form)
        home.conf.mkdir(parents=True)
        (home.conf / "config.yaml").write_text("env.java.opts.all: -Da=b\n")
        command = home.client_command(["list"])
        assert f"-Dlog4j.configurationFile={file}" in command
