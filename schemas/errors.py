"""Every error that Foresend raises on purpose, by who is at fault and what is done about it.

A message says what was expected, what came, and where; it never holds personal data.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why an input became a dead letter. A closed list: dashboards and the redrive command count by it."""

    NOT_JSON = "not_json"
    BAD_UTF8 = "bad_utf8"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    NOT_FINITE = "not_finite"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_KIND = "unknown_kind"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    KEY_MISMATCH = "key_mismatch"
    UNKNOWN_WORKSPACE = "unknown_workspace"
    UNKNOWN_WORLD = "unknown_world"
    UNMAPPED = "unmapped"
    NOT_ALLOWED = "not_allowed"


class PersonalizationError(Exception):
    """Base of all errors raised on purpose."""


class DataError(PersonalizationError):
    """The input is at fault: it goes whole to the dead letters, and the work goes on."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SchemaError(DataError):
    """The input has not the shape it should have. The sender mends it."""


class UnknownWorkspace(DataError):
    """The event's world holds no release of its workspace. The operator releases it, then redrives."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.UNKNOWN_WORKSPACE, message)


class UnknownWorld(DataError):
    """The event names a world that does not exist yet. Its sender's collector reads another Kafka than the job."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.UNKNOWN_WORLD, message)


class StateError(PersonalizationError):
    """Our own stored bytes are at fault: stop the job, for going on would spread the damage."""


class StateVersionError(StateError):
    """The bytes were written by a newer version. A deployment mistake: deploy that version again."""


class StateCorrupt(StateError):
    """The bytes cannot be read at all. Restore from the last good savepoint."""


class TransientError(PersonalizationError):
    """The outside is at fault, for now: retried a bounded number of times at the edge."""


class CacheBusy(TransientError):
    """The cache cannot answer yet (starting, rebuilding or locked by another process)."""


class BrokerUnavailable(TransientError):
    """Kafka does not answer. Nothing was acknowledged; try again later."""


class WorldUnavailable(TransientError):
    """A record of `library` or `models` that an event names has not arrived in time."""


class ConfigError(PersonalizationError):
    """The operator is at fault: refuse to start, and list every problem found."""

    def __init__(self, problems: list[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else problems
        super().__init__("\n".join(self.problems))
