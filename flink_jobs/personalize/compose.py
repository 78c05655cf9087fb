"""From a moved profile to finished messages: score, compare with what was emitted, decide, render."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from connectors.metrics.job import DECISIONS
from flink_jobs.counting import Count
from flink_jobs.personalize.consent import GRAVE
from flink_jobs.personalize.effects import Effects, Output
from flink_jobs.personalize.picks import Picks, cause_of, digest_of, names_of, picked, rules_with, until_of
from flink_jobs.personalize.state import UserState
from flink_jobs.worlds import World
from online_models.candidates import select
from online_models.cells import Emitted, Profile
from online_models.eligibility import facts_of
from online_models.menus import Menu
from online_models.policies.shares import projected
from online_models.scoring import SlotScores
from online_models.shift import shifted
from online_models.terms import Person
from online_models.vector import situation_of, vector_of
from schemas.decisions import Candidate, Communication, Decision, SlotDecision
from schemas.ids import DecisionId, FieldName, Locale, TemplateName, UserId, WorkspaceId
from schemas.keys import communication_key
from schemas.library import Template
from schemas.versions import Version

PART_BYTES = 8
"""Of each part of what a message shows: `_Shown.digest`."""
ITEMS_FROM = 2 * PART_BYTES
"""Where in it the part of items begins, where there are any."""
ASKED = "refresh "
"""Begins the cause of a template that was asked for; alone it is that of all of them."""
FORGOTTEN = "forgotten"
"""Cause: what the messages were chosen by may not be known any more."""


@dataclass(frozen=True, slots=True)
class Moment:
    """For whom, with which world, and at which log time templates are looked at."""

    workspace: WorkspaceId
    user: UserId
    world: World
    at_ms: int


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a message of one template would be made of, at one moment."""

    template: Template
    menu: Menu
    locale: Locale
    fields: Mapping[FieldName, str]
    picks: Picks

    def digest(self) -> bytes:
        """Changes when anything shown, or able to be shown, does: the person's own, what is allowed, and items."""
        own = (self.locale, sorted(self.fields.items()))
        return blake2b(repr(own).encode(), digest_size=PART_BYTES).digest() + self.menu.digest + digest_of(self.picks)


@dataclass(frozen=True, slots=True)
class _Preference:
    """What the models and the policy make of a user, slot by slot."""

    scores: tuple[SlotScores, ...]
    distributions: tuple[tuple[float, ...], ...]


def compose(state: UserState, moment: Moment, causes: set[str], effects: Effects) -> None:
    """Render each active template again whose distribution shifted, or of which something shown changed.

    Most events end in the first lines: the preference vector has hardly moved, so nothing is scored.
    """
    profile, world = state.profile, moment.world
    if profile.moved > world.settings.shift.preference:
        causes = causes | {"moved"}
        profile.moved = 0.0
    _withdraw_gone(state, moment, effects)
    person: Person | None = None
    asks = world.conditions.asks
    facts = None if asks is None else facts_of(profile, world.settings, moment.at_ms, asks)
    for template in world.templates:
        emitted = profile.emitted.get(template.name)
        menu = world.menu(template.name, moment.at_ms)
        if facts is not None:
            menu = menu.open_to(facts, profile.repeats)
        is_known = emitted is not None and emitted.release == world.library.release.id
        if is_known and not concerns(causes, template.name) and _still_open(emitted, menu):
            continue
        person = person_of(state, world, moment.at_ms) if person is None else person
        _look(state, moment, _shown(profile, moment, template, menu, person), person, causes, effects)


def _still_open(emitted: Emitted | None, menu: Menu) -> bool:
    """Whether the person may be shown just what was emitted for: conditions may have another answer at every event."""
    return not menu.is_gated or (emitted is not None and emitted.shown[PART_BYTES:ITEMS_FROM] == menu.digest)


def concerns(causes: set[str], template: TemplateName) -> bool:
    """Whether any cause is one to look at a template: that another one is asked for is none."""
    return any(not cause.startswith(ASKED) or cause in {ASKED, ASKED + template} for cause in causes)


def _withdraw_gone(state: UserState, moment: Moment, effects: Effects) -> None:
    """A template that the release has no more leaves nothing behind that could be sent."""
    emitted = state.profile.emitted
    if emitted.keys() <= moment.world.template_names:
        return
    for name in [name for name in emitted if name not in moment.world.template_names]:
        effects.outputs.append(Output(communication_key(moment.workspace, name, moment.user), None))
        del emitted[name]


def _look(
    state: UserState,
    moment: Moment,
    shown: _Shown,
    person: Person,
    causes: set[str],
    effects: Effects,
) -> None:
    """Score one template, and write its communication anew if that is called for."""
    profile, template = state.profile, shown.template
    preference = _prefer(moment.world, shown, person)
    emitted = profile.emitted.get(template.name)
    digest = shown.digest()
    cause = _cause(causes, emitted, digest, preference, moment, shown)
    if not cause:
        if emitted is not None and 0 < emitted.until_ms <= moment.at_ms:
            # A date came and changed nothing for this person: the next one counts, of variants and of items.
            emitted.until_ms = until_of(shown.picks, shown.menu.until_ms)
        return
    version = profile.next_version()
    key = communication_key(moment.workspace, template.name, moment.user)
    seed = blake2b(version + key, digest_size=8).digest()
    decision = _decide(profile, moment, shown, person, preference, seed, cause)
    effects.outputs.append(Output(key, _communication(moment.world, shown, decision, version)))
    effects.counts.append(Count(DECISIONS, (moment.workspace, template.name, cause)))
    packed = tuple(array("f", probabilities).tobytes() for probabilities in preference.distributions)
    release, until_ms = moment.world.library.release.id, until_of(shown.picks, shown.menu.until_ms)
    names = names_of(template, shown.picks)
    profile.emitted[template.name] = Emitted(release, digest, packed, until_ms, names)


