"""A person's features at one moment: what a decision is remembered with, for models to learn from."""

import math
import struct
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

from online_models.cells import Profile
from online_models.declared import declared_value, numbers
from online_models.terms import Situation, hash_of_name
from schemas.library import DECLARED_MAX, LearningSettings, WorkspaceSettings

DAY_MS = 86_400_000
NEVER = -1.0
"""Days since what never happened."""
BUILT_IN = (
    "events", "days_since_event", "sessions", "contents", "fatigue",
    "orders", "order_value_mean", "days_since_order", "tag_share", "hour_share", "device_share",
)  # fmt: skip
"""In this order, before the declared ones in the order in which they are declared. A share is the largest one."""
FLOAT_MAX = 3e38
NUMBER_TRAITS_MAX = 8


class _Form(NamedTuple):
    """How a workspace's vectors are packed, and which of their numbers models look at."""

    names: tuple[str, ...]
    packed: struct.Struct
    looked_at: tuple[int, ...]
    checksum: int


@lru_cache(maxsize=64)
def _form(declared: tuple[str, ...], learning: LearningSettings) -> _Form:
    names = (*BUILT_IN, *declared[:DECLARED_MAX], *learning.number_traits[:NUMBER_TRAITS_MAX])
    looked_at = tuple([names.index(name) for name in learning.numbers if name in names])
    # What a vector begins with, so that nobody reads it by other names.
    checksum = crc32("\n".join((*names, "", *learning.facts)).encode())
    return _Form(names, struct.Struct(f"<I{len(names)}f{len(learning.facts)}I"), looked_at, checksum)


_FORMS: dict[int, tuple[WorkspaceSettings, _Form]] = {}
"""Forms by the settings themselves: to hash settings takes longer than to pack a vector."""
FORMS_KEPT = 64


def _form_of(settings: WorkspaceSettings) -> _Form:
    known = _FORMS.get(id(settings))
    if known is not None and known[0] is settings:
        return known[1]
    if len(_FORMS) >= FORMS_KEPT:
        _FORMS.clear()
    found = _form(tuple([feature.name for feature in settings.declared]), settings.learning)
    _FORMS[id(settings)] = settings, found
    return found


def vector_of(profile: Profile, settings: WorkspaceSettings, at_ms: int) -> bytes:
    """The checksum of the names (uint32), then a float32 for each number and a uint32 for each fact, little-endian."""
    orders = profile.orders.figures() if profile.orders.newest_ms or profile.orders.kept else (0, 0.0, 0)
    values = [
        float(profile.events),
        _days_since(profile.last_seen_ms, at_ms),
        float(profile.sessions.count()),
        float(profile.contents.counted),
        float(profile.sends.count()),
        float(orders[0]),
        orders[1] / orders[0] if orders[0] else 0.0,
        _days_since(orders[2], at_ms),
        *[_largest(counts.values) for counts in (profile.tags, profile.hours, profile.devices)],
        *numbers(declared_value(profile.declared, feature, at_ms) for feature in settings.declared[:DECLARED_MAX]),
        *[_number(profile.facts.get(name)) for name in settings.learning.number_traits[:NUMBER_TRAITS_MAX]],
    ]
    form = _form_of(settings)
    return form.packed.pack(
        form.checksum,
        *[min(max(value, -FLOAT_MAX), FLOAT_MAX) for value in values],
        *[_fact(name, profile.facts.get(name)) for name in settings.learning.facts],
    )


def numbers_of(vector: bytes, settings: WorkspaceSettings) -> dict[str, float]:
    """Read the numbers of a vector that was packed with these settings; empty where it was packed with others."""
    form = _form_of(settings)
    found = _unpacked(vector, form)
    return dict(zip(form.names, found[1 : 1 + len(form.names)], strict=True)) if found else {}


def situation_of(vector: bytes, settings: WorkspaceSettings) -> Situation:
    """What models look at of a vector; nothing is known where it was packed with other settings."""
    learning, form = settings.learning, _form_of(settings)
    found = _unpacked(vector, form)
    if not found:
        return Situation((0,) * len(learning.facts), (math.nan,) * len(form.looked_at))
    return Situation(found[1 + len(form.names) :], tuple([found[1 + place] for place in form.looked_at]))


def _unpacked(vector: bytes, form: _Form) -> tuple[Any, ...]:
    if len(vector) != form.packed.size:
        return ()
    found = form.packed.unpack(vector)
    return found if found[0] == form.checksum else ()


def _fact(name: str, value: str | float | None) -> int:
    return 0 if value is None else hash_of_name(f"{name}={value}")


def _number(value: str | float | None) -> float:
    return value if isinstance(value, float) else math.nan


def _days_since(moment_ms: int, at_ms: int) -> float:
    return max(0.0, (at_ms - moment_ms) / DAY_MS) if moment_ms else NEVER


def _largest(values: dict[int | str, float]) -> float:
    whole = sum(values.values())
    return max(values.values()) / whole if whole > 0.0 else 0.0
