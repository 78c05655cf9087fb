"""Dead letters: input that could not be used, kept whole, with the reason."""

from schemas.codec import Versioned
from schemas.errors import Reason


class DeadLetter(Versioned, frozen=True):
    """One refused input. Only `payload` and `key` may hold personal data; they age out after 7 days.

    source        where it came from: a topic, or `collector`
    code_version  of the program that refused it, so that it can be replayed after a fix
    """

    source: str
    partition: int
    offset: int
    received_ms: int
    reason: Reason
    message: str
    key: bytes
    payload: bytes
    code_version: str
