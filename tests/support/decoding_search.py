"""Looks for a person in any bytes: as they are, packed, compressed, and in the spellings that mail and the web use."""

import base64
import contextlib
import quopri
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus

import zstandard

_ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP = b"\x1f\x8b\x08"
_INFLATED_MAX = 4_000_000
_DEPTH_MAX = 4


def spellings(needle: str) -> set[bytes]:
    """Every way in which one text may be written."""
    plain = needle.encode()
    found = {plain, plain.lower(), plain.upper(), plain.hex().encode(), needle.encode("utf-16-le")}
    found |= {quote(needle, safe="").encode(), quote_plus(needle).encode(), quopri.encodestring(plain).strip()}
    found |= {plain.replace(b"|", b"%7C"), needle.encode("unicode_escape")}
    for shift in range(3):
        # What stands in the middle of base64 depends on where it begins; its ends are shared with its neighbours.
        found.add(base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 : -4])
    return {one for one in found if len(one) >= 6}


class Search:
    """Finds needles in bytes, through compression.

    dictionaries  of zstd, in whose frames no id tells which one was used
    """

    def __init__(self, needles: Sequence[str], dictionaries: Sequence[bytes] = ()) -> None:
        self._spellings = {needle: spellings(needle) for needle in needles}
        raw = [zstandard.ZstdCompressionDict(one, dict_type=zstandard.DICT_TYPE_RAWCONTENT) for one in dictionaries]
        self._openers = [zstandard.ZstdDecompressor(dict_data=one) for one in raw] + [zstandard.ZstdDecompressor()]

    def found_in(self, data: bytes) -> set[str]:
        """The needles that stand somewhere in the bytes."""
        found: set[str] = set()
        for layer in self._layers(data, 0):
            found |= {needle for needle, ways in self._spellings.items() if any(way in layer for way in ways)}
        return found

    def found_under(self, *folders: Path) -> dict[str, set[str]]:
        """For each needle, the files that hold it."""
        found: dict[str, set[str]] = {}
        for file in _files(folders):
            try:
                data = file.read_bytes()
            except FileNotFoundError:
                continue
            for needle in self.found_in(data):
                found.setdefault(needle, set()).add(str(file))
        return found

    def _layers(self, data: bytes, depth: int) -> Iterator[bytes]:
        yield data
        if depth == _DEPTH_MAX:
            return
        for inner in (*self._zstd_frames(data), *_gzip_members(data)):
            yield from self._layers(inner, depth + 1)

    def _zstd_frames(self, data: bytes) -> Iterator[bytes]:
        at = data.find(_ZSTD)
        while at >= 0:
            for opener in self._openers:
                try:
                    yield opener.decompressobj().decompress(data[at : at + _INFLATED_MAX])
                except zstandard.ZstdError:
                    continue
                break
            at = data.find(_ZSTD, at + 1)


def _gzip_members(data: bytes) -> Iterator[bytes]:
    at = data.find(_GZIP)
    while at >= 0:
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data[at:], _INFLATED_MAX)
        at = data.find(_GZIP, at + 1)


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (file for file in sorted(folder.rglob("*")) if _may_hold(file)) if folder.is_dir() else [folder]


def _may_hold(file: Path) -> bool:
    """Kafka's indexes hold numbers only, and are megabytes of nothing ahead of their use."""
    return file.is_file() and file.suffix not in (".index", ".timeindex")
