"""Who a preview is for: a sample person, or nobody in particular, with values changed as asked."""

from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.errors import ConfigError
from schemas.ids import Locale, Tag
from templates.sources import SamplePerson, Workspace

TAGS = "tags."
_NUMBER_LENGTH_MAX = 15


def person_named(workspace: Workspace, name: str) -> SamplePerson:
    """The sample of a file's name or a person's name, in any case.

    Raises:
        ConfigError: there is none.
    """
    for sample in workspace.samples:
        if name.lower() in {slug_of(sample), sample.name.lower()}:
            return sample
    known = ", ".join(slug_of(sample) for sample in workspace.samples) or "none: add samples/<name>.yaml"
    raise ConfigError(f"there is no sample {name!r}; samples of this workspace: {known}")


def everybody(workspace: Workspace) -> tuple[SamplePerson, ...]:
    """All samples, those of whom most is known first; a person of whom nothing is known where there are none."""
    known = sorted(workspace.samples, key=lambda one: (-sum(one.tags.values()), one.name))
    return tuple(known) or (SamplePerson("Nobody", workspace.settings.default_locale),)


def slug_of(sample: SamplePerson) -> str:
    """The name of a person as a file's: `nobody-yet`."""
    return "-".join("".join(char if char.isalnum() else " " for char in sample.name.lower()).split()) or "person"


def as_if(person: SamplePerson, changes: Sequence[str]) -> SamplePerson:
    """A person with values changed: `city=Porto`, `locale=de`, `tags.jazz=5`; nothing after = takes a value away.

    Raises:
        ConfigError: a change is none.
    """
    traits, tags, locale = dict(person.traits), dict(person.tags), person.locale
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise ConfigError(f"--as: expected field=value, got {change!r}")
        if name == "locale":
            locale = Locale(value)
        elif name.startswith(TAGS):
            _put_tag(tags, Tag(name.removeprefix(TAGS)), value)
        elif value:
            traits[name] = _value(value)
        else:
            traits.pop(name, None)
    return msgspec.structs.replace(person, traits=traits, tags=tags, locale=locale)


def _put_tag(tags: dict[Tag, float], tag: Tag, value: str) -> None:
    try:
        weight = float(value or 0)
    except ValueError:
        weight = -1.0
    if not 0.0 <= weight < float("inf"):
        raise ConfigError(f"--as: expected {TAGS}{tag}=NUMBER, from 0 on, got {value!r}")
    if weight:
        tags[tag] = weight
    else:
        tags.pop(tag, None)


def _value(text: str) -> Any:
    """What an event would tell: true and false, numbers, or words.

    >>> _value("true"), _value("3"), _value("007")
    (True, 3, '007')
    """
    if text in {"true", "false"}:
        return text == "true"
    if len(text) <= _NUMBER_LENGTH_MAX:
        for kind in (int, float):
            try:
                if str(kind(text)) == text:
                    return kind(text)
            except ValueError:
                continue
    return text
