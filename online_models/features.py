"""Streaming features of one user: engagement with tags, weekly rhythm, devices, visits, orders, and own traits."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from online_models.cells import DEVICES_MAX, TAGS_MAX, TRAITS_MAX, Profile
from online_models.declared import merge_declared, observe_declared
from online_models.orders import COMPLETED, ORDER_EVENTS
from schemas.codec import decode, encode
from schemas.events import Event
from schemas.ids import FieldName, Tag
from schemas.library import LearningSettings, WorkspaceSettings
from schemas.tagging import TAG_LENGTH_MAX, tags_of
from schemas.zones import zone_of

HOURS_OF_WEEK = 168
TRAIT_LENGTH_MAX = 128
NUMBER_MAX = 1e15
"""Numbers of traits beyond it are taken for it."""
REACTIONS = frozenset({COMPLETED, "Email Link Clicked", "Push Notification Tapped", "Push Notification Opened"})
"""What ends fatigue. Opens are no reaction: machines open."""
FEATURES = (
    "first_seen_ms", "last_seen_ms", "events", "tags", "hours", "devices", "tagged_ms", "device_ms",
    "declared", "sessions", "orders", "contents", "sends", "reactions", "facts", "hidden",
)  # fmt: skip
"""Fields of a profile that hold behaviour; all others tell who somebody is, or where he stands in the log."""


def observe(profile: Profile, event: Event, settings: WorkspaceSettings) -> None:
    """Move the features by one piece of behaviour. Order does not matter but for rounding."""
    half_lives = settings.features
    for tag, weight in tags_of(event, settings.tags):
        _engage(profile, tag, weight, event.at_ms, half_lives.tag_half_life_ms)
        profile.tagged_ms = max(profile.tagged_ms, event.at_ms)
    zone = zone_of(profile.timezone) or zone_of(settings.timezone) or UTC
    local = datetime.fromtimestamp(event.at_ms / 1000, zone)
    profile.hours.add(
        local.weekday() * 24 + local.hour, 1.0, event.at_ms, half_lives.rhythm_half_life_ms, HOURS_OF_WEEK
    )
    device = _device_of(event.context)
    if device:
        profile.devices.add(device, 1.0, event.at_ms, half_lives.rhythm_half_life_ms, DEVICES_MAX)
        profile.device_ms = max(profile.device_ms, event.at_ms)
    profile.last_seen_ms = max(profile.last_seen_ms, event.at_ms)
    profile.first_seen_ms = min(profile.first_seen_ms, event.at_ms) if profile.events else event.at_ms
    profile.events += 1
    profile.sessions.add(event.at_ms)
    profile.contents.take(event.properties, event.at_ms)
    if event.name in ORDER_EVENTS:
        profile.orders.take(event)
    if event.name in REACTIONS:
        profile.sends.reacted(event.at_ms)
    if settings.declared or profile.declared:
        observe_declared(profile.declared, event, settings.declared)


def merge_features(into: Profile, other: Profile) -> None:
    """Add what one profile did to another's, as if one person had done both.

    Sums, decayed ones too, are exact but for rounding; so is what is bounded, where nothing had left it. The locale,
    zone, facts and the sequence model's state are the other's only where none was known. The other profile is left as
    it is.
    """
    if other.events:
        into.first_seen_ms = min(into.first_seen_ms, other.first_seen_ms) if into.events else other.first_seen_ms
        into.last_seen_ms = max(into.last_seen_ms, other.last_seen_ms)
        into.events += other.events
    into.tagged_ms, into.device_ms = max(into.tagged_ms, other.tagged_ms), max(into.device_ms, other.device_ms)
    into.moved += into.tags.merge(other.tags, TAGS_MAX)
    into.hours.merge(other.hours, HOURS_OF_WEEK)
    into.devices.merge(other.devices, DEVICES_MAX)
    into.sessions.merge(other.sessions)
    into.orders.merge(other.orders)
    into.contents.merge(other.contents)
    into.sends.merge(other.sends)
    for reaction, count in other.reactions.items():
        into.reactions[reaction] = into.reactions.get(reaction, 0) + count
    merge_declared(into.declared, other.declared)
    into.facts, into.hidden = other.facts | into.facts, into.hidden or other.hidden
    into.locale, into.timezone = into.locale or other.locale, into.timezone or other.timezone


def features_only(profile: Profile) -> Profile:
    """A copy that holds behaviour, locale, zone and what was shown, and nothing of what was written or where it is."""
    own = {name: getattr(profile, name) for name in (*FEATURES, "repeats", "locale", "timezone")}
    return decode(Profile, encode(Profile(**own)))


def forget_features(profile: Profile) -> None:
    """Empty what holds behaviour; who somebody is stays."""
    empty = Profile()
    for name in FEATURES:
        setattr(profile, name, getattr(empty, name))
    profile.moved = 0.0


def remember_traits(
    profile: Profile, event: Event, fields: frozenset[FieldName], asked: frozenset[FieldName] = frozenset()
) -> None:
    """Keep the traits that some template shows or some condition asks for, and the person's locale and zone.

    asked  by conditions: of these what is true or false is kept too, unless it is shown, and null forgets
    """
    for name, value in event.traits.items():
        if (name in fields or name in asked) and _is_plain(value):
            profile.traits[FieldName(name)] = str(value)[:TRAIT_LENGTH_MAX]
        elif name in asked and value is None:
            profile.traits.pop(FieldName(name), None)
        elif name in asked and name not in fields and isinstance(value, bool):
            profile.traits[FieldName(name)] = str(value).lower()
    while len(profile.traits) > TRAITS_MAX:
        del profile.traits[max(profile.traits)]
    remember_context(profile, event)


def remember_facts(profile: Profile, event: Event, learning: LearningSettings) -> bool:
    """Keep the traits that models look at; returns whether any of them changed. A trait told as null is forgotten."""
    before = dict(profile.facts)
    for name in learning.facts:
        if name in event.traits:
            _keep_fact(profile.facts, name, _category(event.traits[name]))
    for name in learning.number_traits:
        if name in event.traits:
            _keep_fact(profile.facts, name, _plain_number(event.traits[name]))
    if len(profile.facts) > len(learning.facts) + len(learning.number_traits):
        known = {*learning.facts, *learning.number_traits}
        profile.facts = {name: value for name, value in profile.facts.items() if name in known}
    return profile.facts != before


def _keep_fact(facts: dict[str, str | float], name: str, value: str | float | None) -> None:
    if value is None:
        facts.pop(name, None)
    else:
        facts[name] = value


def _category(value: Any) -> str | None:
    """A trait as a category, however it is told; None for what is none."""
    return str(value).strip()[:TAG_LENGTH_MAX] or None if isinstance(value, (bool, str, int, float)) else None


def _plain_number(value: Any) -> float | None:
    """A trait as a number; None for what is none, or is not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    number = float(min(max(value, -NUMBER_MAX), NUMBER_MAX))
    return None if math.isnan(number) else number


