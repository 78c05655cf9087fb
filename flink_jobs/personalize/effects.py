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
    """

    changed: bool = False
    outputs: list[Output] = field(default_factory=list)
