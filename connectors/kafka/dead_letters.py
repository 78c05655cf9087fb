"""Dead letters as records: an input that could not be used, whole."""

from functools import cache
from importlib.metadata import version

from schemas.codec import encode
from schemas.dead_letters import DeadLetter
from schemas.keys import join_key


@cache
def code_version() -> str:
    """The version of the running code, as dead letters name it."""
    return version("foresend")


def dead_letter_record(letter: DeadLetter, name: str = "") -> tuple[bytes, bytes]:
    """Key and value of a record of `dead_letters`. `name`: what stands for an offset where there is none."""
    return join_key(letter.source, str(letter.partition), name or str(letter.offset)), encode(letter)
