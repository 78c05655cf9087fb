"""Would the search find somebody who is there? A search that finds nothing proves nothing."""

import base64
import gzip
import quopri
from urllib.parse import quote

import msgspec
import pytest
import zstandard

from tests.support.decoding_search import Search

NEEDLE = "canary.7f3a+x@example.org"
DICTIONARY = b"Dear reader, here is what you may like to read this week. " * 20


def zstd(data: bytes) -> bytes:
    raw = zstandard.ZstdCompressionDict(DICTIONARY, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(dict_data=raw, write_dict_id=False).compress(data)


@pytest.mark.parametrize(
    "data",
    [
        NEEDLE.encode(),
        b"junk" + gzip.compress(b"before " * 50 + NEEDLE.encode()),
        b"\x00\x01" + zstd(msgspec.msgpack.encode({"body": DICTIONARY.decode() + NEEDLE})) + b"tail",
        zstd(gzip.compress(NEEDLE.encode())),
        quote(NEEDLE, safe="").encode(),
        quopri.encodestring(NEEDLE.encode()),
        base64.b64encode(b"a" + NEEDLE.encode() + b"bc"),
        base64.b64encode(b"ab" + NEEDLE.encode() + b"c"),
        base64.b64encode(b"abc" + NEEDLE.encode()),
        NEEDLE.encode("utf-16-le"),
        NEEDLE.upper().encode(),
        NEEDLE.encode().hex().encode(),
    ],
)
def test_a_needle_is_found_in_every_wrapping(data: bytes) -> None:
    assert Search([NEEDLE], [DICTIONARY]).found_in(b"hay " * 10 + data + b" hay" * 10) == {NEEDLE}


def test_a_needle_that_is_not_there_is_not_found() -> None:
    data = zstd(b"canary.7f3b+x@example.org" * 3) + base64.b64encode(b"canary.7f3b+x@example.org")
    assert Search([NEEDLE], [DICTIONARY]).found_in(data) == set()
