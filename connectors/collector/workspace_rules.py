"""What each workspace lets through, as its newest release says."""

import logging

from connectors.collector.reduction import ONLY_BASICS, Rules
from schemas.codec import decode
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
    """What a release says: its settings, the fields that its templates show, and the traits that its models look at."""
    traits, learning = release.settings.traits, release.settings.learning
    fields = {field.name for template in release.templates for field in template.fields}
    return Rules(fields.union(traits.kept, learning.facts, learning.number_traits), traits.bands, traits.sensitive)
