"""What a made-up person would get: chosen and rendered by the very step that the job runs, without Kafka or Flink."""

from typing import NamedTuple

from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.step import on_event
from flink_jobs.worlds import World, make_world
from online_models.cells import TAGS_MAX
from schemas.decisions import Communication, Decision, Rendered
from schemas.errors import ConfigError
from schemas.events import Event, EventKind
from schemas.ids import EventId, Locale, RecordId, UserId, WorkspaceId
from schemas.keys import user_key
from schemas.library import Release, Template
from schemas.versions import Position
from schemas.worlds import WorldRef
from templates.send_marks import MARKS, Opener, fill
from templates.sources import SamplePerson

LOOK_MARKS = {name: "#" if name.endswith("_url") else "" for name in MARKS}
"""A preview is no send: its links of ours lead nowhere, and it has no pixel."""


class Candidate(NamedTuple):
    """One finished message: what it shows in each slot, how likely it is, and itself."""

    variants: dict[str, str]
    probability: float
    message: Rendered


class Likely(NamedTuple):
    """A variant and how likely it is; the affinity tells how near its tags are to the person, from 0 to 1."""

    variant: str
    probability: float
    affinity: float


class Chosen(NamedTuple):
    """What of one template a person would get, the likeliest first.

    is_default  nothing could be chosen: the default content is the only candidate
    """

    template: Template
    locale: Locale
    candidates: list[Candidate]
    slots: dict[str, list[Likely]]
    is_default: bool


def chosen_for(release: Release, person: SamplePerson, at_ms: int) -> list[Chosen]:
    """All templates of a release for one person at a time.

    The person has agreed to everything, has told the traits, and has engaged with the tags just now.
    """
    world = make_world(release, None)
    state = UserState(user_key(release.workspace, _USER), None, lambda _: None)
    told = _event(EventKind.IDENTIFY, release, at_ms, 0, person)
    on_event(state, told, Position(at_ms, 0, 0), _Worlds(world))
    half_life_ms = release.settings.features.tag_half_life_ms
    for tag, weight in person.tags.items():
        state.profile.tags.add(tag, weight, at_ms, half_life_ms, TAGS_MAX)
    refresh = _event(EventKind.REFRESH, release, at_ms, 1, person)
    effects = on_event(state, refresh, Position(at_ms, 0, 1), _Worlds(world))
    entries = {
        output.value.decision.template: output.value
        for output in effects.outputs
        if isinstance(output.value, Communication) and output.value.decision is not None
    }
    opener = Opener(release)
    return [_chosen(world, template, entries.get(template.name), person, opener) for template in world.templates]


_USER = UserId("preview")


class _Worlds:
    """One world, whatever is asked for."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:  # noqa: ARG002 - see `Worlds`
        return self._world


def _event(kind: EventKind, release: Release, at_ms: int, number: int, person: SamplePerson) -> Event:
    categories = {name: True for name, _ in release.settings.consent.categories}
    return Event(
        workspace=release.workspace,
        user=_USER,
        record_id=RecordId(f"preview-{number}"),
        id=EventId(f"preview-{number}"),
        kind=kind,
        at_ms=at_ms,
        received_ms=at_ms,
        traits={**person.traits, "locale": person.locale} if kind is EventKind.IDENTIFY else {},
        context={"consent": {"categoryPreferences": categories}} if kind is EventKind.IDENTIFY else {},
    )


def _chosen(
    world: World, template: Template, entry: Communication | None, person: SamplePerson, opener: Opener
) -> Chosen:
    decision = entry.decision if entry else None
    if entry is None or decision is None or not decision.candidates:
        return _default(world.library.release, template, world.library.locale_for(template, person.locale))
    candidates = [
        Candidate(
            {slot.slot: one for slot, one in zip(decision.slots, decision.variants_of(index), strict=True)},
            candidate.probability,
            opener.open(body, template.name, decision.locale).filled(LOOK_MARKS),
        )
        for index, (candidate, body) in enumerate(zip(decision.candidates, entry.bodies, strict=True))
    ]
    candidates.sort(key=lambda one: -one.probability)
    return Chosen(template, decision.locale, candidates, likely_of(decision), is_default=False)


def likely_of(decision: Decision) -> dict[str, list[Likely]]:
    """By slot its variants, the likeliest first."""
    return {
        slot.slot: sorted(
            (Likely(*told) for told in zip(slot.variants, slot.probabilities, slot.affinities(), strict=True)),
            key=lambda one: -one.probability,
        )
        for slot in decision.slots
    }


def _default(release: Release, template: Template, locale: Locale) -> Chosen:
    found = release.fallbacks.get(f"{template.name}/{locale}")
    if found is None:
        raise ConfigError(f"{template.name} has no content in {locale}")
    message = fill(found, release.mark_prefix, LOOK_MARKS)
    return Chosen(template, locale, [Candidate({}, 1.0, message)], {}, is_default=True)
