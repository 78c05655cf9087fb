"""Opens finished messages and fills their send marks: what the gateway needs of this package, and all it may import.

A send mark is what differs for each send. Where a message is made of pieces its plan says where marks stand; one that
is stored whole holds `<prefix><name>-` in their place, with a prefix that is the release's own: no person's value can
hold it. Tracked links are no marks: they are put in the place of addresses once the message is whole
(`connectors.delivery.tracking`).
"""

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import zstandard

from schemas.decisions import Rendered
from schemas.errors import StateCorrupt, StateVersionError
from schemas.ids import Locale, TemplateName
from schemas.library import Release
from templates.assembly import FORMAT, HTML_MARKS, MESSAGE_BYTES_MAX, Assembly, Opened, in_json

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


_ROW = bytes((FORMAT,))


def mark(prefix: str, name: str) -> str:
    """The placeholder of a mark in the messages of a release."""
    return f"{prefix}{name}-"


class Whole(NamedTuple):
    """A message that stands whole, with placeholders for its send marks: a fallback, or a body that is no row."""

    rendered: Rendered
    prefix: str

    def filled(self, marks: Mapping[str, str]) -> Rendered:
        """The message with these values of send marks. Raises as `fill`."""
        return fill(self.rendered, self.prefix, marks)


class Opener:
    """Opens the bodies of one release, kept as long as it. Not shared by threads.

    A body is a row of references into the release's pieces, or a message compressed with its dictionary: one that
    only Jinja2 can make, or one written before there were pieces. The first byte tells.
    """

    def __init__(self, release: Release) -> None:
        raw = zstandard.ZstdCompressionDict(release.dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        self._zstd = zstandard.ZstdDecompressor(dict_data=raw) if release.dictionary else zstandard.ZstdDecompressor()
        self._decoder = msgspec.msgpack.Decoder(Rendered)
        self._prefix = release.mark_prefix
        self._pieces = release.pieces
        self._assemblies: dict[tuple[TemplateName, Locale], Assembly] = {}

    def open(self, body: bytes, template: TemplateName, locale: Locale) -> Opened | Whole:
        """The message in a body, its send marks to be filled.

        Raises:
            StateCorrupt: the body is damaged, or of another release, template or language.
        """
        if body[:1] != _ROW:
            return Whole(self._decompressed(body), self._prefix)
        assembly = self._assemblies.get((template, locale)) or self._assembly(template, locale)
        return assembly.unpack(body)

    def _assembly(self, template: TemplateName, locale: Locale) -> Assembly:
        """The pieces of one language of a template, read when first needed: an old release needs few of its own."""
        key = f"{template}/{locale}"
        if key not in self._pieces:
            raise StateCorrupt(f"expected a body of this release, which has no pieces of {key}")
        found = self._assemblies[template, locale] = Assembly(key, self._pieces[key])
        return found

    def _decompressed(self, body: bytes) -> Rendered:
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
    block = {name.encode(): in_json(value, name).encode() for name, value in marks.items()} if rendered.block else {}
    return Rendered(
        rendered.subject,
        rendered.preheader,
        _filled(rendered.html, start, body),
        _filled(rendered.text, start, text),
        _filled(rendered.block, start, block),
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
