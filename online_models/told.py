"""A profile's features in words and numbers: what the topic `profiles` and `foresend features` tell."""

from collections.abc import Callable, Mapping
from typing import Any

from online_models.cells import Profile
from online_models.declared import declared_value
from schemas.library import WorkspaceSettings
from schemas.profiles import FeatureValue

SHARES_MAX = 8
"""Keys told of a feature that has many: the largest."""
_HOURS = tuple(f"{day} {hour:02}" for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun") for hour in range(24))


def features_in_words(profile: Profile, settings: WorkspaceSettings, at_ms: int) -> dict[str, FeatureValue]:
    """What is known of a person's behaviour at a time; nothing of what was never seen, but declared features' defaults.

    Times are milliseconds since 1970; shares are told of the largest keys.
    """
    told: dict[str, FeatureValue] = {}
    seen_ms = profile.last_seen_ms
    if profile.events:
        told["events"] = FeatureValue(float(profile.events), seen_ms)
        told["first_event_ms"] = FeatureValue(float(profile.first_seen_ms), profile.first_seen_ms)
        told["last_event_ms"] = FeatureValue(float(seen_ms), seen_ms)
        told["sessions"] = FeatureValue(float(profile.sessions.count()), seen_ms)
        told["hours"] = FeatureValue(_largest(profile.hours.values, _hour), seen_ms)
    if profile.tags.values:
        told["tags"] = FeatureValue(_largest(profile.tags.values), profile.tagged_ms)
    if profile.devices.values:
        told["devices"] = FeatureValue(_largest(profile.devices.values), profile.device_ms)
    if profile.contents.counted:
        newest = profile.contents.newest
        consumed_ms = max(newest.values())
        told["contents"] = FeatureValue(float(profile.contents.counted), consumed_ms)
        told["contents_recent"] = FeatureValue(dict.fromkeys(sorted(newest), 1.0 / len(newest)), consumed_ms)
    told |= _orders(profile)
    if profile.sends.newest_ms():
        told["fatigue"] = FeatureValue(float(profile.sends.count()), profile.sends.newest_ms())
    if profile.reactions:
        counted = {label: float(count) for label, count in sorted(profile.reactions.items())}
        told["reactions"] = FeatureValue(counted, profile.newest_log_ms)
    for feature in settings.declared:
        state = profile.declared.get(feature.name)
        moved_ms = state.at_ms if state is not None and state.fits(feature) else 0
        value = declared_value(profile.declared, feature, at_ms)
        told[feature.name] = FeatureValue(_largest(value) if isinstance(value, dict) else value, moved_ms)
    return told


def _orders(profile: Profile) -> dict[str, FeatureValue]:
    if not profile.orders.newest_ms and not profile.orders.kept:
        return {}
    count, value, newest_ms = profile.orders.figures()
    figures = {
        "orders": float(count),
        "repeat_orders": float(max(0, count - 1)),
        "order_value": value,
        "order_value_mean": value / count if count else 0.0,
        "last_order_ms": float(newest_ms),
    }
    return {name: FeatureValue(figure, newest_ms) for name, figure in figures.items()}


def _hour(number: int | str) -> str:
    return _HOURS[int(number)]


def _largest(values: Mapping[Any, float], name: Callable[[Any], str] = str) -> dict[str, float]:
    """The largest keys' parts of the whole, the largest first."""
    whole = sum(values.values())
    if whole <= 0.0:
        return {}
    # By value first, and by name only what is among the largest: a week has 168 hours.
    least = sorted(values.values())[-SHARES_MAX:][0]
    named = sorted([(-value, name(key)) for key, value in values.items() if value >= least])
    return {key: -value / whole for value, key in named[:SHARES_MAX]}
