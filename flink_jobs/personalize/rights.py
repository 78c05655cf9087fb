"""Erasure: a versioned grave at once, the tombstones later, and nothing that comes back by itself."""

from collections.abc import Iterable

from connectors.metrics.job import DROPPED_EVENTS
from flink_jobs.counting import Count
from flink_jobs.personalize.consent import GRAVE
from flink_jobs.personalize.effects import Effects, Output
from flink_jobs.personalize.identity import link
from flink_jobs.personalize.linked import ask_to_forget, erase_linked, is_asked_for
from flink_jobs.personalize.permission import keep_suppressed
from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.suppressing import tell_erased
from flink_jobs.personalize.telling import bury_told, tell_grave
from online_models.cells import Emitted, Profile
from schemas.decisions import Communication
from schemas.events import ABOUT_MAIL, BEHAVIOUR, UNSUBSCRIBED, Event, EventKind
from schemas.ids import ReleaseId, TemplateName
from schemas.keys import communication_key
from schemas.versions import TOMBSTONE_AFTER_MS, Position

_OWN = BEHAVIOUR | {EventKind.IDENTIFY, EventKind.ALIAS, EventKind.LINK}
"""Kinds by which somebody begins anew."""


def is_from_before(profile: Profile, event: Event) -> bool:
    """Whether an event belongs to the life that was erased, and so must change nothing.

    What happened or was received up to the erasure does. A grave is left only by own behaviour from after it:
    what tells of messages sent earlier (an exposure, a click, an unsubscription) brings nobody back, and no more does
    what another id passes on: it was linked to the life that is over.
    """
    if not profile.erased_at_ms or event.kind is EventKind.ERASE:
        return False
    if min(event.at_ms, event.received_ms) <= profile.erased_at_ms:
        return True
    if not profile.is_grave:
        return False
    own = event.kind in _OWN and event.name != UNSUBSCRIBED and not event.name.startswith(ABOUT_MAIL)
    return not own or bool(event.via)


def keep_out(state: UserState, event: Event) -> Effects:
    """Let an event from before change nothing; a profile that still passes on to a grave is asked to forget it too."""
    effects = Effects(counts=[Count(DROPPED_EVENTS, (event.workspace, "erased"))])
    if event.via and state.profile.is_grave and event.kind is not EventKind.ERASE:
        listed = {"listed": True} if state.profile.is_listed else {}
        ask_to_forget(event, event.via[-1], effects, listed)
    return effects


def erase(state: UserState, event: Event, position: Position, effects: Effects) -> None:
    """Forget the user: every cell becomes a grave, one is written over each communication, linked ids follow."""
    if not is_asked_for(state.profile, event):
        return
    told = state.profile.emitted
    erase_linked(state, event, effects)
    # By when it was asked for: other ids of the person hear of it later, and an opt-in may come before that.
    tell_erased(state, event.received_ms, effects)
    state.forget()
    # Of whom nothing was ever told something may still be kept: sends that were drawn for anybody.
    state.profile.is_grave = state.profile.is_told = True
    state.profile.erased_at_ms = max(position.log_ms, event.received_ms)
    is_suppressed = keep_suppressed(state, event)
    state.profile.is_listed = event.properties.get("listed") is True and not is_suppressed
    _write_graves(state, told, position, effects)


def take_link(state: UserState, event: Event, position: Position, effects: Effects) -> None:
    """Make a profile part of another's."""
    if link(state, event, effects):
        _dissolve(state, position, effects)


def _dissolve(state: UserState, position: Position, effects: Effects) -> None:
    """Leave nothing of a profile that became part of another's, but whose it is."""
    told, profile = state.profile.emitted, state.profile
    links, linked, consent = profile.links, profile.linked, profile.consent
    state.forget()
    state.profile.links, state.profile.linked, state.profile.consent = links, linked, consent
    state.profile.is_person = profile.is_person
    state.profile.erased_at_ms = profile.erased_at_ms
    _write_graves(state, told, position, effects)


def _write_graves(state: UserState, told: Iterable[TemplateName], position: Position, effects: Effects) -> None:
    profile = state.profile
    profile.tombstone_at_ms = position.log_ms + TOMBSTONE_AFTER_MS
    for template in told:
        profile.emitted[template] = Emitted(release=ReleaseId(""), shown=GRAVE, probabilities=())
        grave = Communication.of_grave(profile.next_version())
        effects.outputs.append(Output(_key(state, template), grave))
    tell_grave(state, effects)


def bury(state: UserState, effects: Effects) -> None:
    """Write the tombstones that were due: the log may forget the user now, the state remembers the grave."""
    for template in state.profile.emitted:
        effects.outputs.append(Output(_key(state, template), None))
    bury_told(state, effects)
    state.profile.emitted = {}
    state.profile.tombstone_at_ms = 0


def _key(state: UserState, template: TemplateName) -> bytes:
    workspace, user = state.owner
    return communication_key(workspace, template, user)
