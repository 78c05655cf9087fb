"""What a step wants done: data, which the adapter performs."""

from dataclasses import dataclass, field

from schemas.codec import Versioned
from schemas.topics import COMMUNICATIONS


@dataclass(frozen=True, slots=True)
class Output:
    """One record for a topic that the job writes. Bytes are written as they are; no value: a tombstone."""

    key: bytes
    value: Versioned | bytes | None
    topic: str = COMMUNICATIONS.name


@dataclass(slots=True)
class Effects:
    """The result of one step.

    changed   the profile is to be stored (a no-op leaves its bytes alone)
    tell_now  something changed that a send relies on: the person is told anew at once
    """

    changed: bool = False
    tell_now: bool = False
    outputs: list[Output] = field(default_factory=list)
