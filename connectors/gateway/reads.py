"""A read: which message a user gets, from what is in the cache at this moment. No prediction, no rendering."""

from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from connectors.cache.exposures import Drawn, exposure_row
from connectors.cache.items import Items
from connectors.cache.releases import Releases
from connectors.cache.rows import OutboxRow, Sent, Served
from connectors.cache.store import CacheStore
from connectors.delivery.rights import Rights
from connectors.gateway.choosing import UNKNOWN, Choosing, Chosen, Progress, fallback_of, gone
from connectors.gateway.events import features_refresh_row
from connectors.gateway.marks import LOOK_MARKS, MarkFiller
from connectors.gateway.problems import OTHER_NODE, Problem, not_found, not_ready
from connectors.kafka.partitioning import event_partition
from schemas.codec import decode
from schemas.decisions import Decision, Rendered
from schemas.draws import draw
from schemas.ids import SendId, TemplateName, UserId, WorkspaceId
from schemas.keys import communication_key, user_key
from schemas.profiles import ToldProfile
from schemas.topics import PARTITIONS
from templates.assembly import Opened
from templates.send_marks import Whole
from templates.skeletons import InJson

TOLD_MS = 1_000
"""What was told less than this ago is of just now."""
OUTBOX_ROWS_MAX = 1_000_000
"""No draws beyond it: exposures wait on this disk while Kafka is away, and disks end."""

NotHere = Callable[[WorkspaceId, UserId], Problem]


def lone(workspace: WorkspaceId, user: UserId) -> Problem:
    """What a caller is told where nobody has said who the other nodes are."""
    detail = f"partition {event_partition(workspace, user)} is held by another node"
    return Problem(HTTPStatus.MISDIRECTED_REQUEST, OTHER_NODE, detail)


class Read(NamedTuple):
    """One answered read: what is served, and the message with its send marks filled.

    whole     the message; or what it is joined of, where that is wanted
    marks     for its send marks, where it is not joined yet
    in_json   HTML and text as JSON holds them, where these were joined
    decision  what the user's entry holds at this moment; None where there is no entry, and for a send that is
              answered again, which may have been drawn from an older one
    """

    workspace: WorkspaceId
    served: Served
    whole: Rendered | Opened | Whole
    decision: Decision | None
    marks: Mapping[str, str] = LOOK_MARKS
    in_json: InJson | None = None

    @property
    def message(self) -> Rendered:
        """The message, whole."""
        return self.whole if isinstance(self.whole, Rendered) else self.whole.filled(self.marks)

    @property
    def source(self) -> str:
        """Where the message came from."""
        return "fallback" if self.served.candidate < 0 else "entry"


