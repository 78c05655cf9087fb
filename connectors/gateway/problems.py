"""What a read answers when it cannot answer with a message: problem details by RFC 9457."""

import json
from http import HTTPStatus

from schemas.errors import PersonalizationError

RETRY_AFTER_S = 1


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
    retry = ((b"retry-after", str(RETRY_AFTER_S).encode()),)
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", detail, retry)


def not_found(code: str, detail: str) -> Problem:
    """There is no such thing."""
    return Problem(HTTPStatus.NOT_FOUND, code, detail)


def bad_request(code: str, detail: str) -> Problem:
    """The request cannot be understood."""
    return Problem(HTTPStatus.BAD_REQUEST, code, detail)
