"""Logs of every program: a line of text for people, or a JSON object a line for what collects them.

Our own errors tell no personal data, others' may: of an error that is not ours only its class and where it came from
are told, for its words may quote what it was given.
"""

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from schemas.errors import ConfigError, PersonalizationError

FORMAT, LEVEL = "FORESEND_LOG_FORMAT", "FORESEND_LOG_LEVEL"
TEXT, JSON = "text", "json"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MESSAGE_MAX = 8_000
"""Characters of one message: a line that is longer is cut by what collects it, and is no JSON then."""
_TEXT_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_log = logging.getLogger(__name__)


def start_logging(environment: Mapping[str, str] | None = None, program: str = "") -> None:
    """Log to standard error, as the environment says.

    Raises:
        ConfigError: it says what there is not.
    """
    told = os.environ if environment is None else environment
    form, level = told.get(FORMAT) or TEXT, (told.get(LEVEL) or "INFO").upper()
    if form not in (TEXT, JSON):
        raise ConfigError(f"{FORMAT}: expected {TEXT} or {JSON}, got {form!r}")
    if level not in LEVELS:
        raise ConfigError(f"{LEVEL}: expected one of {', '.join(LEVELS)}, got {level!r}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(program) if form == JSON else PlainLines(_TEXT_FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
    # It warns of each attempt to reach a broker that is away, which our own loggers tell once.
    logging.getLogger("kafka").setLevel(logging.ERROR)
    if form == JSON:
        sys.excepthook = _log_crash
        threading.excepthook = _log_crash_of_thread


class PlainLines(logging.Formatter):
    """For people."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  logging's name
        """Where an error came from."""
        return trace_of(ei[1])


class JsonLines(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `program`, `message`; with an error `error` and `trace`."""

    def __init__(self, program: str = "") -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; without a line break in it, so that nobody can write a second one into it."""
        line: dict[str, Any] = {
            "time": _time_of(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "program": self._program,
            "message": record.getMessage()[:MESSAGE_MAX],
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line |= {"error": type(error).__name__, "trace": trace_of(error)[-MESSAGE_MAX:]}
        return json.dumps(line, ensure_ascii=True)


def trace_of(error: BaseException | None) -> str:
    """Where an error and what led to it came from: files, lines, functions, classes; words of our own errors only.

    >>> trace_of(ValueError("anna@example.org"))
    'ValueError'
    """
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = [
            f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        words = f": {error}" if isinstance(error, PersonalizationError) else ""
        parts.append("\n".join([*frames, f"{type(error).__name__}{words}"]))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nbecause of\n".join(parts)


def _time_of(seconds: float) -> str:
    millis = int(seconds * 1000) % 1000
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{millis:03d}Z"


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _log.critical("ended by an error that nobody expected", exc_info=(kind, error, trace))


def _log_crash_of_thread(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_value is not None:
        _log.critical(
            "a thread ended by an error that nobody expected",
            exc_info=(crash.exc_type, crash.exc_value, crash.exc_traceback),
        )
