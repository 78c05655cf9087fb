"""People with everything that a user's state holds: two hundred events, and as many open exposures as are kept."""

from collections import defaultdict

from msgspec.structs import replace

from foresend.bench.people import SEED
from foresend.bench.taught_people import Lives, sizes_of
from foresend.simulation.behaviour_log import behaviour_log
from online_models.cells import OPEN_EXPOSURES_MAX
from schemas.events import Event, EventKind, decode_event
from schemas.ids import EventId, RecordId, SendId, UserId
from schemas.topics import DAY_MS

EVENTS = 200
SERVED_EVERY, CLICKED_EVERY = 10, 40
"""Events between two exposures, and between two that are clicked at once."""
BEFORE_LAST = EVENTS - 2 * OPEN_EXPOSURES_MAX
LAST_EVERY_MS = DAY_MS // 8
SPAN_MS = 180 * DAY_MS
LATER_MS = 1_000


def full_cells(lives: Lives, people: int, start_ms: int) -> list[tuple[int, int]]:
    """The bytes of the hot cell and of all cells of each of so many people.

    They are others than the model people, known to the same step, and scored with the same models.
    """
    log = behaviour_log(
        lives.release, seed=SEED, users=2 * people, events=8 * people * EVENTS, start_ms=start_ms, span_ms=SPAN_MS
    )
    done: dict[UserId, list[Event]] = defaultdict(list)
    for event in log:
        if len(done[event.user]) < EVENTS:
            done[event.user].append(event)
    busy = [events for events in done.values() if len(events) == EVENTS]
    return [sizes_of(lives.cells[_lived(lives, events)]) for events in busy[:people]]


def _lived(lives: Lives, events: list[Event]) -> UserId:
    """Let one person do all this, with exposures on the way, and as many at the end as may be open."""
    user, at_ms = UserId(f"busy-{events[0].user}"), 0
    for number, event in enumerate(events):
        # The last ones within a few days, so that no exposure among them ends meanwhile.
        at_ms = event.at_ms if number < BEFORE_LAST else at_ms + LAST_EVERY_MS
        lives.apply(replace(event, user=user, at_ms=at_ms, received_ms=at_ms), at_ms)
        if number >= BEFORE_LAST:
            if number % 2:
                _serve(lives, user, number, at_ms + LATER_MS)
        elif number % SERVED_EVERY == SERVED_EVERY - 1:
            send_id = _serve(lives, user, number, at_ms + LATER_MS)
            if number % CLICKED_EVERY == CLICKED_EVERY - 1:
                lives.apply(_click(event, user, send_id, at_ms + 60 * LATER_MS), at_ms + 60 * LATER_MS)
    return user


def _serve(lives: Lives, user: UserId, number: int, at_ms: int) -> SendId:
    send_id = SendId(f"{user}-{SEED}-{number}")
    value = lives.serve(user, send_id, at_ms)
    if value:
        lives.apply(decode_event(value), at_ms)
    return send_id


def _click(event: Event, user: UserId, send_id: SendId, at_ms: int) -> Event:
    """A click of a person on what was sent."""
    return replace(
        event,
        user=user,
        record_id=RecordId(f"click-{event.record_id}"),
        id=EventId(f"click-{event.id}"),
        kind=EventKind.TRACK,
        name="Email Link Clicked",
        properties={"send_id": send_id},
        traits={},
        at_ms=at_ms,
        received_ms=at_ms,
    )
