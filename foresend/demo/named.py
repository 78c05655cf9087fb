"""Two people with names, whom anybody may play: what is known of them at first, and what they can do."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from foresend.demo.browsing import LOOKED, Deed, placed
from schemas.events import EventKind
from schemas.ids import Locale, Tag, UserId
from schemas.library import Release, TagRule, WorkspaceSettings
from templates.workspace import SamplePerson, Workspace

NAMED = 2


class NamedPerson(msgspec.Struct, frozen=True):
    """Somebody to play."""

    user: UserId
    name: str
    about: str = ""
    locale: Locale = Locale("")
    traits: Mapping[str, Any] = {}
    tags: Mapping[Tag, float] = {}


def named_people(workspace: Workspace, release: Release, others: Sequence[UserId]) -> tuple[NamedPerson, ...]:
    """The two of the workspace's samples of whom most is known; where it has none, two others with a taste each."""
    known = sorted(
        (sample for sample in workspace.samples if sample.tags), key=lambda one: (-sum(one.tags.values()), one.name)
    )
    people = [_of_sample(sample) for sample in known[:NAMED]]
    tags = [tag for tag in tags_of(release) if any(_says(rule, tag) for rule in release.settings.tags)]
    for number, user in enumerate(others[: NAMED - len(people)]):
        people.append(NamedPerson(user, user, tags=dict.fromkeys(tags[number : number + 1], 1.0)))
    return tuple(sorted(people, key=lambda one: one.user))


def _of_sample(sample: SamplePerson) -> NamedPerson:
    user = UserId("".join(letter if letter.isalnum() else "-" for letter in sample.name.lower()))
    return NamedPerson(user, sample.name, sample.about, sample.locale, sample.traits, sample.tags)


def introduction(person: NamedPerson, settings: WorkspaceSettings) -> list[dict[str, Any]]:
    """Calls by which a person becomes known: who it is, and one thing done, so that the first message is personal.

    No more than that, so that whoever plays this person sees a difference after a click or two.
    """
    traits = dict(person.traits) | ({"locale": person.locale} if person.locale else {})
    calls: list[dict[str, Any]] = [{"type": EventKind.IDENTIFY.value, "traits": traits}]
    for tag in sorted(person.tags, key=lambda tag: -person.tags[tag])[:1]:
        deeds = (deed_of(settings, name, tag) for name in deed_names(settings))
        calls += [track(deed) for deed in deeds if deed][:1]
    return [call | {"userId": person.user} for call in calls]


def track(deed: Deed) -> dict[str, Any]:
    """A deed as a track call, but for whose it is."""
    return {"type": EventKind.TRACK.value, "event": deed.name, "properties": deed.properties}


def deed_names(settings: WorkspaceSettings) -> list[str]:
    """What people of a workspace can do so that it counts, by its tag rules: names of events."""
    names = [name for rule in settings.tags for name in rule.events or (LOOKED,)]
    return list(dict.fromkeys(names))


def deed_of(settings: WorkspaceSettings, name: str, tag: Tag) -> Deed | None:
    """An event of this name that engages with the tag; None where no rule makes that of it."""
    rules = [rule for rule in settings.tags if name in (rule.events or (LOOKED,)) and _says(rule, tag)]
    if not rules:
        return None
    rule = max(rules, key=lambda rule: rule.weight)
    return Deed(name, placed(rule.property.split("."), tag[len(rule.prefix) :]))


def _says(rule: TagRule, tag: Tag) -> bool:
    return rule.weight > 0 and tag.startswith(rule.prefix) and len(tag) > len(rule.prefix)


def tags_of(release: Release) -> list[Tag]:
    """Every tag of any variant, by name."""
    slots = (slot for template in release.templates for slot in template.slots)
    return sorted({tag for slot in slots for variant in slot.variants for tag in variant.tags})
