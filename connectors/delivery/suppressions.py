"""Whether an address may be written to, whatever id its owner has today: rows of the topic `suppressions`.

Every node holds all of them, in the family `suppressions`, for any node may be the one that grants a send. What a
living person's own profile says is asked beside it (docs/adr/0035).
"""

from typing import Protocol

from connectors.cache.families import SUPPRESSIONS, Family
from connectors.contacts.addresses import address_name
from schemas.codec import decode
from schemas.ids import WorkspaceId
from schemas.suppressions import REASONS, Suppressed, standing, suppression_key


class Rows(Protocol):
    """Where the rows are: a `CacheStore`."""

    def rows(self, family: Family, names: list[bytes]) -> list[bytes | None]:
        """Rows as they are stored, in the order of the names."""


class Suppressions:
    """Asked at each decision to send. Safe in any thread.

    rows    this node's
    secret  the installation's, by which the job names addresses; no bytes: nobody is found
    """

    def __init__(self, rows: Rows, secret: bytes) -> None:
        self._rows = rows
        self._secret = secret

    def suppressed(self, workspace: WorkspaceId, channel: str, address: str, opted_in_ms: int = 0) -> str | None:
        """Why an address may not be written to: one of `schemas.suppressions.REASONS`; None: it may.

        `hard_bounce` stops every class of message and is told before all others; the others stop marketing.

        opted_in_ms  when the person asked for messages by this channel last (`Contact.opted_in_ms`); 0: never

        Raises:
            StateError: a row cannot be read.
        """
        name = address_name(self._secret, channel, address)
        keys = [suppression_key(workspace, channel, name, reason) for reason in REASONS]
        found = zip(REASONS, self._rows.rows(SUPPRESSIONS, keys), strict=True)
        return standing({reason: decode(Suppressed, row) for reason, row in found if row is not None}, opted_in_ms)
