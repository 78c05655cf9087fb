"""Dead letters as records: an input that could not be used, whole."""

from functools import cache
from importlib.metadata import version

import msgspec

from schemas.codec import encode
from schemas.dead_letters import DeadLetter
from schemas.keys import join_key
from schemas.topics import RECORD_BYTES_MAX

KEY_BYTES_MAX = 64 * 1024
"""So much of a refused key is kept where it has to be cut at all."""


@cache
def code_version() -> str:
    """The version of the running code, as dead letters name it."""
    return version("foresend")


def dead_letter_record(letter: DeadLetter, name: str = "") -> tuple[bytes, bytes]:
    """Key and value of a record of `dead_letters`. `name`: what stands for an offset where there is none."""
    return join_key(letter.source, str(letter.partition), name or str(letter.offset)), encode(_fitting(letter))


def _fitting(letter: DeadLetter) -> DeadLetter:
    """The letter whole, or cut: Kafka bounds records compressed, so that one may unpack to more than a letter holds."""
    size = len(letter.key) + len(letter.payload)
    if size <= RECORD_BYTES_MAX:
        return letter
    key = letter.key[:KEY_BYTES_MAX]
    return msgspec.structs.replace(
        letter,
        key=key,
        payload=letter.payload[: RECORD_BYTES_MAX - len(key)],
        message=f"{letter.message} (key and payload cut from {size} bytes)",
    )
