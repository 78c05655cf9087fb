"""Opens and clicks: people's are learnt from, machines' are labelled with a reason, counted, and change nothing else.

A scanner's first click comes before the evidence that it is one. So a click waits a bounded log time: what comes
meanwhile may still show that a machine made it. How, and what escapes, stands in docs/humans-only.md.
"""

from msgspec.structs import replace

from flink_jobs.personalize.effects import Effects
from flink_jobs.personalize.following import follow_event
from flink_jobs.personalize.learning import delivered, end_of_window, keep_open, reward, told, void
from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.telling import tell_later
from flink_jobs.worlds import World
from online_models.clicks import CLICK_BYTES_MAX, CLICKS_MAX, HUMAN, Click, judged
from online_models.declared import observe_declared
from online_models.features import observe
from online_models.reactions import (
    BY_PEOPLE,
    BY_SERVICES,
    CLICK,
    DELIVERED,
    OPEN,
    TAPS,
    UNDELIVERED,
    is_hidden,
    link_of,
    outcome_of,
    told_of,
)
from schemas.events import OUTCOME, Event, decode_event, encode_event
from schemas.ids import SendId
from schemas.library import HumanSettings
from schemas.versions import Position

REACTIONS = BY_PEOPLE | BY_SERVICES
"""What becomes of a send."""


def react(state: UserState, event: Event, position: Position, world: World, effects: Effects) -> set[str]:
    """Let in what became of a send; returns what makes another look at the templates due."""
    named = event.properties.get("send_id")
    send_id = SendId(named) if isinstance(named, str) else SendId("")
    if event.name == CLICK and send_id:
        return _wait(state, event, send_id, position, world, effects)
    if event.name in TAPS or event.name == CLICK:
        # On a telephone a second is enough, and there are no links: a tap never waits.
        return _count(state, event, "click", told_of(event), send_id, position.log_ms, world, effects)
    if event.name == OPEN:
        # An open is never a reward: even where no machine made it, it says little.
        return _count(state, event, "open", told_of(event), SendId(""), position.log_ms, world, effects)
    if event.name == OUTCOME and (outcome := outcome_of(event)) is not None:
        is_learnt = told(state, send_id, *outcome, position.log_ms, world, effects)
        return {"learnt"} if is_learnt else set()
    if event.name in UNDELIVERED:
        void(state, send_id, position.log_ms, world, effects)
    elif event.name == DELIVERED:
        delivered(state, send_id, event.at_ms)
    # None of this is a person's doing: only what a workspace declares of such events moves.
    observe_declared(state.profile.declared, event, world.settings.declared)
    return set()


def settle(state: UserState, due_ms: int, world: World, effects: Effects) -> set[str] | None:
    """End what need wait no more at `due_ms`: clicks, else an exposure's window; None where something else is due."""
    if state.profile.exposures_until_ms != due_ms:
        return None
    if any(click.due_ms <= due_ms for click in state.exposures.get().clicks):
        return _end_waiting(state, due_ms, world, effects)
    end_of_window(state, due_ms, world, effects)
    return {"learnt"}


def _wait(
    state: UserState, event: Event, send_id: SendId, position: Position, world: World, effects: Effects
) -> set[str]:
    """Have a click wait for what else comes; one too many ends the oldest's waiting."""
    cell, settings = state.exposures.get(), world.settings.humans
    sent_ms = _sent_ms(state).get(send_id, 0)
    due_ms = position.log_ms + _hold_ms(event, sent_ms, settings)
    new = Click(send_id, link_of(event), event.at_ms, due_ms, told_of(event), _packed(event))
    known = any((click.send_id, click.link) == (new.send_id, new.link) for click in cell.clicks)
    # Another link may be the second of many: what waits goes on waiting for the third. A link that was there is none.
    waiting = cell.clicks if known else _waiting_on(cell.clicks, position.log_ms + settings.hold_ms)
    clicks = judged((*waiting, new), _sent_ms(state), settings)
    over = len(clicks) - CLICKS_MAX
    clicks = tuple(
        replace(click, due_ms=min(click.due_ms, position.log_ms)) if number < over else click
        for number, click in enumerate(clicks)
    )
    keep_open(state, cell.items, clicks)
    if any(click.due_ms <= position.log_ms for click in clicks):
        return _end_waiting(state, position.log_ms, world, effects)
    return set()


def _waiting_on(clicks: tuple[Click, ...], until_ms: int) -> tuple[Click, ...]:
    return tuple(
        replace(click, due_ms=until_ms) if click.waits and click.due_ms < until_ms else click for click in clicks
    )


def _end_waiting(state: UserState, due_ms: int, world: World, effects: Effects) -> set[str]:
    """Count the clicks that have waited long enough, each by what there is to say of it by now.

    Once counted it stays a little longer, as evidence against others.
    """
    cell, settings = state.exposures.get(), world.settings.humans
    clicks = judged(cell.clicks, _sent_ms(state), settings)
    due = [click for click in clicks if click.due_ms <= due_ms and click.waits]
    evident_ms = due_ms + max(settings.pair_ms, settings.burst_ms, settings.messages_ms)
    counted = [replace(click, due_ms=evident_ms, event=b"") for click in due if evident_ms > due_ms]
    left = [click for click in clicks if click.due_ms > due_ms]
    keep_open(state, cell.items, (*counted, *left)[-CLICKS_MAX:])
    causes: set[str] = set()
    for click in due:
        event = decode_event(click.event)
        causes |= _count(state, event, "click", click.reason, click.send_id, due_ms, world, effects)
    return causes


def _count(
    state: UserState,
    event: Event,
    what: str,
    reason: str,
    send_id: SendId,
    at_ms: int,
    world: World,
    effects: Effects,
) -> set[str]:
    """Count one reaction under its label; a person's is learnt from, and moves the features after that."""
    hidden = not reason and is_hidden(event)
    label = f"{what}:{reason or ('image_proxy' if hidden else HUMAN)}"
    counts = state.profile.reactions
    counts[label] = counts.get(label, 0) + 1
    if reason:
        return set()
    causes = {"learnt"} if send_id and reward(state, send_id, at_ms, world, effects) else set()
    if not hidden:
        observe(state.profile, event, world.settings)
        follow_event(state, event, world, at_ms)
        tell_later(state, at_ms)
    return causes


def _hold_ms(event: Event, sent_ms: int, settings: HumanSettings) -> int:
    is_early = sent_ms > 0 and event.at_ms - sent_ms < settings.early_ms
    return settings.early_hold_ms if is_early or event.properties.get("provider") else settings.hold_ms


def _sent_ms(state: UserState) -> dict[SendId, int]:
    """When each open send was delivered, as far as told, or else drawn."""
    return {item.send_id: max(item.delivered_ms, item.at_ms) for item in state.exposures.get().items}


def _packed(event: Event) -> bytes:
    """What a person's click moves features by: no traits, of the context what a person's agent and device tell."""
    context = {name: event.context[name] for name in ("userAgent", "device") if name in event.context}
    packed = encode_event(replace(event, traits={}, context=context))
    if len(packed) <= CLICK_BYTES_MAX:
        return packed
    return encode_event(replace(event, traits={}, context={}, properties={}))
