"""Who a campaign is for: a condition over what is told of a person (docs/conditions.md, docs/campaigns.md)."""

from collections.abc import Mapping
from types import MappingProxyType

from schemas.condition_reader import COUNTS
from schemas.condition_values import Facts
from schemas.conditions import Condition, Flaw, read_condition
from schemas.errors import ConfigError
from schemas.library import DeclaredFeature, WorkspaceSettings
from schemas.profiles import ToldProfile

_NOTHING: Mapping[str, float] = MappingProxyType({})


class Audience:
    """The rule of one campaign. Ask it from one thread.

    Raises:
        ConfigError: a rule that nobody can read with these settings.
    """

    def __init__(self, rule: str, settings: WorkspaceSettings) -> None:
        self._condition: Condition | None = None
        self._declared = {feature.name: feature for feature in settings.declared}
        if rule:
            found = read_condition(rule, settings.declared)
            if isinstance(found, Flaw):
                raise ConfigError(f"audience: {found.message} (character {found.offset + 1}). {found.mend}")
            self._condition = found

    def holds(self, told: ToldProfile) -> bool:
        """Whether a person is of it; nobody who was erased is."""
        if told.grave:
            return False
        return self._condition is None or self._condition.holds(facts_of(told, self._declared))


def facts_of(told: ToldProfile, declared: Mapping[str, DeclaredFeature]) -> Facts:
    """What is told of a person, as conditions ask for it.

    Of features with many keys the largest are told (`online_models.told`): a smaller share counts as 0. All are as they
    stood when they were told, up to a day before.
    """
    features = told.features

    def feature(name: str) -> float | Mapping[str, float] | None:
        found = features.get(name)
        if found is not None:
            return found.value
        own = declared.get(name)
        if own is not None:
            return _NOTHING if own.kind == "share" else own.default
        return 0.0 if name in COUNTS else None

    devices = _shares(told, "devices")
    device = max(devices, key=lambda key: (devices[key], key), default="")
    return Facts(told.locale, told.timezone, device, told.traits, _shares(told, "tags"), feature)


def _shares(told: ToldProfile, name: str) -> Mapping[str, float]:
    found = told.features.get(name)
    return found.value if found is not None and isinstance(found.value, dict) else _NOTHING
