"""Checks a whole workspace and tells every problem at once."""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from templates.feature_check import declared_problems, tag_problems
from templates.problems import Problem, Severity
from templates.reading import (
    Files,
    build_settings,
    build_template,
    build_workspace,
    read_files,
    workspace_values,
)
from templates.sources import Workspace
from templates.template_check import TemplateCheck
from templates.urls import host_allowed, url_fault
from templates.values import MARK_WORD
from templates.yaml_files import Document

FLOOR_SHARE_MAX = 0.2
"""Floor × variants of a slot: how much of all choices may go to exploration."""
ROUNDING = 1e-9


def validate(folder: Path) -> list[Problem]:
    """Every problem of a workspace, sorted by file and place; empty where it is fit for release."""
    return check(folder)[1]


def check(folder: Path) -> tuple[Workspace | None, list[Problem]]:
    """The workspace, None where an error forbids it, and every problem found."""
    files = read_files(folder)
    problems = list(files.problems)
    hosts: tuple[str, ...] = ()
    values: dict[str, str] | None = None
    settings = None
    if files.settings is not None:
        settings = build_settings(files.settings.value)
        hosts, values = settings.link_hosts, workspace_values(files.settings.value)
        problems += _settings_problems(files.settings, values, hosts)
        problems += declared_problems(files.settings)
    templates = {}
    for name, template_files in files.templates.items():
        if settings is not None and template_files.variants is not None:
            problems += tag_problems(template_files.variants, settings)
        if template_files.complete:
            templates[name] = build_template(name, template_files)
            problems += TemplateCheck(template_files, templates[name], settings, values).problems()
        elif template_files.variants is not None and not template_files.locales:
            problems.append(
                Problem(f"{template_files.folder}/locales", 1, 1, "there is no locale", "Add locales/<locale>.yaml.")
            )
    if files.settings is not None:
        problems += _size_problems(files, files.settings)
    problems = sorted(set(problems))  # what is wrong in shared content is found in each locale
    unfit = any(problem.severity is Severity.ERROR for problem in problems)
    return (None if unfit else build_workspace(files, templates)), problems


def _settings_problems(document: Document, values: dict[str, str], hosts: tuple[str, ...]) -> Iterator[Problem]:
    zone = document.value["timezone"]
    if not _is_zone(zone):
        yield document.problem(("timezone",), f"{zone!r} is no time zone", "Name one as Europe/Berlin.")
    for name, value in values.items():
        path = _path_of(name, document)
        if "{" in value or MARK_WORD in value:
            yield document.problem(path, f"{name} may not hold {{ or send marks", "Write plain words.")
        if not name.endswith("_url"):
            continue
        fault = url_fault(value)
        if fault:
            yield document.problem(path, f"{name}: {fault}", "Mend the address.")
        elif hosts and value.startswith("https:") and not host_allowed(value, hosts):
            yield document.problem(path, f"{name} leads to a host that is not in links.hosts", "Add the host there.")
    for name in document.value.get("values", {}):
        if name in {"name", "home_url", "sender_name", "sender_email", "postal_address"}:
            yield document.problem(("values", name), f"{name!r} is set elsewhere in this file", "Choose another name.")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _path_of(name: str, document: Document) -> tuple[str, ...]:
    if name in document.value.get("values", {}):
        return ("values", name)
    sender = {"sender_name": "name", "sender_email": "email", "postal_address": "postal_address"}
    return ("sender", sender[name]) if name in sender else (name,)


def _size_problems(files: Files, document: Document) -> Iterator[Problem]:
    """Relations between the policy and the largest slot, which decides."""
    policy = build_settings(document.value).policy
    counts = [
        (len(body["variants"]), f"{name}.{slot}")
        for name, template in files.templates.items()
        if template.variants
        for slot, body in template.variants.value["slots"].items()
    ]
    if not counts:
        return
    count, slot = max(counts)
    if policy.floor * count > FLOOR_SHARE_MAX + ROUNDING:
        yield document.problem(
            ("policy", "floor"),
            f"floor {policy.floor:g} × {count} variants of {slot} is over {FLOOR_SHARE_MAX}",
            f"Lower the floor to {FLOOR_SHARE_MAX / count:.4f}, or remove variants.",
        )
    if policy.candidates < count:
        yield document.problem(
            ("policy", "candidates"),
            f"{policy.candidates} candidates cannot show all {count} variants of {slot}",
            f"Raise candidates to {count}, or remove variants.",
        )
