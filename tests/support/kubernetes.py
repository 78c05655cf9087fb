"""Rendered manifests, and what their schemas say of them."""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from kubernetes_validate import utils
from referencing import Registry, Resource

from tests.support import manifests
from tests.support.manifests import ROOT

Manifest = dict[str, Any]
OLDEST = "1.30"
"""The oldest Kubernetes that the manifests are for: since then a preStop hook may sleep."""
NEWEST = utils.latest_version()
CUSTOM_KINDS = ROOT / "tests/deploy/schemas/custom_kinds.json"
FREE = {"annotations", "labels", "matchLabels", "nodeSelector", "data", "config", "flinkConfiguration"}
FREE |= {"logConfiguration", "requests", "limits"}
"""Names of mappings that may hold any key."""


def rendered(overlay: str) -> list[Manifest]:
    """Every manifest of an overlay, to be changed at will."""
    return deepcopy(manifests.rendered(overlay))


def problems(manifest: Manifest, version: str = NEWEST) -> list[str]:
    """What the API server would refuse of it, as `field: reason`."""
    errors = _validator(manifest["apiVersion"], manifest["kind"], version).iter_errors(manifest)
    return [f"{manifest['kind']} {one.json_path}: {one.message[:200]}" for one in errors]


@cache
def _validator(api_version: str, kind: str, version: str) -> Draft202012Validator:
    custom = json.loads(CUSTOM_KINDS.read_text(encoding="utf-8"))
    if kind in custom:
        return Draft202012Validator(custom[kind])
    group, _, name = api_version.rpartition("/")
    folder = f"kubernetes-json-schema/v{_exact(version)}-local-strict"
    file = "-".join(part for part in (kind.lower(), group.partition(".")[0], name) if part)
    schema = utils.schema_contents(f"{folder}/{file}.json", version)
    registry: Registry[Any] = Resource.from_contents(schema) @ Registry()
    return Draft202012Validator(schema, registry=_definitions(folder, version) @ registry)


@cache
def _definitions(folder: str, version: str) -> Resource[Any]:
    return Resource.from_contents(utils.schema_contents(f"{folder}/_definitions.json", version))


def _exact(version: str) -> str:
    exact: str = next(one for one in utils.all_versions() if utils.major_minor(one) == utils.major_minor(version))
    return exact


def mappings(part: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of each mapping in a manifest that has named fields."""
    if isinstance(part, dict):
        if path and path[-1] in FREE:
            return
        yield path
    entries = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in entries:
        yield from mappings(value, (*path, key))


def at(part: Any, path: tuple[str | int, ...]) -> Any:
    """What stands there."""
    for key in path:
        part = part[key]
    return part


def of_kind(all_: list[Manifest], *kinds: str) -> list[Manifest]:
    """Those of the kinds."""
    return [one for one in all_ if one["kind"] in kinds]