def remember_context(profile: Profile, event: Event) -> None:
    """Keep the locale and zone an event came with; a trait outweighs the context."""
    locale = event.traits.get("locale") or event.context.get("locale")
    if isinstance(locale, str) and locale:
        profile.locale = locale[:TAG_LENGTH_MAX]
    zone = event.traits.get("timezone") or event.context.get("timezone")
    if isinstance(zone, str) and zone != profile.timezone and zone_of(zone):
        profile.timezone = zone


def affinity(shares: Mapping[int | str, float], tags: Sequence[Tag]) -> float:
    """How much of a user's engagement goes to a variant's tags, from 0 to 1."""
    return min(1.0, sum([shares[tag] for tag in tags if tag in shares], 0.0))


def _engage(profile: Profile, tag: Tag, weight: float, at_ms: int, half_life_ms: int) -> None:
    """Count engagement with a tag, and by how much it moves the preference vector.

    Adding w to one key of a vector of total S moves its shares by (1 − share) · w / (S + w) in total variation;
    such moves are added up (triangle inequality), so what has not moved by the sum has not moved.
    A new key that makes a smaller one leave moves them by w / (S + w − left): the same, with the new total.
    """
    counts = profile.tags
    before = sum(counts.values.values())
    share = counts.values.get(tag, 0.0) / before if before > 0.0 else 0.0
    added = counts.add(tag, weight, at_ms, half_life_ms, TAGS_MAX)
    if added > 0.0:
        profile.moved += (1.0 - share) * added / sum(counts.values.values())


def _is_plain(value: Any) -> bool:
    """Whether a trait can be shown: text, or a number of a length that a message could hold."""
    if isinstance(value, str):
        return True
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def _device_of(context: Mapping[str, Any]) -> str:
    device = context.get("device")
    kind = device.get("type") if isinstance(device, dict) else None
    return kind[:16].lower() if isinstance(kind, str) else ""
