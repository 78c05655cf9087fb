"""Opens finished messages and fills their send marks: what the gateway needs of this package, and all it may import.

A send mark is what differs for each send. A release's messages hold `<prefix><name>-` in its place, where the prefix
is the release's own; no person's value can hold it. Links will be counted the same way: a mark named `click_<n>`
in the place of a link's address, filled with the signed address or with the link itself.
"""

from collections.abc import Mapping
from html import escape
from types import MappingProxyType

import msgspec
import zstandard

from schemas.decisions import Rendered
from schemas.errors import StateCorrupt, StateVersionError

MARKS = MappingProxyType(
    {
        "unsubscribe_url": "where one unsubscribes",
        "preferences_url": "where one chooses what to receive",
        "view_url": "the message as a web page",
        "send_id": "the id of this send",
        "open_pixel": "a whole <img> tag, or nothing: the default",
    }
)
"""Every mark that a layout may hold, and what it is filled with."""
HTML_MARKS = frozenset({"open_pixel"})
"""Filled with HTML of the gateway's own making; all others are text, and are escaped in HTML."""
MESSAGE_BYTES_MAX = 4_000_000


def mark(prefix: str, name: str) -> str:
    """The placeholder of a mark in the messages of a release."""
    return f"{prefix}{name}-"


class Opener:
    """Opens messages that were compressed with one dictionary. One for each dictionary, kept; not shared by threads."""

    def __init__(self, dictionary: bytes) -> None:
        raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        self._zstd = zstandard.ZstdDecompressor(dict_data=raw) if dictionary else zstandard.ZstdDecompressor()
        self._decoder = msgspec.msgpack.Decoder(Rendered)

    def open(self, body: bytes) -> Rendered:
        """The message in a compressed body.

        Raises:
            StateCorrupt: the body is damaged, or was made with another dictionary.
        """
        try:
            if zstandard.frame_content_size(body) > MESSAGE_BYTES_MAX:
                raise StateCorrupt(f"expected a message of at most {MESSAGE_BYTES_MAX} bytes, got a larger one")
            return self._decoder.decode(self._zstd.decompress(body))
        except (zstandard.ZstdError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StateCorrupt(f"cannot open a message of {len(body)} bytes: {error}") from error


def fill(rendered: Rendered, prefix: str, marks: Mapping[str, str]) -> Rendered:
    """The message with each send mark replaced by its value, in one pass; what a value holds is never looked at again.

    Raises:
        StateVersionError: the message holds a mark that `marks` does not: the release is newer than this program.
    """
    if not prefix:
        return rendered
    text = {name.encode(): value.encode() for name, value in marks.items()}
    body = text | {name.encode(): escape(value).encode() for name, value in marks.items() if name not in HTML_MARKS}
    start = prefix.encode()
    return Rendered(
        rendered.subject,
        rendered.preheader,
        _filled(rendered.html, start, body),
        _filled(rendered.text, start, text),
    )


def _filled(body: bytes, prefix: bytes, values: Mapping[bytes, bytes]) -> bytes:
    first, *rest = body.split(prefix)
    out = [first]
    for part in rest:
        name, end, after = part.partition(b"-")
        value = values.get(name)
        if value is None or not end:
            known = sorted(mark.decode() for mark in values)
            raise StateVersionError(
                f"expected one of the send marks {known}, got {name[:40].decode(errors='replace')!r}"
            )
        out += (value, after)
    return b"".join(out)
