"""What is told of an open or click itself: whether a machine made it, and which link it was."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from online_models.agents import AgentKind, classify
from online_models.clicks import Evidence
from schemas.events import OUTCOME, Event

CLICK = "Email Link Clicked"
TAPS = frozenset({"Push Notification Tapped", "Push Notification Opened"})
OPEN = "Email Opened"
BOUNCE = "Email Bounced"
DELIVERED = "Email Delivered"
UNDELIVERED = frozenset({BOUNCE, "Email Suppressed", "Email Failed"})
"""Nobody got the message: it bounced in the end, or was not sent at all."""
BY_PEOPLE = TAPS | {CLICK, OPEN}
"""Reactions that a machine may have made in a person's place."""
BY_SERVICES = frozenset({OUTCOME, DELIVERED, "Email Sent", "Email Attempted", "Email Deferred", *UNDELIVERED})
"""What services did or tell: nobody's behaviour."""
LINK_BYTES = 5


def is_own(event: Event) -> bool:
    """Whether an event is what a person did, as far as the event tells by itself."""
    if event.name in BY_SERVICES:
        return False
    return event.name not in BY_PEOPLE or not (told_of(event) or is_hidden(event))


def told_of(event: Event) -> str:
    """Why a reaction is a machine's by what is told of it alone; empty where nothing says so."""
    if event.properties.get("machine") not in (None, "", False, "false"):
        return Evidence.PROVIDER
    method = event.context.get("method")
    if isinstance(method, str) and method.upper() == "HEAD":
        return Evidence.HEAD
    verdict = classify(agent_of(event.context))
    return verdict.reason if verdict.machine else ""


def is_hidden(event: Event) -> bool:
    """Whether a proxy stands between the person and us: the device, the place and the hour are the proxy's."""
    return classify(agent_of(event.context)).reason is AgentKind.IMAGE_PROXY


def agent_of(context: Mapping[str, Any]) -> str:
    """The agent an event came with; empty where none is told."""
    agent = context.get("userAgent")
    return agent if isinstance(agent, str) else ""


def link_of(event: Event) -> bytes:
    """A short hash of the link that was clicked; its address rather than its number, for two links may lead there."""
    for name in ("link_url", "link_id"):
        told = event.properties.get(name)
        if isinstance(told, (str, int)) and told != "":
            return blake2b(str(told).encode(errors="replace"), digest_size=LINK_BYTES).digest()
    return b""


def outcome_of(event: Event) -> tuple[bool, float | None] | None:
    """The reward and grade that an event tells; None where it tells neither."""
    reward, grade = (_share(event.properties.get(name)) for name in ("reward", "grade"))
    if reward is None and grade is None:
        return None
    return (reward if reward is not None else grade or 0.0) >= 0.5, grade


def _share(told: Any) -> float | None:
    """A number from 0 to 1, or a truth; None for everything else."""
    if not isinstance(told, (bool, int, float)) or not 0 <= told <= 1:
        return None
    return float(told)
