"""What each workspace lets through, as its newest release says."""

import logging

from connectors.collector.items import ItemRules
from connectors.collector.reduction import ONLY_BASICS, Rules
from schemas.codec import decode
from schemas.condition_values import Root
from schemas.conditions import Condition, read_condition
from schemas.errors import SchemaError, StateError
from schemas.ids import WorkspaceId
from schemas.keys import split_key
from schemas.library import Release

_log = logging.getLogger(__name__)


class WorkspaceRules:
    """Rules by workspace. One thread learns, others ask."""

    def __init__(self) -> None:
        self._rules: dict[WorkspaceId, Rules] = {}

    def of(self, workspace: WorkspaceId) -> Rules:
        """The strictest rules, where no release is known."""
        return self._rules.get(workspace, ONLY_BASICS)

    def learn(self, key: bytes, value: bytes) -> None:
        """Take in a record of the topic `library`; one that is no release is passed over, as its other readers do."""
        try:
            release = decode(Release, value)
            owner = split_key(key, 2)[0]
        except (StateError, SchemaError) as error:
            _log.warning("a release was passed over: %s", error)
            return
        if owner == release.workspace:
            self._rules[release.workspace] = rules_of(release)


def rules_of(release: Release) -> Rules:
    """What a release says: its settings, and the traits that its templates show, its conditions and models look at."""
    items = ItemRules(release.settings.catalogues, release.settings.link_hosts)
    traits, learning = release.settings.traits, release.settings.learning
    shown = {field.name for template in release.templates for field in template.fields}
    kept = shown.union(traits.kept, learning.facts, learning.number_traits, _asked(release))
    return Rules(kept, traits.bands, traits.sensitive, items, release.settings.consent)


def _asked(release: Release) -> set[str]:
    """The traits that conditions ask for. What cannot be read is another's to refuse."""
    texts = {variant.when for template in release.templates for slot in template.slots for variant in slot.variants}
    found = [read_condition(text, release.settings.declared) for text in texts if text]
    return {name for one in found if isinstance(one, Condition) for name in one.names_of(Root.TRAITS)}
