"""A person's features as numbers at one moment: what a decision is remembered with, for `train` to learn from."""

import struct
from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

from online_models.cells import Profile
from online_models.declared import declared_value, numbers
from schemas.library import DECLARED_MAX, DeclaredFeature, WorkspaceSettings

DAY_MS = 86_400_000
NEVER = -1.0
"""Days since what never happened."""
BUILT_IN = (
    "events", "days_since_event", "sessions", "contents", "fatigue",
    "orders", "order_value_mean", "days_since_order", "tag_share", "hour_share", "device_share",
)  # fmt: skip
"""In this order, before the declared ones in the order in which they are declared. A share is the largest one."""
FLOAT_MAX = 3e38
_HEAD = struct.Struct("<I")


def vector_of(profile: Profile, settings: WorkspaceSettings, at_ms: int) -> bytes:
    """The checksum of the names (uint32), then a float32 for each, little-endian."""
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
    ]
    return _HEAD.pack(_checksum(settings.declared)) + struct.pack(
        f"<{len(values)}f", *[min(max(value, -FLOAT_MAX), FLOAT_MAX) for value in values]
    )


def names_of(declared: Sequence[DeclaredFeature]) -> tuple[str, ...]:
    """What the numbers of a vector are, one by one, where a workspace declares these features."""
    return (*BUILT_IN, *[feature.name for feature in declared[:DECLARED_MAX]])


def numbers_of(vector: bytes, declared: Sequence[DeclaredFeature]) -> dict[str, float]:
    """Read a vector that was packed with these declarations; empty where it was packed with others."""
    names = names_of(declared)
    if len(vector) != _HEAD.size + 4 * len(names) or _HEAD.unpack_from(vector)[0] != checksum(names):
        return {}
    return dict(zip(names, struct.unpack_from(f"<{len(names)}f", vector, _HEAD.size), strict=True))


def checksum(names: Sequence[str]) -> int:
    """What a vector begins with, so that nobody reads it by other names."""
    return crc32("\n".join(names).encode())


@lru_cache(maxsize=64)
def _checksum(declared: tuple[DeclaredFeature, ...]) -> int:
    return checksum(names_of(declared))


def _days_since(moment_ms: int, at_ms: int) -> float:
    return max(0.0, (at_ms - moment_ms) / DAY_MS) if moment_ms else NEVER


def _largest(values: dict[int | str, float]) -> float:
    whole = sum(values.values())
    return max(values.values()) / whole if whole > 0.0 else 0.0
