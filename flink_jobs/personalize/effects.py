"""What a step wants done: data, which the adapter performs."""

from dataclasses import dataclass, field

from schemas.decisions import Communication


@dataclass(frozen=True, slots=True)
class Output:
    """One record for the topic `communications`. No value: a tombstone."""

    key: bytes
    value: Communication | None


@dataclass(slots=True)
class Effects:
    """The result of one step.

    changed     the profile is to be stored (a no-op leaves its bytes alone)
    wake_at_ms  event time of the next deadline; 0 where none is due
    """

    changed: bool = False
    wake_at_ms: int = 0
    outputs: list[Output] = field(default_factory=list)
