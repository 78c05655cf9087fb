"""What the consent object of an event says, by purpose: asked by the job, and by the collector beforehand."""

from collections.abc import Mapping
from typing import Any

from schemas.library import ConsentSettings

ANALYTICS = "analytics"
"""What one does may be learnt from."""
PERSONALISATION = "personalisation"
"""One may be shown chosen content, and own traits in it."""
TRACKING = "tracking"
"""Which links of messages one follows, and that one opens them, may be told: links of ours, and a pixel."""
PURPOSES = (ANALYTICS, PERSONALISATION, TRACKING)


def statement_of(context: Mapping[str, Any], settings: ConsentSettings) -> dict[str, bool] | None:
    """What an event's consent object says of each purpose; None where it has none.

    An object is a whole statement: a purpose is agreed to if all its categories are there and true. So an empty object
    denies everything, as in Segment's spec.

    >>> statement_of({"consent": {"categoryPreferences": {"analytics": True}}}, ConsentSettings())
    {'analytics': True, 'personalisation': False, 'tracking': False}
    """
    consent = context.get("consent")
    if not isinstance(consent, dict):
        return None
    told = consent.get("categoryPreferences")
    if not isinstance(told, dict):
        return None
    statement = {}
    for purpose in PURPOSES:
        categories = [category for category, its in settings.categories if its == purpose]
        statement[purpose] = bool(categories) and all(told.get(category) is True for category in categories)
    return statement
