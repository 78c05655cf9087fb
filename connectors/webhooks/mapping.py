"""What a provider's payloads mean, as its file in `providers/` declares it."""

import json
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from schemas.errors import ConfigError
from templates.problems import Problem
from templates.yaml_files import Document, read_yaml

FOLDER = Path(__file__).with_name("providers")
SCHEMA = Path(__file__).with_name("provider.schema.json")
RECEIVED = "Email Received"
"""The only name whose person is the sender."""

Paths = tuple[str, ...]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a mapping; its schema tells of the fields."""


class Unwrap(_Part, frozen=True):
    """What lies in `at` takes the place of what is around it, which is kept as `^`. `json`: it is a text of JSON."""

    at: str
    json: bool = False


class Names(_Part, frozen=True):
    """Event names: `names` by the provider's name, or by `name/qualifier`. None: it tells of no person.

    unnamed  one of these paths must be there in an event without a name, which is then called as `""` says
    """

    paths: Paths
    names: dict[str, str | None]
    qualifiers: Paths = ()
    unnamed: Paths = ()


class Time(_Part, frozen=True):
    """When it happened. `iso`: ISO 8601; `s`: seconds since 1970."""

    paths: Paths
    unit: Literal["iso", "s"]


class Machine(_Part, frozen=True):
    """The provider's own flag of machines; `words` puts some of its values otherwise, empty: not flagged."""

    paths: Paths
    words: dict[str, str] = {}


class Bounces(_Part, frozen=True):
    """Where the code stands (any text that holds it), and the provider's own word, for where codes say nothing."""

    codes: Paths
    paths: Paths = ()
    words: dict[str, Literal["hard", "soft", "block"]] = {}
    otherwise: Literal["hard", "soft", "block"] = "soft"


class ProviderMapping(_Part, frozen=True):
    """One provider.

    known_by    alternatives: paths that are all there in an event of this provider and in no other's
    guessed_by  paths that are there, or with `!` are not: known by them too where it has a known name. Examples that
                people shorten lack what else an event is known by
    recipients  lists of those an event is about: one event each
    address     of whom it is about; sender: of whom it is from, if it was received
    id          alternatives: paths whose values together are the same for repeats, and for nothing else
    arguments   where our own stand; `{}` is `foresend_send_id`, `{Header}` is `Foresend-Send-Id`, and so on
    """

    provider: str
    known_by: tuple[Paths, ...]
    event: Names
    time: Time
    address: Paths
    id: tuple[Paths, ...]
    arguments: Paths
    properties: dict[str, Paths]
    bounces: Bounces
    guessed_by: Paths = ()
    unwrap: tuple[Unwrap, ...] = ()
    recipients: Paths = ()
    sender: Paths = ()
    machine: Machine = Machine(())
    context: dict[str, Paths] = {}


@cache
def providers() -> dict[str, ProviderMapping]:
    """Every provider by name, in the order of their files.

    Raises:
        ConfigError: a file is not as its schema tells.
    """
    found = [load_provider(file) for file in sorted(FOLDER.glob("*.yaml"))]
    return {one.provider: one for one in found}


def load_provider(file: Path) -> ProviderMapping:
    """The mapping in a file.

    Raises:
        ConfigError: with every problem found.
    """
    document = read_yaml(file.parent, file.name)
    if isinstance(document, Problem):
        raise ConfigError(str(document))
    errors = sorted(_validator().iter_errors(document.value), key=lambda error: str(list(error.absolute_path)))
    if errors:
        raise ConfigError([_told(document, one) for one in errors])
    return msgspec.convert(document.value, ProviderMapping)


def _told(document: Document, error: ValidationError) -> str:
    path = list(error.absolute_path)
    return f"{document.file}:{document.place(*path)[0]}: {'.'.join(map(str, path))}: {error.message}"


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text()))
