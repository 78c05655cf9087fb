"""Recorded HTTP requests: what they carried, and whether it was signed for the key beside it."""

import base64
import binascii
import zlib
from typing import Any

import msgspec

from connectors.collector.batches import BATCH_BYTES_MAX
from connectors.webhooks.sendgrid import SIGNATURE, TIMESTAMP, is_signed, public_key
from foresend.normalising.outcomes import Refusal, Refused
from schemas.errors import ConfigError, Reason
from schemas.events import why_not_json

_GZIP = 16 + zlib.MAX_WBITS


def is_request(value: Any) -> bool:
    """Whether it is a recorded request: headers, and a body as text or in base64."""
    if not isinstance(value, dict) or not isinstance(value.get("headers"), dict):
        return False
    return isinstance(value.get("body"), str) or isinstance(value.get("body_b64"), str)


def body_of(value: dict[str, Any]) -> Any:
    """The JSON that it carried. With a `public_key` beside it, its signature must be SendGrid's, for that key.

    Raises:
        Refused: it is no JSON, or not signed so.
    """
    body = _bytes(value)
    if isinstance(value.get("public_key"), str):
        _check_signature(value, body)
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise Refused(Reason.TOO_DEEP, "expected JSON, got far too deep nesting") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(why_not_json(body), "expected a request with a body of JSON") from None


def _bytes(value: dict[str, Any]) -> bytes:
    try:
        text = value.get("body")
        body = text.encode() if isinstance(text, str) else base64.b64decode(value["body_b64"], validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Refused(Reason.WRONG_TYPE, "expected body_b64 in base64, or a body of text") from None
    if _header(value, "content-encoding").lower() != "gzip":
        return body
    try:
        inflated = zlib.decompressobj(_GZIP).decompress(body, BATCH_BYTES_MAX + 1)
    except zlib.error:
        raise Refused(Reason.NOT_JSON, "expected a gzipped body, got other bytes") from None
    if len(inflated) > BATCH_BYTES_MAX:
        raise Refused(Reason.TOO_LARGE, f"expected at most {BATCH_BYTES_MAX} bytes, inflated")
    return inflated


def _header(value: dict[str, Any], name: str) -> str:
    return next((str(told) for one, told in value["headers"].items() if str(one).lower() == name), "")


def _check_signature(value: dict[str, Any], body: bytes) -> None:
    signature, timestamp = (_header(value, name.decode()).encode() for name in (SIGNATURE, TIMESTAMP))
    try:
        key = public_key(value["public_key"])
    except ConfigError:
        raise Refused(Refusal.BAD_SIGNATURE, "expected a public key of SendGrid's beside it, got none") from None
    if not is_signed(key, signature, timestamp, body):
        raise Refused(Refusal.BAD_SIGNATURE, "expected a signature over these bytes, got another")
