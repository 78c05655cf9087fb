"""Consent, by purpose: what a person said last holds, and withdrawal forgets at once.

It governs what may be learnt and what may be shown. Permission to send is another thing (`permission`).
"""

from collections.abc import Mapping

import msgspec

from flink_jobs.personalize.effects import Effects, Output
from flink_jobs.personalize.state import UserState
from online_models.cells import Emitted, Profile, Said, Trail
from online_models.features import forget_features
from schemas.consent import ANALYTICS, PERSONALISATION, statement_of
from schemas.decisions import Communication
from schemas.events import Event, decode_event, encode_event
from schemas.ids import ReleaseId
from schemas.keys import communication_key
from schemas.library import ConsentSettings

UPDATED = "Segment Consent Preference Updated"
"""Tells consent and nothing else: no behaviour."""
GRAVE = b"grave"
"""In place of what was shown of a message: an erasure's grave stands there, which says that nobody is known."""
WITHHELD = "consent"
"""Why default content is served in place of a person's own."""


def may(profile: Profile, purpose: str, settings: ConsentSettings) -> bool:
    """Whether a purpose is agreed to: as said last; where nothing was ever said, as the workspace's setting tells."""
    said = profile.consent.get(purpose)
    return settings.missing if said is None else said.granted


def may_use(event: Event, profile: Profile, purpose: str, settings: ConsentSettings) -> bool:
    """Whether one event may be used for a purpose: the person agrees now, and did when it happened."""
    if not may(profile, purpose, settings):
        return False
    statement = statement_of(event.context, settings)
    if statement is not None:
        return statement[purpose]
    said = profile.consent.get(purpose)
    return said is None or event.at_ms >= said.since_ms


def take_consent(state: UserState, event: Event, settings: ConsentSettings, effects: Effects) -> bool:
    """Let what an event says of consent hold from now on. Returns whether that changed what may be done.

    Of two statements the later one holds, by when they were made; but none is dated later than it was received: it
    could not be taken back.
    """
    statement = statement_of(event.context, settings)
    if statement is None:
        return False
    at_ms = min(event.at_ms, event.received_ms)
    told = {purpose: Said(granted, at_ms) for purpose, granted in statement.items()}
    return take_said(state, told, settings, effects)


def take_said(state: UserState, told: Mapping[str, Said], settings: ConsentSettings, effects: Effects) -> bool:
    """Let statements hold where no later ones do. Returns whether that changed what may be done."""
    profile = state.profile
    before = [may(profile, purpose, settings) for purpose in (ANALYTICS, PERSONALISATION)]
    for purpose, new in told.items():
        said = profile.consent.get(purpose)
        if said is None or new.at_ms >= said.at_ms:
            profile.consent = {**profile.consent, purpose: new if said is None else _after(said, new)}
    after = [may(profile, purpose, settings) for purpose in (ANALYTICS, PERSONALISATION)]
    if before == after:
        return False
    _withdraw(state, may_learn=after[0], may_show=after[1], effects=effects)
    return True


def _after(said: Said, new: Said) -> Said:
    """What holds now. A consent after a refusal is one to what happens from then on."""
    again_ms = new.at_ms if new.granted and not said.granted else 0
    return Said(new.granted, new.at_ms, max(said.since_ms, new.since_ms, again_ms))


def withhold(state: UserState, effects: Effects) -> None:
    """Put a note in the place of each message, by which the gateway serves default content."""
    workspace, user = state.owner
    profile = state.profile
    for template, emitted in profile.emitted.items():
        if not emitted.release and emitted.shown != GRAVE:
            continue
        # What is left tells that a record stands under this key, which an erasure must find.
        profile.emitted[template] = Emitted(release=ReleaseId(""), shown=b"", probabilities=())
        note = Communication.of_withheld(profile.next_version(), WITHHELD)
        effects.outputs.append(Output(communication_key(workspace, template, user), note))


def _withdraw(state: UserState, *, may_learn: bool, may_show: bool, effects: Effects) -> None:
    """Forget what is not agreed to any more."""
    if not (may_learn and may_show):
        state.forget_models()
    if not may_learn:
        forget_features(state.profile)
        _forget_slates(state.profile)
        state.trail.put(Trail())
    if not may_show:
        state.profile.traits, state.profile.repeats = {}, {}
        trail = state.trail.get()
        if trail.events:
            state.trail.put(Trail([without_traits(packed) for packed in trail.events], trail.older))
        withhold(state, effects)


def _forget_slates(profile: Profile) -> None:
    """Let no items stay because they were there: what they were chosen by may not be known any more."""
    profile.emitted = {name: msgspec.structs.replace(one, slates=()) for name, one in profile.emitted.items()}


def without_traits(packed: bytes) -> bytes:
    """A packed event, without what it tells of who somebody is."""
    event = decode_event(packed)
    return encode_event(msgspec.structs.replace(event, traits={})) if event.traits else packed
