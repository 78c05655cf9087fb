"""Checks a whole workspace and tells every problem at once."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.catalogue import SLATES
from schemas.library import WorkspaceSettings
from templates.building import build_template, build_workspace
from templates.campaign_check import campaign_problems
from templates.catalogue_check import catalogue_problems
from templates.compiler import draft_release
from templates.delivery_building import delivery_problems
from templates.disclosure_check import disclosure_problems, sender_problems
from templates.eligibility_check import eligibility_problems, repeat_problems, trait_problems
from templates.feature_check import declared_problems, tag_problems
from templates.library import Library
from templates.lint import lint_problems
from templates.lint.size import size_problems
from templates.partials import Whole
from templates.problems import Problem, Severity
from templates.reading import Files, read_files
from templates.settings_building import build_settings, utm_of, workspace_values
from templates.sources import TemplateSource, Workspace
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
    utm: dict[str, str] = {}
    values: dict[str, str] | None = None
    settings = None
    if files.settings is not None:
        settings = build_settings(files.settings.value)
        hosts, values = settings.link_hosts, workspace_values(files.settings.value)
        utm = utm_of(files.settings.value)
        problems += _settings_problems(files.settings, values, hosts)
        problems += declared_problems(files.settings)
        problems += catalogue_problems(files.settings)
        problems += delivery_problems(files.settings)
    templates = {}
    for name, template_files in files.templates.items():
        if settings is not None and template_files.variants is not None:
            problems += tag_problems(template_files.variants, settings)
        if template_files.complete:
            templates[name] = build_template(name, template_files)
            problems += TemplateCheck(template_files, templates[name], settings, values).problems()
            if settings is not None and template_files.variants is not None:
                problems += eligibility_problems(template_files.variants, templates[name].template, settings)
            if template_files.variants is not None:
                problems += disclosure_problems(template_files.variants, template_files.locales, templates[name])
                problems += sender_problems(template_files.variants, values["sender_email"] if values else "")
            problems += lint_problems(template_files, templates[name], hosts, utm)
        elif template_files.variants is not None and not template_files.locales:
            problems.append(
                Problem(f"{template_files.folder}/locales", 1, 1, "there is no locale", "Add locales/<locale>.yaml.")
            )
    problems += repeat_problems([one.variants for one in files.templates.values() if one.variants is not None])
    if files.settings is not None and settings is not None:
        problems += trait_problems(files.settings, [source.template for source in templates.values()], settings)
        problems += _size_problems(files, files.settings)
        problems += _campaign_problems(files, templates, settings)
    unfit = any(problem.severity is Severity.ERROR for problem in problems)
    workspace = None if unfit else build_workspace(files, templates)
    if workspace is not None:
        sizes = list(size_problems(workspace, Library(draft_release(workspace))))
        problems += sizes
        workspace = None if any(one.severity is Severity.ERROR for one in sizes) else workspace
    layouts = {one.file: Whole(one.mjml, files.templates[name].places) for name, one in templates.items()}
    # What is wrong in shared content is found in each locale, and in each template that a part is put into.
    return workspace, sorted({layouts[one.file].written(one) if one.file in layouts else one for one in problems})


def _campaign_problems(
    files: Files, templates: Mapping[str, TemplateSource], settings: WorkspaceSettings
) -> Iterator[Problem]:
    shapes = {name: source.template for name, source in templates.items()}
    unread = files.templates.keys() - shapes.keys()
    for name, document in files.campaigns.items():
        yield from campaign_problems(name, document, shapes, settings, unread)


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
        (len(body.get("variants", ())) or SLATES, f"{name}.{slot}")
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
