"""When a campaign stops by itself: too many complaints, or too many addresses that do not exist."""

from collections.abc import Mapping

COMPLAINTS_SHARE = 0.001
"""Google and Yahoo ask of senders to stay below 0.1 %, and never to reach 0.3 %."""
HARD_BOUNCES_SHARE = 0.03
SENT_MIN = 100
"""Sends at one node before anything is judged, so that one of ten does not stop a campaign."""
COMPLAINTS = "complaints"
HARD_BOUNCES = "hard_bounces"
OPERATOR = "operator"


def reason_to_pause(counted: Mapping[str, int], base: Mapping[str, int]) -> str:
    """Why a campaign is to be paused by what came since `base`; empty: it may go on.

    Of those that were tried: what a receiver refused for good was sent too, as far as its reputation goes.
    """

    def since(name: str) -> int:
        return counted.get(name, 0) - base.get(name, 0)

    # A late bounce was sent first: it is counted once, as the bounce that it is.
    tried = since("sent") + since("bounced")
    if tried < SENT_MIN:
        return ""
    if since(HARD_BOUNCES) >= HARD_BOUNCES_SHARE * tried:
        return HARD_BOUNCES
    return COMPLAINTS if since(COMPLAINTS) >= COMPLAINTS_SHARE * tried else ""
