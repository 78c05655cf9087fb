"""foresend.js as it is served: without its comments, compressed once."""

import gzip
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

from connectors.collector.answers import Answer

SOURCE = Path(__file__).with_name("foresend.js")
_HEADERS = (
    (b"content-type", b"text/javascript; charset=utf-8"),
    # An hour: pages name no version, so this is how long an old one may go on.
    (b"cache-control", b"public, max-age=3600, stale-while-revalidate=86400"),
    (b"x-content-type-options", b"nosniff"),
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"vary", b"accept-encoding"),
)


def stripped(source: str) -> str:
    r"""Our own source without comments and indentation: both stand on lines of their own there.

    >>> stripped("/* What\n * and why. */\n  // because\n  var url = 'a//b';\n")
    "var url = 'a//b';\n"
    """
    kept = []
    in_comment = False
    for line in map(str.strip, source.splitlines()):
        in_comment = in_comment or line.startswith("/*")
        if line and not in_comment and not line.startswith("//"):
            kept.append(line)
        in_comment = in_comment and not line.endswith("*/")
    return "\n".join(kept) + "\n"


class Script:
    """Answers whoever asks for the script."""

    def __init__(self) -> None:
        self.plain = stripped(SOURCE.read_text(encoding="utf-8")).encode()
        self.compressed = gzip.compress(self.plain, 9, mtime=0)
        self._etag = f'"{sha256(self.plain).hexdigest()[:16]}"'.encode()

    def answer(self, accepted_encoding: bytes, known: bytes) -> Answer:
        """The script, or that the asker has it already (`known`: the If-None-Match header)."""
        headers = (*_HEADERS, (b"etag", self._etag))
        if self._etag in known:
            return Answer(HTTPStatus.NOT_MODIFIED, headers, b"")
        if b"gzip" in accepted_encoding:
            return Answer(HTTPStatus.OK, (*headers, (b"content-encoding", b"gzip")), self.compressed)
        return Answer(HTTPStatus.OK, headers, self.plain)
