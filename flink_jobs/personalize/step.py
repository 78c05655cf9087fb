"""What one event does to one user. Pure: same state, event, position and worlds, same effects."""

from connectors.metrics.job import DROPPED_EVENTS
from flink_jobs.counting import Count
from flink_jobs.personalize.compose import ASKED, FORGOTTEN, Moment, compose
from flink_jobs.personalize.consent import (
    UPDATED,
    may,
    may_use,
    take_consent,
    take_said,
    withhold,
)
from flink_jobs.personalize.effects import Effects
from flink_jobs.personalize.following import follow_event
from flink_jobs.personalize.identity import become_person, goes_on, handed_by, pass_on, tells_person
from flink_jobs.personalize.learning import open_exposure
from flink_jobs.personalize.linked import remember_linked
from flink_jobs.personalize.permission import let_pass, take_contact, take_handed
from flink_jobs.personalize.reactions import REACTIONS, react, settle
from flink_jobs.personalize.rights import bury, erase, is_from_before, keep_out, take_link
from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.telling import consent_of, tell, tell_later
from flink_jobs.personalize.trail import is_kept, keep
from flink_jobs.worlds import World, Worlds
from online_models.cells import Profile
from online_models.eligibility import count_shown, merge_repeats
from online_models.features import merge_features, observe, remember_context, remember_facts, remember_traits
from online_models.reactions import is_own
from online_models.repeats import hash_of, is_repeat, remember
from schemas.consent import ANALYTICS, PERSONALISATION
from schemas.decisions import CATALOGUE_ASKED, RELEASE_ASKED
from schemas.events import BEHAVIOUR, SUBSCRIBED, UNSUBSCRIBED, Event, EventKind, check_time
from schemas.profiles import FEATURES_ASKED
from schemas.versions import Position

NO_BEHAVIOUR = frozenset({UPDATED, SUBSCRIBED, UNSUBSCRIBED})
"""Track calls that tell a person's wishes, not what the person does with a brand's things."""


def on_event(state: UserState, event: Event, position: Position, worlds: Worlds) -> Effects:
    """Apply one event to one user.

    Order matters: rights come before everything, own deadlines before the event, and rewards
    before features move, so that a model never sees the future.

    Raises:
        DataError: the event cannot be used; the state was not touched.
    """
    check_time(event.at_ms, event.received_ms)
    world = worlds(event.workspace, state.profile.world.join(event.world))
    event_hash = hash_of(event.id)
    if is_repeat(state.profile.seen, event_hash):
        return Effects(counts=[Count(DROPPED_EVENTS, (event.workspace, "repeated"))])
    if is_from_before(state.profile, event):
        return keep_out(state, event)
    effects = on_deadline(state, position.log_ms, worlds)
    profile = state.profile
    profile.seen = remember(profile.seen, event_hash)
    profile.advance(position)
    profile.world = profile.world.join(event.world)
    effects.changed = True
    if not profile.is_person and tells_person(event):
        become_person(state, event, effects)
    if event.kind is EventKind.ERASE:
        erase(state, event, position, effects)
    elif (person := goes_on(profile, event)) is not None:
        let_pass(event, effects)
        pass_on(event, person, effects)
    elif event.kind is EventKind.LINK:
        take_link(state, event, position, effects)
    elif not (event.kind is EventKind.REFRESH and profile.links):
        is_back, profile.is_grave, profile.tombstone_at_ms = profile.is_grave, False, 0
        causes = _take(state, event, position, world, effects)
        show(state, Moment(event.workspace, event.user, world, position.log_ms), causes, effects)
        if effects.tell_now or is_back:
            tell(state, world, position.log_ms, effects)
    return effects


def on_deadline(state: UserState, until_ms: int, worlds: Worlds) -> Effects:
    """Apply every deadline of the user's own that is due by `until_ms`, each at its own time, in order.

    Called by timers and before each event alike, with the world of the user's newest event: when a timer
    wakes the user makes no difference to what happens.
    """
    effects = Effects()
    while 0 < (due_ms := next_deadline_ms(state)) <= until_ms:
        effects.changed = True
        if state.profile.tombstone_at_ms == due_ms:
            bury(state, effects)
            continue
        workspace, user = state.owner
        world = worlds(workspace, state.profile.world)
        if state.profile.tell_at_ms == due_ms:
            tell(state, world, due_ms, effects)
            continue
        causes = settle(state, due_ms, world, effects) or set()
        if any(0 < emitted.until_ms <= due_ms for emitted in state.profile.emitted.values()):
            causes = causes | {"validity"}
        show(state, Moment(workspace, user, world, due_ms), causes, effects)
        _pass_validity(state, world, due_ms)
    return effects


