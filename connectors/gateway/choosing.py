"""Which message a person gets, from what is in the cache at this moment: one of the entry's candidates, or a fallback.

Draws and looks of the gateway and grants of delivery all choose here, so that what is sent is what is shown.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple, Protocol

from connectors.cache.evicting import ENDED
from connectors.cache.items import Items
from connectors.cache.releases import OpenRelease, Releases
from connectors.cache.rows import OutboxRow, Served
from connectors.cache.store import CacheStore
from connectors.delivery.rights import Rights
from connectors.gateway.events import NO_DECISION, refresh_row
from connectors.gateway.problems import Problem, not_found, not_ready
from connectors.gateway.refreshes import RefreshLimit
from connectors.gateway.validity import Changes, Place, valid_candidates
from schemas.catalogue import items_of_slate
from schemas.codec import decode
from schemas.decisions import Communication, Decision
from schemas.draws import renormalise
from schemas.errors import StateCorrupt
from schemas.ids import Locale, TemplateName, UserId, WorkspaceId
from schemas.keys import communication_key
from schemas.worlds import WorldRef
from templates.assembly import Opened
from templates.send_marks import Whole

UNKNOWN = "unknown"
"""Nothing is known of the user: no state is made for him, no refresh, no exposure."""
MISSING = "missing"
EXPIRED = "expired"
WITHDRAWN = "withdrawn"
"""The newest release took back what every candidate shows, and the message was not rendered anew yet."""
CORRUPT = "corrupt"
RELEASE = "release_not_here"
EVICTED = "evicted"
"""The entry made room for others; what is known of it is its locale."""
CONSENT = "consent"
"""Consent to personal messages was taken back."""
REFRESHED = frozenset({MISSING, EXPIRED, WITHDRAWN, CORRUPT, EVICTED})
"""Why a fallback is served though a render would help."""


class Progress(Protocol):
    """How far this node has read the topics."""

    is_ready: bool
    world: WorldRef


class Chosen(NamedTuple):
    """What is served, and the message, its send marks still to be filled. `decision`: of the entry, if there is one."""

    served: Served
    release: OpenRelease
    unfilled: Opened | Whole
    decision: Decision | None
    packed: bytes = b""


class _Found(NamedTuple):
    """What stands in the cache for a user and template. `entry`: not None means it can be drawn from."""

    entry: Communication | None
    locale: Locale
    reason: str
    packed: bytes = b""


Pick = Callable[[Sequence[float]], int]


class Choosing:
    """Chooses, from the event loop's thread alone: nothing in here waits.

    items  of catalogues; None: there are none
    """

    def __init__(
        self,
        store: CacheStore,
        releases: Releases,
        progress: Progress,
        *,
        clock_ms: Callable[[], int],
        items: Items | None = None,
    ) -> None:
        self._store = store
        self._releases = releases
        self._progress = progress
        self._clock_ms = clock_ms
        self._items = items
        self._rights = Rights(store)
        self._refreshes = RefreshLimit()
        self._changes = Changes()

    def choose(
        self, workspace: WorkspaceId, template: TemplateName, user: UserId, pick: Pick, known: Locale | None = None
    ) -> Chosen:
        """One of the candidates that are valid now, picked by their probabilities; the fallback where there is none.

        known  the language of somebody who is known, whether or not there is an entry; it may be empty

        Raises:
            Problem: there is not even a fallback, or the user was erased, or this node reads the topics anew.
        """
        newest = self._newest(workspace, template)
        now_ms = self._clock_ms()
        found = self._find(workspace, user, communication_key(workspace, template, user), newest)
        reason = found.reason
        decision = found.entry.decision if found.entry else None
        if found.entry is not None and decision is not None:
            chosen = self._candidate(found.entry, decision, newest, now_ms, pick)
            if isinstance(chosen, Chosen):
                return chosen._replace(packed=found.packed)
            reason = chosen
        locale = found.locale
        if reason == UNKNOWN and known is not None:
            locale, reason = known or locale, MISSING
        return _of_fallback(newest, template, user, locale, reason, decision, now_ms)

    def default(
        self, workspace: WorkspaceId, template: TemplateName, user: UserId, locale: Locale, reason: str
    ) -> Chosen:
        """The fallback, whatever candidates there are; `reason` says why.

        locale  of somebody who has no entry

        Raises:
            Problem: there is none.
        """
        newest = self._newest(workspace, template)
        packed = self._store.entry(communication_key(workspace, template, user))
        decision = decode(Communication, packed).decision if packed is not None else None
        locale = decision.locale if decision else locale or newest.release.settings.default_locale
        return _of_fallback(newest, template, user, locale, reason, None, self._clock_ms())

    def refresh_rows(self, workspace: WorkspaceId, served: Served) -> list[OutboxRow]:
        """What asks the job for a render, where one would have helped."""
        key = communication_key(workspace, served.template, served.user)
        if served.reason in REFRESHED and self.allows_refresh(key, served.at_ms):
            return [refresh_row(workspace, served, self._progress.world)]
        return []

    def allows_refresh(self, key: bytes, now_ms: int) -> bool:
        """Whether the job may be asked for something of a key now; if so, it counts as asked for."""
        return self._refreshes.allows(key, now_ms)

    def world_of(self, decision: Decision | None) -> WorldRef:
        """What this node knows; at least what the decision was made with, which may be ahead of it."""
        world = self._progress.world
        return world.join(decision.world) if decision else world

    def _newest(self, workspace: WorkspaceId, template: TemplateName) -> OpenRelease:
        newest = self._releases.newest(workspace)
        if newest is None:
            raise not_found("no_release", "expected a release of this workspace, there is none yet")
        if template not in newest.templates:
            raise not_found("no_template", "expected a template of the workspace's newest release")
        return newest

    def _candidate(
        self, entry: Communication, decision: Decision, newest: OpenRelease, now_ms: int, pick: Pick
    ) -> Chosen | str:
        """One of the entry's candidates, or why none of them can be served."""
        release = self._releases.find(decision.workspace, decision.release)
        if release is None:
            return RELEASE
        change = self._changes.between(release.release, newest.release, decision.template)
        valid = valid_candidates(entry, decision, change, now_ms, self._gone(decision, now_ms))
        odds = renormalise([candidate.probability for candidate in decision.candidates], valid)
        if not odds:
            return EXPIRED if change.is_nothing else WITHDRAWN
        index = pick(odds)
        try:
            message = release.opener.open(entry.bodies[index], decision.template, decision.locale)
        except StateCorrupt:
            return CORRUPT
        served = Served.drawn(decision, index, odds, now_ms, entry.bodies[index])
        return Chosen(served, release, message, decision)

    def _gone(self, decision: Decision, now_ms: int) -> Callable[[Place], bool] | None:
        """Whether a slate shows an item that was removed or has ended; None where there is no catalog slot."""
        items = self._items
        if items is None or not items.has_ends:
            return None
        catalogues = {slot.slot: slot.catalogue for slot in decision.slots if slot.catalogue}
        if not catalogues:
            return None

        def is_gone(place: Place) -> bool:
            catalogue = catalogues.get(place[0])
            return catalogue is not None and any(
                items.is_gone(decision.workspace, catalogue, item, now_ms) for item in items_of_slate(place[1])
            )

        return is_gone

    def _find(self, workspace: WorkspaceId, user: UserId, key: bytes, newest: OpenRelease) -> _Found:
        """The entry of a user and template; where there is none, whether the user is known at all."""
        default = newest.release.settings.default_locale
        packed = self._store.entry(key)
        # Asked for each message, before the job has answered: mutant, do not; then the tests of rights fail.
        heeded = self._rights.at_draw(workspace, user)
        if packed is not None:
            entry = decode(Communication, packed)
            if heeded is not None and heeded.is_gone(entry.version):
                raise gone()
            if heeded is not None and heeded.is_withheld(entry.version):
                return _Found(None, default, CONSENT)
            if entry.withheld:
                return _Found(None, default, entry.withheld)
            if entry.decision is None:
                raise StateCorrupt("expected an entry with a decision, or with why there is none")
            return _Found(entry, entry.decision.locale, "", packed)
        return self._without_entry(workspace, user, key, newest, is_gone=heeded is not None and heeded.is_gone(None))

    def _without_entry(
        self, workspace: WorkspaceId, user: UserId, key: bytes, newest: OpenRelease, *, is_gone: bool
    ) -> _Found:
        """What is known of somebody who has no message of this template."""
        default = newest.release.settings.default_locale
        keys = [communication_key(workspace, name, user) for name in newest.templates]
        others = self._store.entries(keys)
        own, *markers = self._store.evicted([key, *keys])
        # A rebuild drops entries after `is_ready` is taken back: what is not here may be so only for now.
        if not self._progress.is_ready:
            raise not_ready("this node is reading the topics anew")
        if is_gone or self._store.is_erased(workspace, user):
            raise gone()
        if own is not None:
            return _Found(None, own.locale or default, EXPIRED if own.why == ENDED else EVICTED)
        known = [decode(Communication, other) for other in others if other is not None]
        if not known:
            evicted = [marker for marker in markers if marker is not None]
            return _Found(None, evicted[0].locale or default, MISSING) if evicted else _Found(None, default, UNKNOWN)
        if known[0].withheld:
            return _Found(None, default, known[0].withheld)
        return _Found(None, known[0].decision.locale if known[0].decision else default, MISSING)


def fallback_of(release: OpenRelease, template: TemplateName, locale: Locale) -> tuple[Locale, Whole]:
    """Default content for a locale, and the locale it is in.

    Raises:
        Problem: the release holds none.
    """
    found = release.fallback(template, locale)
    if found is None:
        raise not_found("no_fallback", "expected the release to hold a fallback of this template")
    return found


def gone() -> Problem:
    """The user was erased."""
    return Problem(HTTPStatus.GONE, "erased", "this user was erased")


def _of_fallback(
    newest: OpenRelease,
    template: TemplateName,
    user: UserId,
    locale: Locale,
    reason: str,
    decision: Decision | None,
    now_ms: int,
) -> Chosen:
    locale, message = fallback_of(newest, template, locale)
    served = Served(
        template=template,
        user=user,
        at_ms=now_ms,
        release=newest.release.id,
        locale=locale,
        decision=decision.id if decision else NO_DECISION,
        reason=reason,
        candidate=-1,
        propensity=1.0,
        probabilities=(),
        variants={},
        body=b"",
        marks={},
    )
    return Chosen(served, newest, message, decision)
