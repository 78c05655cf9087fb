"""From a moved profile to finished messages: score, compare with what was emitted, decide, render."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from flink_jobs.personalize.effects import Effects, Output
from flink_jobs.personalize.state import UserState
from flink_jobs.worlds import World
from online_models.candidates import select
from online_models.cells import Emitted, Profile
from online_models.menus import Menu
from online_models.scoring import SlotScores
from online_models.shift import shifted
from online_models.terms import Person
from online_models.vector import situation_of, vector_of
from schemas.decisions import Candidate, Communication, Decision, SlotDecision
from schemas.ids import DecisionId, FieldName, Locale, UserId, WorkspaceId
from schemas.keys import communication_key
from schemas.library import Template
from schemas.versions import Version


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

    def digest(self) -> bytes:
        """Changes when anything shown, or able to be shown, does."""
        own = repr((self.locale, sorted(self.fields.items()), self.menu.variants))
        return blake2b(own.encode(), digest_size=8).digest()


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
    for template in world.templates:
        emitted = profile.emitted.get(template.name)
        if emitted is None:
            own = {"new"}
        elif emitted.release != world.library.release.id:
            own = {"release"}
        elif causes:
            own = causes
        else:
            continue
        person = person_of(state, world, moment.at_ms) if person is None else person
        _look(state, moment, _shown(profile, moment, template), person, own, effects)


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
    cause = _cause(causes, emitted, digest, preference, moment.world)
    if not cause:
        return
    version = profile.next_version()
    key = communication_key(moment.workspace, template.name, moment.user)
    seed = blake2b(version + key, digest_size=8).digest()
    decision = _decide(profile, moment, shown, person, preference, seed, cause)
    effects.outputs.append(Output(key, _communication(moment.world, shown, decision, version)))
    packed = tuple(array("f", probabilities).tobytes() for probabilities in preference.distributions)
    profile.emitted[template.name] = Emitted(moment.world.library.release.id, digest, packed, shown.menu.until_ms)


def _cause(causes: set[str], emitted: Emitted | None, digest: bytes, preference: _Preference, world: World) -> str:
    """Why to render again, as `foresend_render_total` counts it; empty where there is no reason."""
    for forced in ("new", "release", "refresh"):
        if forced in causes:
            return forced
    if emitted is None or emitted.shown != digest:
        return "validity" if "validity" in causes else "shown"
    old = (array("f", packed) for packed in emitted.probabilities)
    moved = zip(old, preference.distributions, strict=True)
    return "shift" if any(shifted(before, now, world.settings.shift) for before, now in moved) else ""


def person_of(state: UserState, world: World, at_ms: int) -> Person:
    """What scoring may use of a person at a moment."""
    profile, settings = state.profile, world.settings
    vector = vector_of(profile, settings, at_ms)
    return Person(
        profile.tags.shares(), situation_of(vector, settings), state.models.get(), profile.hidden, at_ms, vector
    )


def _prefer(world: World, shown: _Shown, person: Person) -> _Preference:
    scores = tuple([scorer.score(person) for scorer in shown.menu.scorers])
    return _Preference(scores, tuple(world.policy.probabilities(s.scores, s.uncertainties) for s in scores))


def _shown(profile: Profile, moment: Moment, template: Template) -> _Shown:
    library = moment.world.library
    locale = library.locale_for(template, profile.locale)
    fields = library.fields_of(template, locale, profile.traits)
    return _Shown(template, moment.world.menu(template.name, moment.at_ms), locale, fields)


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
            )
            for slot, scores, probabilities in columns
        ),
        candidates=_choose(world, shown.menu, preference, int.from_bytes(seed)),
        vector=person.vector,
    )


def _choose(world: World, menu: Menu, preference: _Preference, seed: int) -> tuple[Candidate, ...]:
    """The candidates; none where some slot has nothing valid to say."""
    if not all(preference.distributions):
        return ()
    policy = world.settings.policy
    chosen = select(preference.distributions, menu.rules, policy.candidates, policy.floor, seed)
    return tuple(Candidate(bytes(one.choice), one.probability) for one in chosen)


def _communication(world: World, shown: _Shown, decision: Decision, version: Version) -> Communication:
    """Every candidate rendered whole."""
    library = world.library
    personal = library.personal(shown.template, shown.locale, shown.fields)
    bodies, valid_until = [], []
    for index in range(len(decision.candidates)):
        variants = decision.variants_of(index)
        bodies.append(library.compress(personal.render(variants)))
        ends = [slot[variant] for slot, variant in zip(shown.menu.ends_ms, variants, strict=True)]
        valid_until.append(min((end for end in ends if end), default=0))
    return Communication(version, decision, tuple(bodies), tuple(valid_until), library.release.dictionary_id)
