"""What every channel promises. `tests/contract/test_channels.py` holds each of them to it."""

from typing import Protocol

from connectors.delivery.lease import Attempt, Lease
from schemas.sending import Grant


class Channel(Protocol):
    """Hands messages over.

    name         as grants name it
    connections  how many messages may be under way at once

    What is told of an attempt is true: SENT only after the receiver said so; SOFT, REFUSED, HARD and POLICY only where
    the receiver has not got the message; whatever is doubtful is UNKNOWN. Nothing is handed over after the lease.
    """

    name: str
    connections: int

    async def ready(self) -> bool:
        """Whether it makes sense to ask for messages now: not where the receiver of all of them is out of reach.

        Without it, each message of the queue would lose an attempt while a relay is restarted.
        """

    async def send(self, grant: Grant, lease: Lease, /) -> Attempt:
        """Hand one message over, once: a channel never tries again what may have arrived.

        Raises:
            Unsendable: it can never be sent.
            CancelledError: it was stopped; `lease.has_begun` tells whether the message may have arrived.
        """

    async def close(self) -> None:
        """Let go of all connections; nothing is under way."""
