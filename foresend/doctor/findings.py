"""What one check found: whether it is as expected, and the mend where it is not."""

from dataclasses import dataclass
from enum import StrEnum

NOT_LOOKED_AT = "not looked at"


class Program(StrEnum):
    """What is going to run on a machine, so what it must have. `local`: the broker of `foresend local up`."""

    COLLECT = "collect"
    JOB = "job"
    SERVE = "serve"
    DELIVER = "deliver"
    INBOUND = "inbound"
    TRAIN = "train"
    LOCAL = "local"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: the keys of `foresend doctor --json`.

    found, expected  in the same words, so that they can be held against each other; never a secret
    mend             what to do; empty where nothing is
    """

    check: str
    ok: bool
    found: str
    expected: str
    mend: str = ""


def fine(check: str, found: str, expected: str) -> Finding:
    """All as expected."""
    return Finding(check, True, found, expected)


def fault(check: str, found: str, expected: str, mend: str) -> Finding:
    """Something is wrong, and can be mended so."""
    return Finding(check, False, found, expected, mend)


def unasked(check: str, expected: str, first: str) -> Finding:
    """It could not be looked at: not fine, for nobody knows. `first`: the check to mend before."""
    return fault(check, f"{NOT_LOOKED_AT}: {first} is not as expected", expected, f"mend {first}, and ask again")
