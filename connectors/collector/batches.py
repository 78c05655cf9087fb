"""The body of a batch: its own fields, and the bytes of each of its calls."""

import re
from typing import Any, NamedTuple

import msgspec

from connectors.collector.calls import decode_json
from schemas.errors import Reason, SchemaError

BATCH_BYTES_MAX = 4_000_000
BATCH_CALLS_MAX = 5_000
"""Segment's own libraries send 100 at most; the bound keeps a body of empty objects from flooding us."""


class Envelope(msgspec.Struct, rename="camel"):
    """What stands around the calls."""

    batch: list[msgspec.Raw]
    sent_at: str | None = None
    sent_at_alias: str | None = msgspec.field(name="sent_at", default=None)
    context: dict[str, Any] | None = None
    write_key: str | None = None


class Batch(NamedTuple):
    """A batch, cut into calls that were not looked at yet."""

    envelope: Envelope
    calls: list[bytes]


_decoder = msgspec.json.Decoder(Envelope)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]', re.DOTALL)


def cut_batch(body: bytes) -> Batch:
    """Cut a body into calls. One bad call must not take the others with it.

    Raises:
        SchemaError: with the reason why the body is no batch.
    """
    try:
        envelope: Envelope = decode_json(_decoder, body)
        calls = [bytes(call) for call in envelope.batch]
    except SchemaError as error:
        envelope, calls = _cut_by_brackets(body, error)
    if len(calls) > BATCH_CALLS_MAX:
        raise SchemaError(Reason.TOO_LARGE, f"expected at most {BATCH_CALLS_MAX} calls, got {len(calls)}")
    return Batch(envelope, calls)


def _cut_by_brackets(body: bytes, error: SchemaError) -> Batch:
    """Cut what is no JSON as a whole (one call with NaN, bad UTF-8 or 10 000 brackets) without reading it."""
    found = _calls_between_brackets(body)
    if found is None:
        raise error
    start, end, calls = found
    return Batch(decode_json(_decoder, body[:start] + body[end:]), calls)


def _calls_between_brackets(body: bytes) -> tuple[int, int, list[bytes]] | None:
    """Where the list `batch` begins and ends, and the bytes of its entries; None where it is not closed."""
    depth = start = cut = 0
    key, is_value = b"", False
    calls: list[bytes] = []
    for token in _TOKEN.finditer(body):
        text = token.group()
        if text in b"[{":
            depth += 1
            if depth == 2 and text == b"[" and is_value and key == b'"batch"':
                start = cut = token.end()
        elif text in b"]}":
            if depth == 2 and start:
                last = body[cut : token.start()].strip()
                return start, token.start(), [*calls, last] if last or calls else calls
            depth -= 1
        elif text == b"," and depth == 2 and start:
            calls.append(body[cut : token.start()].strip())
            cut = token.end()
        elif depth == 1:
            is_value = text == b":"
            key = key if is_value else text
    return None