def _cause(
    causes: set[str],
    emitted: Emitted | None,
    digest: bytes,
    preference: _Preference,
    moment: Moment,
    shown: _Shown,
) -> str:
    """Why to render again, one of `schemas.decisions.CAUSES`; empty where there is no reason."""
    if emitted is None or emitted.shown == GRAVE:
        return "new"
    if not emitted.release or FORGOTTEN in causes:
        return "consent"
    if emitted.release != moment.world.library.release.id:
        return "release"
    if ASKED + shown.template.name in causes or ASKED in causes:
        return "refresh"
    if emitted.shown != digest:
        if emitted.shown[:ITEMS_FROM] == digest[:ITEMS_FROM]:
            return cause_of(shown.template, shown.picks, emitted.slates)
        return _what_changed(causes, emitted, digest, moment.at_ms)
    old = (array("f", packed) for packed in emitted.probabilities)
    moved = zip(old, preference.distributions, strict=True)
    return "shift" if any(shifted(before, now, moment.world.settings.shift) for before, now in moved) else ""


def _what_changed(causes: set[str], emitted: Emitted, digest: bytes, at_ms: int) -> str:
    """Which part of what is shown, or able to be shown, is another than before."""
    if emitted.shown[:PART_BYTES] != digest[:PART_BYTES]:
        return "consent" if "consent" in causes else "shown"
    is_due = "validity" in causes or 0 < emitted.until_ms <= at_ms
    return "validity" if is_due else "eligible"


def person_of(state: UserState, world: World, at_ms: int) -> Person:
    """What scoring may use of a person at a moment."""
    profile, settings = state.profile, world.settings
    vector = vector_of(profile, settings, at_ms)
    return Person(
        profile.tags.shares(), situation_of(vector, settings), state.models.get(), profile.hidden, at_ms, vector, {}
    )


def _prefer(world: World, shown: _Shown, person: Person) -> _Preference:
    scores = tuple(
        [
            shown.picks[place].scores if place in shown.picks else one
            for place, one in enumerate(shown.menu.scores(person))
        ]
    )
    chosen = [world.policy.probabilities(one.scores, one.uncertainties) for one in scores]
    return _Preference(scores, tuple(map(projected, chosen, shown.menu.shares)))


def _shown(profile: Profile, moment: Moment, template: Template, menu: Menu, person: Person) -> _Shown:
    library, key = moment.world.library, communication_key(moment.workspace, template.name, moment.user)
    locale = library.locale_for(template, profile.locale)
    fields = library.fields_of(template, locale, profile.traits)
    picks = picked(moment.world, template, person, profile.emitted.get(template.name), key)
    return _Shown(template, menu, locale, fields, picks)


def _decide(
    profile: Profile,
    moment: Moment,
    shown: _Shown,
    person: Person,
    preference: _Preference,
    seed: bytes,
    cause: str,
) -> Decision:
    template, world = shown.template, moment.world
    columns = zip(template.slots, preference.scores, preference.distributions, strict=True)
    return Decision(
        id=DecisionId(seed.hex()),
        workspace=moment.workspace,
        template=template.name,
        user=moment.user,
        release=world.library.release.id,
        world=profile.world,
        locale=shown.locale,
        policy=world.settings.policy.kind,
        cause=cause,
        at_ms=moment.at_ms,
        slots=tuple(
            SlotDecision(
                slot.name,
                scores.variants,
                probabilities,
                scores.terms.tobytes(),
                scores.affinities.tobytes(),
                scores.weights.tobytes(),
                array("f", scores.uncertainties).tobytes(),
                scores.experience,
                person.models.packed_of(template.name, slot.name),
                slot.catalogue if place in shown.picks else "",
            )
            for place, (slot, scores, probabilities) in enumerate(columns)
        ),
        candidates=_choose(world, shown, preference, int.from_bytes(seed)),
        vector=person.vector,
        hidden=person.hidden if world.trained.sequence is not None else b"",
        taste=person.models.taste if world.trained.has_collaborative else b"",
    )


def _choose(world: World, shown: _Shown, preference: _Preference, seed: int) -> tuple[Candidate, ...]:
    """The candidates; none where some slot has nothing valid to say."""
    if not all(preference.distributions):
        return ()
    policy = world.settings.policy
    rules = rules_with(shown.template, shown.menu.rules, shown.menu.variants, shown.picks)
    chosen = select(preference.distributions, rules, policy.candidates, policy.floor, seed)
    return tuple(Candidate(bytes(one.choice), one.probability) for one in chosen)


def _communication(world: World, shown: _Shown, decision: Decision, version: Version) -> Communication:
    """Every candidate rendered whole."""
    library = world.library
    own = {place: slates.words for place, slates in shown.picks.items()}
    personal = library.personal(shown.template, shown.locale, shown.fields, own)
    ends_ms = [
        shown.picks[place].ends_ms if place in shown.picks else ends for place, ends in enumerate(shown.menu.ends_ms)
    ]
    bodies, valid_until = [], []
    for index in range(len(decision.candidates)):
        variants = decision.variants_of(index)
        bodies.append(personal.body(variants))
        ends = [slot[variant] for slot, variant in zip(ends_ms, variants, strict=True)]
        valid_until.append(min((end for end in ends if end), default=0))
    return Communication(version, decision, tuple(bodies), tuple(valid_until), library.release.dictionary_id)
