"""Which variants a person may be shown: those whose condition holds, and whose bound on repeats is not reached.

Of a template a person's answer is a number, a bit for each variant that has a condition or a bound: what follows from
it is made once for all who have the same one (`online_models.menus`).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from online_models.cells import Profile
from online_models.declared import declared_value
from schemas.condition_values import Facts, Root
from schemas.conditions import Condition, Flaw, read_condition
from schemas.decisions import Exposure
from schemas.errors import ConfigError
from schemas.ids import FieldName, SlotName, TemplateName, VariantId
from schemas.library import Template, WorkspaceSettings

REPEATS_MAX = 64
"""Variants with a bound on repeats that are counted for one person; validation allows a workspace no more."""


class _Bound(NamedTuple):
    key: str
    most: int
    bit: int


class Gates:
    """The conditions and bounds of one template's variants.

    places  for each bit the slot's number and the variant
    """

    __slots__ = ("_bounds", "_conditions", "places")

    def __init__(
        self,
        places: tuple[tuple[int, VariantId], ...],
        conditions: Mapping[Condition, int],
        bounds: tuple[_Bound, ...],
    ) -> None:
        self.places = places
        self._conditions = tuple(conditions.items())
        self._bounds = bounds

    @classmethod
    def of(cls, template: Template, settings: WorkspaceSettings) -> Self | None:
        """The gates of a template; None where everybody may be shown everything.

        Raises:
            ConfigError: a condition that nobody can read.
        """
        places: list[tuple[int, VariantId]] = []
        conditions: dict[Condition, int] = {}
        bounds = []
        for number, slot in enumerate(template.slots):
            for variant in slot.variants:
                if not variant.when and not variant.repeats_max:
                    continue
                bit = 1 << len(places)
                places.append((number, variant.id))
                if variant.when:
                    condition = read_condition(variant.when, settings.declared)
                    if isinstance(condition, Flaw):
                        raise ConfigError(f"{template.name}.{slot.name}.{variant.id}: when: {condition.message}")
                    conditions[condition] = conditions.get(condition, 0) | bit
                if variant.repeats_max:
                    bounds.append(_Bound(repeat_key(template.name, slot.name, variant.id), variant.repeats_max, bit))
        return cls(tuple(places), conditions, tuple(bounds)) if places else None

    @property
    def asks(self) -> frozenset[Root]:
        """The kinds of names that its conditions hold."""
        return frozenset(name.root for condition, _ in self._conditions for name in condition.names)

    @property
    def traits(self) -> frozenset[FieldName]:
        """The traits that its conditions ask for."""
        return frozenset(
            FieldName(name) for condition, _ in self._conditions for name in condition.names_of(Root.TRAITS)
        )

    @property
    def counted(self) -> frozenset[str]:
        """What is to be counted in `Profile.repeats`."""
        return frozenset(bound.key for bound in self._bounds)

    def closed(self, facts: Facts, repeats: Mapping[str, int]) -> int:
        """The bits of the variants that a person may not be shown."""
        mask = 0
        for condition, bits in self._conditions:
            if not condition.holds(facts):
                mask |= bits
        for key, most, bit in self._bounds:
            if repeats.get(key, 0) >= most:
                mask |= bit
        return mask


def repeat_key(template: TemplateName, slot: SlotName, variant: VariantId) -> str:
    """Under which it is counted how often a variant was shown."""
    return f"{template}/{slot}/{variant}"


def count_shown(profile: Profile, shown: Exposure, counted: frozenset[str]) -> bool:
    """Count what somebody was shown, as far as it has a bound; returns whether anything had.

    Counts of variants that have none any more are left out; of more than are counted, the smallest.
    """
    if not counted:
        profile.repeats = {}
        return False
    columns = zip(shown.slots, shown.variants, strict=True)
    keys = [repeat_key(shown.template, slot, variant) for slot, variant in columns]
    found = [key for key in keys if key in counted]
    if found:
        repeats = {key: count for key, count in profile.repeats.items() if key in counted}
        for key in found:
            repeats[key] = repeats.get(key, 0) + 1
        profile.repeats = _bounded(repeats)
    return bool(found)


def merge_repeats(into: Profile, other: Profile) -> None:
    """What was shown to either was shown to the person."""
    if other.repeats:
        keys = sorted(into.repeats.keys() | other.repeats.keys())
        into.repeats = _bounded({key: into.repeats.get(key, 0) + other.repeats.get(key, 0) for key in keys})


def _bounded(repeats: dict[str, int]) -> dict[str, int]:
    if len(repeats) <= REPEATS_MAX:
        return repeats
    largest = sorted(repeats, key=lambda key: (-repeats[key], key))[:REPEATS_MAX]
    return {key: repeats[key] for key in sorted(largest)}


def facts_of(profile: Profile, settings: WorkspaceSettings, at_ms: int, asks: Iterable[Root] = tuple(Root)) -> Facts:
    """What is known of a person at a time, as conditions ask for it.

    asks  the kinds of names that they hold: for others nothing is worked out
    """
    declared = {feature.name: feature for feature in settings.declared} if Root.FEATURES in asks else {}

    def feature(name: str) -> float | Mapping[str, float] | None:
        own = declared.get(name)
        return _count(profile, name) if own is None else declared_value(profile.declared, own, at_ms)

    devices = profile.devices.values if Root.DEVICE in asks else {}
    device = max(devices, key=lambda key: (devices[key], str(key)), default="")
    tags = profile.tags.shares() if Root.TAGS in asks else {}
    return Facts(profile.locale, profile.timezone, str(device), profile.traits, tags, feature)


def _count(profile: Profile, name: str) -> float | None:
    """One of `schemas.condition_reader.COUNTS`, as `online_models.told` tells it."""
    match name:
        case "events":
            return float(profile.events)
        case "sessions":
            return float(profile.sessions.count())
        case "contents":
            return float(profile.contents.counted)
        case "fatigue":
            return float(profile.sends.count())
    orders = profile.orders.figures() if profile.orders.newest_ms or profile.orders.kept else (0, 0.0, 0)
    match name:
        case "orders":
            return float(orders[0])
        case "repeat_orders":
            return float(max(0, orders[0] - 1))
        case "order_value":
            return orders[1]
        case "order_value_mean":
            return orders[1] / orders[0] if orders[0] else 0.0
    return None
