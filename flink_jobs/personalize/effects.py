"""What a step wants done: data, which the adapter performs."""

from dataclasses import dataclass, field

from flink_jobs.counting import Count
from schemas.codec import Versioned
from schemas.topics import COMMUNICATIONS


@dataclass(frozen=True, slots=True)
class Output:
    """One record for a topic that the job writes. Bytes are written as they are; no value: a tombstone."""

    key: bytes
    value: Versioned | bytes | None
    topic: str = COMMUNICATIONS.name


@dataclass(frozen=True, slots=True)
class Suppressing:
    """Why an address may not be written to, whoever it belongs to. It leaves the job as an HMAC.

    address    as it is
    name       the HMAC, of whom nothing else is known; then there is no address
    lifted_ms  when an operator said that it is over; 0: it is not
    """

    channel: str
    reason: str
    at_ms: int
    address: str = ""
    name: str = ""
    lifted_ms: int = 0


@dataclass(slots=True)
class Effects:
    """The result of one step.

    changed   the profile is to be stored (a no-op leaves its bytes alone)
    tell_now  something changed that a send relies on: the person is told anew at once
    suppressing  addresses that may not be written to from now on, or may again
    counts       what is to be counted
    """

    changed: bool = False
    tell_now: bool = False
    outputs: list[Output] = field(default_factory=list)
    suppressing: list[Suppressing] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
