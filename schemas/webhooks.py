"""What a mail provider told, whole, as the topic `webhooks` keeps it for seven days."""

from schemas.codec import Versioned


class RawWebhook(Versioned, frozen=True):
    """One request that was believed.

    content_type  as the provider told it
    body          as it was verified
    """

    received_ms: int
    provider: str
    content_type: str
    body: bytes
