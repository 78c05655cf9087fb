"""A read: which message a user gets, from what is in the cache at this moment. No prediction, no rendering."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import msgspec

from connectors.cache.releases import OpenRelease, Releases
from connectors.cache.rows import OutboxRow, Sent, Served
from connectors.cache.store import CacheStore
from connectors.gateway.events import NO_DECISION, exposure_row, features_refresh_row, refresh_row
from connectors.gateway.marks import LOOK_MARKS, MarkFiller
from connectors.gateway.problems import Problem, not_found, not_ready
from connectors.gateway.refreshes import RefreshLimit
from connectors.kafka.partitioning import partition_of_key
from schemas.codec import decode
from schemas.decisions import Communication, Decision, Rendered
from schemas.draws import draw, renormalise
from schemas.errors import StateCorrupt
from schemas.ids import Locale, SendId, TemplateName, UserId, WorkspaceId
from schemas.keys import communication_key, user_key
from schemas.profiles import ToldProfile
from schemas.topics import COMMUNICATIONS, PARTITIONS, PROFILES, Topic
from schemas.worlds import WorldRef
from templates.send_marks import fill

TOLD_MS = 1_000
"""What was told less than this ago is of just now."""
OUTBOX_ROWS_MAX = 1_000_000
"""No draws beyond it: exposures wait on this disk while Kafka is away, and disks end."""
UNKNOWN = "unknown"
"""Nothing is known of the user: no state is made for him, no refresh, no exposure."""
MISSING = "missing"
EXPIRED = "expired"
CORRUPT = "corrupt"
RELEASE = "release_not_here"
REFRESHED = frozenset({MISSING, EXPIRED, CORRUPT})
"""Why a fallback is served though a render would help."""


class Progress(Protocol):
    """How far this node has read the topics."""

    is_ready: bool
    world: WorldRef


@dataclass(frozen=True)
class Read:
    """One answered read: what is served, and the message with its send marks filled.

    decision  what the user's entry holds at this moment; None where there is no entry, and for a send that is
              answered again, which may have been drawn from an older one
    """

    workspace: WorkspaceId
    served: Served
    message: Rendered
    decision: Decision | None

    @property
    def source(self) -> str:
        """Where the message came from."""
        return "fallback" if self.served.candidate < 0 else "entry"


@dataclass(frozen=True)
class _Found:
    """What stands in the cache for a user and template. `entry`: not None means it can be drawn from."""

    entry: Communication | None
    locale: Locale
    reason: str


@dataclass(frozen=True)
class _Chosen:
    served: Served
    release: OpenRelease
    unfilled: Rendered
    decision: Decision | None


Pick = Callable[[Sequence[float]], int]


class Reads:
    """Answers reads, from the event loop's thread alone: nothing in here waits, so a draw is never interleaved.

    partitions  of `communications` and `profiles` that this node holds
    """

    def __init__(
        self,
        store: CacheStore,
        releases: Releases,
        progress: Progress,
        marks: MarkFiller,
        *,
        partitions: Collection[int],
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._releases = releases
        self._progress = progress
        self._marks = marks
        self._partitions = None if len(partitions) == PARTITIONS else frozenset(partitions)
        self._clock_ms = clock_ms
        self._refreshes = RefreshLimit()

    def now_ms(self) -> int:
        """The time by which this node answers."""
        return self._clock_ms()

    def require_ready(self) -> None:
        """Refuse while the cache is older than it was before. Asked first: until then not even releases are known.

        Raises:
            Problem: 503.
        """
        if not self._progress.is_ready:
            raise not_ready("this node is still reading the topics")

    def draw(
        self,
        workspace: WorkspaceId,
        template: TemplateName,
        user: UserId,
        send_id: SendId,
        given: Mapping[str, str],
    ) -> Read:
        """Draw for a send; the same send id gets the same bytes again. The first draw wins.

        Raises:
            Problem: there is no answer with a message.
        """
        # An erasure comes before a draw or after it: between, the draw would leave a row of somebody erased.
        with self._store.drawing:
            return self._draw(workspace, template, user, send_id, given)

    def _draw(
        self,
        workspace: WorkspaceId,
        template: TemplateName,
        user: UserId,
        send_id: SendId,
        given: Mapping[str, str],
    ) -> Read:
        key = self._check(workspace, template, user)
        sent = self._store.sent(workspace, send_id)
        if sent is not None:
            return self._repeat(workspace, sent, template, user)
        if self._store.outbox_rows >= OUTBOX_ROWS_MAX:
            raise not_ready("the outbox is full: Kafka has not answered for a long time")
        chosen = self._choose(workspace, template, user, key, lambda odds: draw(odds, send_id))
        marks = self._marks.marks(workspace, send_id, chosen.served, given)
        served = msgspec.structs.replace(chosen.served, marks=marks)
        message = fill(chosen.unfilled, chosen.release.release.mark_prefix, marks)
        rows = self._refresh_rows(workspace, key, served)
        if served.reason != UNKNOWN:
            world = self._world_of(chosen.decision)
            rows.append(exposure_row(workspace, send_id, served, chosen.decision, world))
        self._store.remember_send(workspace, send_id, served, rows)
        return Read(workspace, served, message, chosen.decision)

    def look(self, workspace: WorkspaceId, template: TemplateName, user: UserId, candidate: int | None) -> Read:
        """Show a candidate, the likeliest one that is valid unless told which. Never an exposure.

        Raises:
            Problem: there is no answer with a message.
        """
        key = self._check(workspace, template, user)
        chosen = self._choose(workspace, template, user, key, lambda odds: _pick(odds, candidate))
        rows = self._refresh_rows(workspace, key, chosen.served)
        if rows:
            self._store.commit(self._store.batch(), rows)
        message = fill(chosen.unfilled, chosen.release.release.mark_prefix, LOOK_MARKS)
        return Read(workspace, chosen.served, message, chosen.decision)

    def profile(self, workspace: WorkspaceId, user: UserId) -> ToldProfile:
        """What is told of a person. Where that is not of just now, the job is asked to tell anew.

        Raises:
            Problem: nothing is, or the person was erased.
        """
        key = user_key(workspace, user)
        self._require_held(key, PROFILES)
        packed = self._store.profile(key)
        if packed is None:
            self._ask_to_tell(workspace, user, key)
            # A rebuild drops rows after `is_ready` is taken back: what is not here may be so only for now.
            self.require_ready()
            if self._store.is_profile_erased(workspace, user):
                raise _gone()
            raise not_found("unknown_user", "expected a person of whom something is known")
        told = decode(ToldProfile, packed)
        if self._clock_ms() - told.at_ms > TOLD_MS:
            self._ask_to_tell(workspace, user, key)
        return told

    def _ask_to_tell(self, workspace: WorkspaceId, user: UserId, key: bytes) -> None:
        """Nobody is asked for who is not known: it would make state of any id that is typed in."""
        newest = self._releases.newest(workspace)
        keys = [communication_key(workspace, name, user) for name in newest.templates] if newest else []
        is_known = self._store.profile(key) is not None or any(self._store.entries(keys))
        now_ms = self._clock_ms()
        if is_known and self._refreshes.allows(key, now_ms):
            row = features_refresh_row(workspace, user, now_ms, self._progress.world)
            self._store.commit(self._store.batch(), [row])

    def _require_held(self, key: bytes, topic: Topic) -> None:
        if self._partitions is not None and partition_of_key(key) not in self._partitions:
            raise Problem(
                HTTPStatus.MISDIRECTED_REQUEST,
                "other_partition",
                f"partition {partition_of_key(key)} of {topic.name} is held by another node",
            )

    def _check(self, workspace: WorkspaceId, template: TemplateName, user: UserId) -> bytes:
        key = communication_key(workspace, template, user)
        self._require_held(key, COMMUNICATIONS)
        return key

    def _repeat(self, workspace: WorkspaceId, send: Sent, template: TemplateName, user: UserId) -> Read:
        """The answer that a send was given before, to the byte."""
        sent = send.served
        is_own = send.person == self._store.names.person(workspace, user)
        if not is_own or (sent is not None and sent.template != template):
            raise Problem(
                HTTPStatus.CONFLICT, "send_id_taken", "expected a new send id, got one of another user or template"
            )
        # Also after the grave is gone, and when the user came back. Mutant: draw anew; then
        # `test_what_was_sent_before_an_erasure_stays_gone_when_the_user_comes_back` fails.
        if sent is None:
            raise _gone()
        release = self._releases.find(workspace, sent.release)
        if release is None:
            raise not_ready("the release of this send has not been read yet")
        unfilled = release.opener.open(sent.body) if sent.body else _fallback(release, template, sent.locale)[1]
        return Read(workspace, sent, fill(unfilled, release.release.mark_prefix, sent.marks), None)

    def _choose(self, workspace: WorkspaceId, template: TemplateName, user: UserId, key: bytes, pick: Pick) -> _Chosen:
        newest = self._releases.newest(workspace)
        if newest is None:
            raise not_found("no_release", "expected a release of this workspace, there is none yet")
        if template not in newest.templates:
            raise not_found("no_template", "expected a template of the workspace's newest release")
        now_ms = self._clock_ms()
        found = self._find(workspace, user, key, newest)
        reason = found.reason
        decision = found.entry.decision if found.entry else None
        if found.entry is not None and decision is not None:
            chosen = self._candidate(found.entry, decision, now_ms, pick)
            if isinstance(chosen, _Chosen):
                return chosen
            reason = chosen
        locale, message = _fallback(newest, template, found.locale)
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
        return _Chosen(served, newest, message, decision)

    def _candidate(self, entry: Communication, decision: Decision, now_ms: int, pick: Pick) -> _Chosen | str:
        """One of the entry's candidates, or why none of them can be served."""
        release = self._releases.find(decision.workspace, decision.release)
        if release is None:
            return RELEASE
        # Mutant: take every candidate for valid; then `test_an_expired_candidate_is_never_drawn` fails.
        valid = [until_ms == 0 or now_ms < until_ms for until_ms in entry.valid_until_ms]
        odds = renormalise([candidate.probability for candidate in decision.candidates], valid)
        if not odds:
            return EXPIRED
        index = pick(odds)
        try:
            message = release.opener.open(entry.bodies[index])
        except StateCorrupt:
            return CORRUPT
        variants = decision.variants_of(index)
        served = Served(
            template=decision.template,
            user=decision.user,
            at_ms=now_ms,
            release=decision.release,
            locale=decision.locale,
            decision=decision.id,
            reason="",
            candidate=index,
            propensity=odds[index],
            probabilities=odds,
            variants={slot.slot: variant for slot, variant in zip(decision.slots, variants, strict=True)},
            body=entry.bodies[index],
            marks={},
        )
        return _Chosen(served, release, message, decision)

    def _find(self, workspace: WorkspaceId, user: UserId, key: bytes, newest: OpenRelease) -> _Found:
        """The entry of a user and template; where there is none, whether the user is known at all."""
        default = newest.release.settings.default_locale
        packed = self._store.entry(key)
        if packed is not None:
            entry = decode(Communication, packed)
            if entry.withheld:
                return _Found(None, default, entry.withheld)
            if entry.decision is None:
                raise StateCorrupt("expected an entry with a decision, or with why there is none")
            return _Found(entry, entry.decision.locale, "")
        others = self._store.entries([communication_key(workspace, name, user) for name in newest.templates])
        # A rebuild drops entries after `is_ready` is taken back: what is not here may be so only for now.
        if not self._progress.is_ready:
            raise not_ready("this node is reading the topics anew")
        if self._store.is_erased(workspace, user):
            raise _gone()
        known = [decode(Communication, other) for other in others if other is not None]
        if not known:
            return _Found(None, default, UNKNOWN)
        if known[0].withheld:
            return _Found(None, default, known[0].withheld)
        return _Found(None, known[0].decision.locale if known[0].decision else default, MISSING)

    def _refresh_rows(self, workspace: WorkspaceId, key: bytes, served: Served) -> list[OutboxRow]:
        if served.reason in REFRESHED and self._refreshes.allows(key, served.at_ms):
            return [refresh_row(workspace, served, self._progress.world)]
        return []

    def _world_of(self, decision: Decision | None) -> WorldRef:
        """What this node knows; at least what the decision was made with, which may be ahead of it."""
        world = self._progress.world
        return world.join(decision.world) if decision else world


def _fallback(release: OpenRelease, template: TemplateName, locale: Locale) -> tuple[Locale, Rendered]:
    found = release.fallback(template, locale)
    if found is None:
        raise not_found("no_fallback", "expected the release to hold a fallback of this template")
    return found


def _pick(odds: Sequence[float], candidate: int | None) -> int:
    if candidate is None:
        return max(range(len(odds)), key=odds.__getitem__)
    if not 0 <= candidate < len(odds) or odds[candidate] == 0:
        raise not_found("no_candidate", f"expected a valid candidate below {len(odds)}, got {candidate}")
    return candidate


def _gone() -> Problem:
    return Problem(HTTPStatus.GONE, "erased", "this user was erased")
