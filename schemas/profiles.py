"""What is told of a person outside the job: the value of one record of the topic `profiles`."""

import msgspec

from schemas.codec import Versioned
from schemas.versions import Version

PROFILE_AFTER_MS = 24 * 3_600_000
"""Features are told this long after the first of them moved, and whenever somebody asks (a refresh by the gateway).
A record for each visit of each person would cost the job a quarter of its time, for readers who seldom come."""
FEATURES_ASKED = "features"
"""Reason of a refresh that asks for a person to be told as things stand."""
BUILT_IN_FEATURES = (
    "events", "first_event_ms", "last_event_ms", "sessions", "tags", "hours", "devices", "contents", "contents_recent",
    "orders", "repeat_orders", "order_value", "order_value_mean", "last_order_ms", "fatigue",
    "reactions",
)  # fmt: skip
"""Names of the features that are always there; a declared one has another name."""


class Permission(msgspec.Struct, frozen=True, array_like=True):
    """Whether somebody may be sent messages by a channel for a purpose, and what proves it.

    at_ms   when it was given or taken back
    source  where: a form, an import, an unsubscribe link
    text    version of the words that were agreed to
    """

    granted: bool
    at_ms: int
    source: str = ""
    text: str = ""


class Suppression(msgspec.Struct, frozen=True, array_like=True):
    """Why nothing may be sent by a channel, and since when."""

    reason: str
    at_ms: int


class Contact(msgspec.Struct, frozen=True, array_like=True):
    """How somebody may be reached.

    addresses    for each channel (`email`, `push`)
    permissions  for each `channel/purpose`
    suppressed   for each channel, why nothing may be sent: `hard_bounce`, `soft_bounces`, `complaint`,
                 `unsubscribed`, `import`
    opted_in_ms  for each channel, when its owner asked for messages last: an explicit opt-in, never an import
    """

    addresses: dict[str, str] = {}
    permissions: dict[str, Permission] = {}
    suppressed: dict[str, Suppression] = {}
    opted_in_ms: dict[str, int] = {}


class FeatureValue(msgspec.Struct, frozen=True, array_like=True):
    """One feature in words.

    value  a number, or for a feature of many keys its largest ones with their shares
    at_ms  when it moved last
    """

    value: float | dict[str, float]
    at_ms: int


class ToldProfile(Versioned, frozen=True):
    """A person as `features`, `explain`, `export` and `deliver` read them.

    consent   for each purpose, what was said last
    features  by name, as they stood at `at_ms`
    linked    anonymous ids that became this person
    grave     the person was erased: nothing is here, and nothing older may come back
    consented_ms  for each purpose, when that was said
    """

    version: Version
    at_ms: int = 0
    locale: str = ""
    timezone: str = ""
    traits: dict[str, str] = {}
    consent: dict[str, bool] = {}
    contact: Contact = Contact()
    features: dict[str, FeatureValue] = {}
    linked: tuple[str, ...] = ()
    grave: bool = False
    consented_ms: dict[str, int] = {}

    def consents_after(self, purpose: str, at_ms: int) -> bool:
        """Whether a purpose is agreed to, and that was said later than at a time."""
        return self.consent.get(purpose) is True and self.consented_ms.get(purpose, 0) > at_ms
