"""Asks Amazon SNS for a certificate, or to confirm a subscription: over https, without redirects, small and soon."""

import http.client
import ssl
from functools import partial
from urllib.parse import urlsplit

from connectors.collector.threads import in_daemon_thread
from connectors.webhooks.sns import is_of_sns
from schemas.errors import TransientError

TIMEOUT_S = 5.0
BYTES_MAX = 64 * 1024


class Unreachable(TransientError):
    """Amazon SNS does not answer as it should. It sends the message again, so try again later."""


async def fetch(address: str) -> bytes:
    """What the address answers.

    Raises:
        Unreachable: nothing, too much, or no success.
    """
    if not is_of_sns(address):
        raise Unreachable("expected an address of Amazon SNS")
    return await in_daemon_thread(partial(_get, address))


def _get(address: str) -> bytes:
    parts = urlsplit(address)
    connection = http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT_S, context=ssl.create_default_context())
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        response = connection.getresponse()
        body = response.read(BYTES_MAX + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"expected Amazon SNS to answer, got {type(error).__name__}") from None
    finally:
        connection.close()
    if response.status != http.client.OK or len(body) > BYTES_MAX:
        raise Unreachable(f"expected 200 and at most {BYTES_MAX} bytes from Amazon SNS, got {response.status}")
    return body
