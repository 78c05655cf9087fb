"""Two people with names, whom anybody may play: what is known of them at first, and what they can do."""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from foresend.simulation.browsing import LOOKED, Deed, placed
from schemas.events import EventKind
from schemas.ids import Locale, Tag, UserId
from schemas.library import MessageClass, Release, TagRule, WorkspaceSettings
from templates.workspace import SamplePerson, Workspace

NAMED = 2
POST_OFFICE = "inbox.example"
"""Where all of them have their mail."""
SUBSCRIBED = "Subscribed"
_LOCAL_PART = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


class NamedPerson(msgspec.Struct, frozen=True):
    """Somebody to play."""

    user: UserId
    name: str
    about: str = ""
    locale: Locale = Locale("")
    traits: Mapping[str, Any] = {}
    tags: Mapping[Tag, float] = {}

    @property
    def address(self) -> str:
        """Where the demo's inbox takes mail for this person."""
        name = self.user.lower()
        local = name if _LOCAL_PART.fullmatch(name) else f"person-{sha256(self.user.encode()).hexdigest()[:12]}"
        return f"{local}@{POST_OFFICE}"


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


def introduction(person: NamedPerson, release: Release) -> list[dict[str, Any]]:
    """Calls by which a person becomes known: who it is, that mail was asked for, and one thing done.

    No more than that, so that the first message is personal, and whoever plays this person sees a difference after a
    click or two.
    """
    own = {"locale": person.locale} if person.locale else {}
    traits = dict(person.traits) | own | {"email": person.address}
    calls: list[dict[str, Any]] = [{"type": EventKind.IDENTIFY.value, "traits": traits}]
    calls += [_opt_in(purpose) for purpose in purposes_of(release)]
    for tag in sorted(person.tags, key=lambda tag: -person.tags[tag])[:1]:
        deeds = (deed_of(release.settings, name, tag) for name in deed_names(release.settings))
        calls += [track(deed) for deed in deeds if deed][:1]
    return [call | {"userId": person.user} for call in calls]


def purposes_of(release: Release) -> list[str]:
    """What somebody has to agree to for all of a release's marketing."""
    marketing = (one for one in release.templates if one.message_class is MessageClass.MARKETING)
    return sorted({template.purpose for template in marketing})


def _opt_in(purpose: str) -> dict[str, Any]:
    """As a sign-up form tells it: what for, and what proves it."""
    properties = {"list_id": purpose, "source": "the demo's sign-up form", "text_version": "1"}
    return {"type": EventKind.TRACK.value, "event": SUBSCRIBED, "properties": properties}


def speaks_to(release: Release, person: NamedPerson) -> bool:
    """Whether the thing that a person has done at first makes any variant nearer: some carries its tag.

    Not so of templates just imported: each of their slots has one variant, without tags.
    """
    calls = introduction(person, release)
    has_deed = any(call["type"] == EventKind.TRACK.value and call["event"] != SUBSCRIBED for call in calls)
    first = sorted(person.tags, key=lambda tag: -person.tags[tag])[:1]
    return has_deed and any(tag in first for tag in tags_of(release))


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
