"""The releases that this node has read: dictionaries, mark prefixes and fallbacks, by release."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from connectors.cache.store import CacheStore
from schemas.codec import decode
from schemas.ids import Locale, ReleaseId, TemplateName, WorkspaceId
from schemas.library import Release
from templates.send_marks import Opener, Whole

OPENED_MAX = 32
"""Releases kept open beside the newest ones: older entries and repeated sends still need theirs."""


@dataclass(frozen=True)
class OpenRelease:
    """One release as the read path needs it: without layouts, for nothing is rendered here; pieces are the opener's."""

    release: Release
    opener: Opener
    templates: frozenset[TemplateName]

    @classmethod
    def of(cls, packed: bytes) -> "OpenRelease":
        """Open a packed release."""
        release = decode(Release, packed)
        return cls(
            msgspec.structs.replace(release, layouts={}, pieces={}),
            Opener(release),
            frozenset(template.name for template in release.templates),
        )

    def fallback(self, template: TemplateName, locale: Locale) -> tuple[Locale, Whole] | None:
        """The default content for a locale: of the locale itself, its language, or the workspace's locale."""
        default = self.release.settings.default_locale
        for tried in (locale, Locale(locale.split("-")[0]), default):
            found = self.release.fallbacks.get(f"{template}/{tried}")
            if found is not None:
                return tried, Whole(found, self.release.mark_prefix)
        return None


class Releases:
    """Finds releases. `reload` is called by the follower's thread, the rest by the event loop."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._opened: OrderedDict[tuple[WorkspaceId, ReleaseId], OpenRelease] = OrderedDict()
        self._newest: dict[WorkspaceId, OpenRelease] = {}
        self.reload()

    def reload(self) -> None:
        """Open the newest release of each workspace, as the store holds them now."""
        newest = {}
        for workspace, release in self._store.newest_releases():
            known = self._newest.get(workspace)
            is_known = known is not None and known.release.id == release
            newest[workspace] = known if known and is_known else self._open(workspace, release)
        self._newest = newest

    def workspaces(self) -> tuple[WorkspaceId, ...]:
        """The workspaces that have a release."""
        return tuple(self._newest)

    def newest(self, workspace: WorkspaceId) -> OpenRelease | None:
        """The release that a workspace has now."""
        return self._newest.get(workspace)

    def newest_id(self, workspace: WorkspaceId) -> ReleaseId | None:
        """The id of the release that a workspace has now."""
        newest = self._newest.get(workspace)
        return newest.release.id if newest is not None else None

    def find(self, workspace: WorkspaceId, release: ReleaseId) -> OpenRelease | None:
        """A release by its id, also an old one."""
        newest = self._newest.get(workspace)
        if newest is not None and newest.release.id == release:
            return newest
        found = self._opened.get((workspace, release))
        if found is None and self._store.release(workspace, release) is not None:
            found = self._opened[workspace, release] = self._open(workspace, release)
            while len(self._opened) > OPENED_MAX:
                self._opened.popitem(last=False)
        return found

    def forget(self, dropped: Iterable[tuple[WorkspaceId, ReleaseId]]) -> None:
        """Close releases that the store holds no more."""
        for one in dropped:
            self._opened.pop(one, None)

    def _open(self, workspace: WorkspaceId, release: ReleaseId) -> OpenRelease:
        packed = self._store.release(workspace, release)
        if packed is None:
            raise KeyError(release)
        return OpenRelease.of(packed)
