"""Whether a message may be sent to a person now: a closed list of reasons, asked in one order.

Nothing here looks anything up: what is known comes in as `Facts`. The order is that of `SkipReason`; which class each
reason stops is `STOPS`, and there is no other rule. The last reason, nothing valid to say, is found by the draw.
"""

from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from connectors.delivery.caps import Counted, reached
from connectors.delivery.quiet import opens_ms, zone_for
from connectors.delivery.rights import RightsRow
from schemas.library import DeliverySettings, MessageClass
from schemas.profiles import Permission, ToldProfile
from schemas.sending import SkipReason
from schemas.suppressions import HARD_BOUNCE, UNSUBSCRIBED

_ALL = frozenset(MessageClass)
_MARKETING = frozenset({MessageClass.MARKETING})
STOPS = MappingProxyType(
    {
        SkipReason.ERASED: _ALL,
        SkipReason.NO_ADDRESS: _ALL,
        SkipReason.SUPPRESSED: _MARKETING,
        SkipReason.NO_PERMISSION: _MARKETING,
        SkipReason.HOLDOUT: _MARKETING,
        SkipReason.CAP: _MARKETING,
        SkipReason.QUIET_HOURS: _ALL - {MessageClass.CRITICAL},
        SkipReason.NOTHING_TO_SAY: _ALL,
    }
)
"""Classes that each reason stops. A hard bounce, of the suppressions, stops all: nobody reads there."""


class Action(StrEnum):
    """What is done."""

    SEND = "send"
    SKIP = "skip"
    HOLD = "hold"


class Facts(NamedTuple):
    """All that is looked at.

    medium      of the address and the permission: `email`, `push`
    told        the person's profile; None: nobody is known by this id
    is_erased   a grave stands in the profile's place
    rights      what the person asked this installation for, as far as the job has not answered
    suppressed  why the address may not be written to, whoever has it; None: it may
    counted     marketing messages that count for caps
    send        hash of the send, whose own reservation does not count
    zone        of the workspace
    """

    message_class: MessageClass
    purpose: str
    medium: str
    told: ToldProfile | None
    is_erased: bool
    rights: RightsRow | None
    suppressed: str | None
    is_held_out: bool
    counted: tuple[Counted, ...]
    send: bytes
    settings: DeliverySettings
    zone: str
    now_ms: int

    @property
    def permission(self) -> Permission | None:
        """What was said of this purpose by this medium."""
        return self.told.contact.permissions.get(f"{self.medium}/{self.purpose}") if self.told else None


class Verdict(NamedTuple):
    """What is to be done with a send.

    reason, detail  of a skip or hold
    until_ms        of a hold: when the window opens
    permission      of a send that needs one: what proves it
    """

    action: Action
    reason: SkipReason | None = None
    detail: str = ""
    until_ms: int = 0
    permission: Permission | None = None


class _Found(NamedTuple):
    detail: str = ""
    until_ms: int = 0
    is_for_all: bool = False


def judge(facts: Facts) -> Verdict:
    """Whether a message may be sent now.

    Mutant: ask in another order, or leave one out; then `test_each_reason_stops_the_classes_that_it_is_for` fails.
    """
    for reason, question in _QUESTIONS:
        found = question(facts)
        if found is not None and (found.is_for_all or facts.message_class in STOPS[reason]):
            action = Action.HOLD if found.until_ms else Action.SKIP
            return Verdict(action, reason, found.detail, found.until_ms)
    needs_one = facts.message_class in STOPS[SkipReason.NO_PERMISSION]
    return Verdict(Action.SEND, permission=facts.permission if needs_one else None)


def _erased(facts: Facts) -> _Found | None:
    is_asked = facts.rights is not None and facts.rights.erased_ms > 0
    is_grave = facts.told.grave if facts.told is not None else facts.is_erased
    return _Found() if is_asked or is_grave else None


def _no_address(facts: Facts) -> _Found | None:
    if facts.told is None:
        return _Found("unknown")
    return None if facts.told.contact.addresses.get(facts.medium) else _Found()


def _suppressed(facts: Facts) -> _Found | None:
    """Of several reasons the one that stops most is told; a wish of just now before what was known."""
    told = facts.told.contact.suppressed.get(facts.medium) if facts.told else None
    reasons = [one for one in (told.reason if told else None, facts.suppressed) if one is not None]
    if HARD_BOUNCE in reasons:
        return _Found(HARD_BOUNCE, is_for_all=True)
    if _is_unsubscribed(facts):
        return _Found(UNSUBSCRIBED)
    return _Found(reasons[0]) if reasons else None


def _is_unsubscribed(facts: Facts) -> bool:
    """Whether the person asked to end this, and did not ask for it again since. Of the same moment the wish holds."""
    asked_ms = facts.rights.unsubscribed(facts.medium, facts.purpose) if facts.rights else 0
    permission = facts.permission
    opted_in_ms = permission.at_ms if permission is not None and permission.granted else 0
    return asked_ms > 0 and opted_in_ms <= asked_ms


def _no_permission(facts: Facts) -> _Found | None:
    if facts.permission is None:
        return _Found()
    return None if facts.permission.granted else _Found(UNSUBSCRIBED)


def _holdout(facts: Facts) -> _Found | None:
    return _Found() if facts.is_held_out else None


def _cap(facts: Facts) -> _Found | None:
    if facts.told is None or facts.message_class not in STOPS[SkipReason.CAP]:
        return None
    zone = zone_for(facts.told.timezone, facts.zone)
    cap = reached(facts.counted, facts.settings.caps, facts.now_ms, zone, facts.send)
    if cap is None:
        return None
    days, messages = cap
    return _Found(f"{messages} in {days} days" if days > 1 else f"{messages} a day")


def _quiet_hours(facts: Facts) -> _Found | None:
    zone = zone_for(facts.told.timezone if facts.told else "", facts.zone)
    open_ms = opens_ms(facts.now_ms, zone, facts.settings.quiet_from, facts.settings.quiet_until)
    return _Found(until_ms=open_ms) if open_ms > facts.now_ms else None


_QUESTIONS: tuple[tuple[SkipReason, Callable[[Facts], _Found | None]], ...] = (
    (SkipReason.ERASED, _erased),
    (SkipReason.NO_ADDRESS, _no_address),
    (SkipReason.SUPPRESSED, _suppressed),
    (SkipReason.NO_PERMISSION, _no_permission),
    (SkipReason.HOLDOUT, _holdout),
    (SkipReason.CAP, _cap),
    (SkipReason.QUIET_HOURS, _quiet_hours),
)