class Reads:
    """Answers reads, from the event loop's thread alone: nothing in here waits, so a draw is never interleaved.

    partitions  of persons that this node holds
    items       of catalogues; None: there are none
    not_here    what a caller is told of a person whom another node holds
    choosing    what grants of delivery choose by, too
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
        items: Items | None = None,
        not_here: NotHere = lone,
    ) -> None:
        self._store = store
        self._releases = releases
        self._progress = progress
        self._marks = marks
        self._partitions = None if len(partitions) == PARTITIONS else frozenset(partitions)
        self._clock_ms = clock_ms
        self._not_here = not_here
        self._rights = Rights(store)
        self.choosing = Choosing(store, releases, progress, clock_ms=clock_ms, items=items)

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
        self._require_held(workspace, user)
        sent = self._store.sent(workspace, send_id)
        if sent is not None:
            return self._repeat(workspace, sent, template, user)
        if self._store.outbox_rows >= OUTBOX_ROWS_MAX:
            raise not_ready("the outbox is full: Kafka has not answered for a long time")
        chosen = self.choosing.choose(workspace, template, user, lambda odds: draw(odds, send_id))
        marks = self._marks.marks(workspace, send_id, chosen.served, given)
        served = msgspec.structs.replace(chosen.served, marks=marks)
        # Before the send is remembered: what cannot be joined was never drawn.
        read = joined(workspace, served, chosen.unfilled, chosen.decision)
        self._store.remember_send(workspace, send_id, served, self._told(workspace, send_id, chosen, served))
        return read

    def _told(self, workspace: WorkspaceId, send_id: SendId, chosen: Chosen, served: Served) -> list[OutboxRow | Drawn]:
        """What is told of a draw: of a candidate as it was, and the exposure is made of that later."""
        world = self.choosing.world_of(chosen.decision)
        if chosen.packed:
            odds = served.probabilities
            return [Drawn(workspace, send_id, served.at_ms, world, served.candidate, odds, chosen.packed)]
        rows: list[OutboxRow | Drawn] = [*self.choosing.refresh_rows(workspace, served)]
        if served.reason != UNKNOWN:
            rows.append(exposure_row(workspace, send_id, served, chosen.decision, world))
        return rows

    def look(self, workspace: WorkspaceId, template: TemplateName, user: UserId, candidate: int | None) -> Read:
        """Show a candidate, the likeliest one that is valid unless told which. Never an exposure.

        Raises:
            Problem: there is no answer with a message.
        """
        self._require_held(workspace, user)
        chosen = self.choosing.choose(workspace, template, user, lambda odds: _pick(odds, candidate))
        rows = self.choosing.refresh_rows(workspace, chosen.served)
        if rows:
            self._store.commit(self._store.batch(), rows)
        message = chosen.unfilled.filled(LOOK_MARKS)
        return Read(workspace, chosen.served, message, chosen.decision)

    def profile(self, workspace: WorkspaceId, user: UserId) -> ToldProfile:
        """What is told of a person. Where that is not of just now, the job is asked to tell anew.

        Raises:
            Problem: nothing is, or the person was erased.
        """
        key = user_key(workspace, user)
        self._require_held(workspace, user)
        packed = self._store.profile(key)
        if packed is None:
            self._ask_to_tell(workspace, user, key)
            # A rebuild drops rows after `is_ready` is taken back: what is not here may be so only for now.
            self.require_ready()
            if self._store.is_profile_erased(workspace, user):
                raise gone()
            raise not_found("unknown_user", "expected a person of whom something is known")
        told = decode(ToldProfile, packed)
        heeded = self._rights.at_draw(workspace, user)
        if heeded is not None and heeded.is_gone(told.version):
            raise gone()
        if self._clock_ms() - told.at_ms > TOLD_MS:
            self._ask_to_tell(workspace, user, key)
        return told

    def _ask_to_tell(self, workspace: WorkspaceId, user: UserId, key: bytes) -> None:
        """Nobody is asked for who is not known: it would make state of any id that is typed in."""
        newest = self._releases.newest(workspace)
        keys = [communication_key(workspace, name, user) for name in newest.templates] if newest else []
        is_known = (
            self._store.profile(key) is not None or any(self._store.entries(keys)) or any(self._store.evicted(keys))
        )
        now_ms = self._clock_ms()
        if is_known and self.choosing.allows_refresh(key, now_ms):
            row = features_refresh_row(workspace, user, now_ms, self._progress.world)
            self._store.commit(self._store.batch(), [row])

    def _require_held(self, workspace: WorkspaceId, user: UserId) -> None:
        if self._partitions is not None and event_partition(workspace, user) not in self._partitions:
            raise self._not_here(workspace, user)

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
        if sent is None or self._is_of_old_life(workspace, user, sent.at_ms):
            raise gone()
        return self._again(workspace, sent)

    def message(self, workspace: WorkspaceId, user: UserId, send_id: SendId) -> Rendered | None:
        """What was drawn for a send, once more; None where it is not remembered, or of somebody erased."""
        found = self._store.sent(workspace, send_id)
        is_own = found is not None and found.person == self._store.names.person(workspace, user)
        if found is None or found.served is None or not is_own:
            return None
        if self._is_of_old_life(workspace, user, found.served.at_ms):
            return None
        return self._again(workspace, found.served).message

    def _is_of_old_life(self, workspace: WorkspaceId, user: UserId, at_ms: int) -> bool:
        """Whether it was sent before an erasure that was asked for here, and of which the job may not know yet."""
        heeded = self._rights.at_draw(workspace, user)
        if heeded is None or not heeded.is_erased:
            return False
        return heeded.grave is None or at_ms <= heeded.grave.erased_ms

    def _again(self, workspace: WorkspaceId, sent: Served) -> Read:
        template = sent.template
        release = self._releases.find(workspace, sent.release)
        if release is None:
            raise not_ready("the release of this send has not been read yet")
        if sent.body:
            return joined(workspace, sent, release.opener.open(sent.body, template, sent.locale), None)
        return joined(workspace, sent, fallback_of(release, template, sent.locale)[1], None)


def joined(workspace: WorkspaceId, served: Served, unfilled: Opened | Whole, decision: Decision | None) -> Read:
    """The answer to a draw: mostly JSON, so joined as that."""
    in_json = unfilled.filled_in_json(served.marks) if isinstance(unfilled, Opened) else None
    whole = unfilled if in_json is not None else unfilled.filled(served.marks)
    return Read(workspace, served, whole, decision, served.marks, in_json)


def _pick(odds: Sequence[float], candidate: int | None) -> int:
    if candidate is None:
        return max(range(len(odds)), key=odds.__getitem__)
    if not 0 <= candidate < len(odds) or odds[candidate] == 0:
        raise not_found("no_candidate", f"expected a valid candidate below {len(odds)}, got {candidate}")
    return candidate