def next_deadline_ms(state: UserState) -> int:
    """When something becomes due for this user without any event; 0 where nothing will."""
    profile = state.profile
    earliest = profile.tombstone_at_ms
    # Asked for three times on each event: a loop costs a third of `min` over a generator.
    until_ms = [emitted.until_ms for emitted in profile.emitted.values()]
    for date in (profile.tell_at_ms, profile.exposures_until_ms, *until_ms):
        if date and (date < earliest or not earliest):
            earliest = date
    return earliest


def _pass_validity(state: UserState, world: World, at_ms: int) -> None:
    """Wait for the next date where one has come, also where what may be shown since gave the same message."""
    for template, emitted in state.profile.emitted.items():
        if 0 < emitted.until_ms <= at_ms:
            is_known = template in world.template_names
            emitted.until_ms = world.menu(template, at_ms).until_ms if is_known else 0


def show(state: UserState, moment: Moment, causes: set[str], effects: Effects) -> None:
    """Look at the person's messages: chosen ones where that is agreed to, else none of the person's own."""
    if may(state.profile, PERSONALISATION, moment.world.settings.consent):
        compose(state, moment, causes, effects)
    elif state.profile.emitted:
        withhold(state, effects)


def _take(state: UserState, event: Event, position: Position, world: World, effects: Effects) -> set[str]:
    """Let one event of a living user into the state; returns what makes another look at the templates due.

    Rights first: they act for everybody. The rest is for who agreed to it.
    """
    profile, settings = state.profile, world.settings
    said = (consent_of(profile), profile.linked)
    causes = {"consent"} if take_consent(state, event, settings.consent, effects) else set()
    if event.kind is EventKind.MERGE:
        handed = handed_by(event)
        if take_said(state, handed.features.consent, settings.consent, effects):
            causes.add("consent")
        is_reached_otherwise = take_handed(state, handed.contact, effects)
        if may(profile, PERSONALISATION, settings.consent):
            merge_repeats(profile, handed.features)
    else:
        is_reached_otherwise = take_contact(state, event, effects)
    if "consent" in causes and not may(profile, ANALYTICS, settings.consent):
        causes.add(FORGOTTEN)
    remember_linked(profile, event, effects)
    if is_kept(profile, event, settings):
        keep(state, event, settings)
    causes |= _remember(profile, event, world)
    shown = event.exposure
    if shown is not None and shown.candidate >= 0 and may(profile, PERSONALISATION, settings.consent):
        count_shown(profile, shown, world.conditions.counted)
    effects.tell_now = is_reached_otherwise or "shown" in causes or said != (consent_of(profile), profile.linked)
    if event.kind is EventKind.REFRESH:
        causes |= _asked(event)
        effects.tell_now |= event.properties.get("reason") == FEATURES_ASKED
    elif may_use(event, profile, ANALYTICS, settings.consent):
        causes |= _learn(state, event, position, world, effects)
        tell_later(state, position.log_ms)
    elif event.kind is EventKind.EXPOSURE or (event.kind in BEHAVIOUR and event.name not in NO_BEHAVIOUR):
        effects.counts.append(Count(DROPPED_EVENTS, (event.workspace, "no_consent")))
    return causes


def _asked(event: Event) -> set[str]:
    """What a refresh asks for: one template, or all; or no more than a look at what has changed by itself."""
    reason, template = event.properties.get("reason"), event.properties.get("template")
    if reason in (FEATURES_ASKED, RELEASE_ASKED):
        return set()
    if reason == CATALOGUE_ASKED:
        return {CATALOGUE_ASKED}
    return {ASKED + template if isinstance(template, str) else ASKED}


def _remember(profile: Profile, event: Event, world: World) -> set[str]:
    """Keep the person's own values that an event tells: those that messages show, and those that models look at."""
    settings, causes = world.settings, set()
    before = (profile.locale, profile.timezone, dict(profile.traits))
    if event.kind is EventKind.IDENTIFY and may_use(event, profile, PERSONALISATION, settings.consent):
        remember_traits(profile, event, world.shown_traits, world.conditions.traits)
        if remember_facts(profile, event, settings.learning):
            causes.add("moved")
    elif event.kind is EventKind.IDENTIFY or (event.kind in BEHAVIOUR and is_own(event)):
        remember_context(profile, event)
    if before != (profile.locale, profile.timezone, profile.traits):
        causes.add("shown")
    return causes


def _learn(state: UserState, event: Event, position: Position, world: World, effects: Effects) -> set[str]:
    """What a person did, and what became of what was shown."""
    profile = state.profile
    if event.kind is EventKind.EXPOSURE:
        profile.sends.sent(event.at_ms)
        return {"learnt"} if open_exposure(state, event, position, world, effects) else set()
    if event.kind is EventKind.MERGE:
        merge_features(profile, handed_by(event).features)
        return {"moved"}
    if event.kind not in BEHAVIOUR or event.name in NO_BEHAVIOUR:
        return set()
    if event.name in REACTIONS:
        return react(state, event, position, world, effects)
    observe(profile, event, world.settings)
    follow_event(state, event, world, position.log_ms)
    return set()
