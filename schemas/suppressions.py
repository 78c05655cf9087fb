"""Why an address may not be written to, whoever it belongs to: records of the topic `suppressions`.

An address stands here as an HMAC under the installation's secret (`connectors.contacts.addresses.address_name`), so a
row outlives the erasure of its owner, and tells nobody who it was. Source: GDPR, Art. 17(3)(b) and 21.
"""

from collections.abc import Mapping

from schemas.codec import Versioned
from schemas.ids import WorkspaceId
from schemas.keys import join_key

HARD_BOUNCE, COMPLAINT, UNSUBSCRIBED = "hard_bounce", "complaint", "unsubscribed"
ERASED, SOFT_BOUNCES, IMPORT = "erased", "soft_bounces", "import"
REASONS = (HARD_BOUNCE, COMPLAINT, UNSUBSCRIBED, ERASED, SOFT_BOUNCES, IMPORT)
"""A closed list; of several that stand the first is told. `erased`: the owner was, so nothing is sent unasked."""
OPT_IN_ENDS = frozenset(REASONS) - {HARD_BOUNCE}
"""What a later explicit opt-in of whoever has the address ends. That nobody reads there no wish can mend."""


class Suppressed(Versioned, frozen=True):
    """One reason of one address.

    at_ms      since when; of several times the newest
    lifted_ms  when an operator said that it is over
    """

    at_ms: int
    lifted_ms: int = 0

    def stands(self, reason: str, opted_in_ms: int) -> bool:
        """Whether it still holds for somebody who asked for messages last at a time; 0: never."""
        if self.lifted_ms >= self.at_ms:
            return False
        return reason not in OPT_IN_ENDS or opted_in_ms <= self.at_ms


def suppression_key(workspace: WorkspaceId, channel: str, name: str, reason: str) -> bytes:
    """The key of a record. Reasons are apart, so that none hides another.

    name  HMAC of the address
    """
    return join_key(workspace, channel, name, reason)


def standing(found: Mapping[str, Suppressed], opted_in_ms: int) -> str | None:
    """The first reason that holds, of those that are known; None: the address may be written to.

    >>> rows = {COMPLAINT: Suppressed(5), UNSUBSCRIBED: Suppressed(9)}
    >>> standing(rows, 0), standing(rows, 7), standing(rows, 10)
    ('complaint', 'unsubscribed', None)
    """
    return next((name for name in REASONS if name in found and found[name].stands(name, opted_in_ms)), None)
