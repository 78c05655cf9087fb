"""What an anonymous profile keeps for the person it may become."""

import msgspec

from flink_jobs.personalize.consent import may_use
from flink_jobs.personalize.state import UserState
from online_models.cells import TRAIL_BYTES_MAX, TRAIL_EVENT_BYTES_MAX, TRAIL_EVENTS_MAX, Profile, Trail
from online_models.features import observe
from online_models.reactions import is_own
from schemas.consent import ANALYTICS, PERSONALISATION
from schemas.events import BEHAVIOUR, STAYING, Event, decode_event, encode_event
from schemas.library import WorkspaceSettings


def is_kept(profile: Profile, event: Event, settings: WorkspaceSettings) -> bool:
    """Whether an event is to be kept for the person that an anonymous profile may become."""
    if not event.anonymous or event.kind in STAYING:
        return False
    return may_use(event, profile, ANALYTICS, settings.consent)


def keep(state: UserState, event: Event, settings: WorkspaceSettings) -> None:
    """Keep one event of an anonymous profile; what must leave for it stays as features."""
    trail = state.trail.get()
    # MessagePack would be smaller, but these are the log's own bytes: they decode by the same rules.
    is_shown = may_use(event, state.profile, PERSONALISATION, settings.consent)
    packed = encode_event(event if is_shown else msgspec.structs.replace(event, traits={}))
    older = trail.older
    if len(packed) > TRAIL_EVENT_BYTES_MAX:
        _grow_old(older, event, state.profile.timezone, settings)
        state.trail.put(Trail(trail.events, older))
        return
    events = [*trail.events, packed]
    size = sum(map(len, events))
    while len(events) > TRAIL_EVENTS_MAX or size > TRAIL_BYTES_MAX:
        oldest = events.pop(0)
        size -= len(oldest)
        _grow_old(older, decode_event(oldest), state.profile.timezone, settings)
    state.trail.put(Trail(events, older))


def _grow_old(older: Profile, event: Event, timezone: str, settings: WorkspaceSettings) -> None:
    older.timezone = timezone
    if event.kind in BEHAVIOUR and is_own(event):
        observe(older, event, settings)
