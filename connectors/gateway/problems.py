"""What a read answers when it cannot answer with a message: problem details by RFC 9457."""

import json
import logging
from http import HTTPStatus

from schemas.errors import CacheBusy, DataError, PersonalizationError, StateError, TransientError

RETRY_AFTER_S = 1
RETRY_AFTER = ((b"retry-after", str(RETRY_AFTER_S).encode()),)
OTHER_NODE = "other_partition"
"""What is asked for is held by another node."""


class Problem(PersonalizationError):
    """An answer that is no message. The caller mends it, or tries again where `Retry-After` says so.

    code  a short word for programs; a closed set, so that it can label a metric
    """

    def __init__(
        self, status: HTTPStatus, code: str, detail: str, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers

    def body(self) -> bytes:
        """The problem as JSON."""
        fields = {
            "type": f"urn:foresend:problem:{self.code}",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": str(self),
        }
        return json.dumps(fields).encode()


def not_ready(detail: str) -> Problem:
    """The cache is not as new as it was when the node stopped; later it is."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", detail, RETRY_AFTER)


def not_found(code: str, detail: str) -> Problem:
    """There is no such thing."""
    return Problem(HTTPStatus.NOT_FOUND, code, detail)


def bad_request(code: str, detail: str) -> Problem:
    """The request cannot be understood."""
    return Problem(HTTPStatus.BAD_REQUEST, code, detail)


FAILURES = (Problem, TransientError, StateError, DataError)
"""What a request may fail by; anything else is a bug."""
_log = logging.getLogger(__name__)


def problem_of(error: PersonalizationError) -> Problem:
    """What a caller is told of one of `FAILURES`."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, CacheBusy):
        detail = "the cache cannot be read or written now"
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "cache_busy", detail, RETRY_AFTER)
    if isinstance(error, TransientError):
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", str(error), RETRY_AFTER)
    # What is stored cannot be served: the caller can do nothing about it, the operator can.
    _log.error("a request failed", exc_info=error)
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "state", str(error))
