"""Checks what a workspace says of behaviour: its declared features, and whether its tag rules can carry its tags."""

from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.library import KEYS_MAX, TagRule, WorkspaceSettings
from schemas.profiles import BUILT_IN_FEATURES
from templates.problems import Problem, Severity
from templates.yaml_files import Document, Path_

_NEEDS_PROPERTY = frozenset({"sum", "mean", "last"})


def declared_problems(document: Document) -> Iterator[Problem]:
    """What the schema cannot say of declared features."""
    declared = document.value.get("features", {}).get("declared", ())
    names: set[str] = set()
    for index, feature in enumerate(declared):
        path: Path_ = ("features", "declared", index)
        name = feature["name"]
        if name in BUILT_IN_FEATURES:
            yield document.problem(
                (*path, "name"), f"{name!r} is the name of a feature that is always there", "Choose another name."
            )
        if name in names:
            yield document.problem((*path, "name"), f"{name!r} is declared above already", "Choose another name.")
        names.add(name)
        for key, message, mend in _faults(feature):
            yield document.problem((*path, key) if key in feature else path, f"feature {name!r}: {message}", mend)


def _faults(feature: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The key that is wrong, what is wrong, how to mend it."""
    kind = feature["kind"]
    if kind in _NEEDS_PROPERTY and "property" not in feature:
        yield "kind", f"a {kind} needs a property", "Say which property of the events it is of."
    if "half_life" in feature and "window" in feature:
        yield "window", "it has a half_life and a window", "Leave one of them out."
    if kind == "last" and "half_life" in feature:
        yield "half_life", "a last value does not fade", "Leave half_life out, or give it a window."
    if kind == "share" and "window" in feature:
        yield "window", "a share has no window", "Give it a half_life instead."
    bound = feature.get("bound")
    if kind == "share" and bound is not None and not (bound == int(bound) and 1 <= bound <= KEYS_MAX):
        yield "bound", f"a share keeps 1 to {KEYS_MAX} keys, got {bound:g}", "Name how many keys are kept."
    elif bound is not None and abs(feature.get("default", 0.0)) > bound and kind != "share":
        yield "default", f"the default is beyond the bound {bound:g}", "Raise the bound, or choose another default."


def tag_problems(variants: Document, settings: WorkspaceSettings) -> Iterator[Problem]:
    """Warns of slots whose tags no event can carry: nobody's behaviour makes a difference there.

    Known without any event is whether there is a rule at all, and which prefixes rules give. (Single tags are looked
    at where the template is.)
    """
    for slot, body in variants.value["slots"].items():
        tags = sorted({tag for variant in body.get("variants", ()) for tag in variant.get("tags", ())})
        if tags and not any(_carried(tag, settings.tags) for tag in tags):
            problem = variants.problem(
                ("slots", slot),
                f"slot {slot}: no event carries any of its tags",
                "Let a rule under tags in foresend.yaml make them of events, or tag the variants as its rules do."
                if settings.tags
                else "Add a rule under tags in foresend.yaml: it says which property of which events makes tags.",
            )
            yield msgspec.structs.replace(problem, severity=Severity.WARNING)


def _carried(tag: str, rules: tuple[TagRule, ...]) -> bool:
    """Whether some rule can make this tag of some event, as far as prefixes tell."""
    return any(tag.startswith(rule.prefix) and tag != rule.prefix for rule in rules)
