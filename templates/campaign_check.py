"""Checks what a campaign's schema cannot say: its template, its audience, its times, its pace, its shares."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise

import msgspec

from schemas.campaigns import LASTS_MS, LASTS_MS_MAX, Campaign
from schemas.condition_values import Root, nearest
from schemas.conditions import Condition, Flaw, read_condition
from schemas.ids import WorkspaceId
from schemas.library import MessageClass, Template, WorkspaceSettings
from templates.campaigns import NOW, build_campaign
from templates.eligibility_check import unmade_tags
from templates.problems import Problem, Severity
from templates.times import time_ms
from templates.yaml_files import Document, Path_

DAY_MS = 86_400_000
SHARES_MAX = 0.9
"""Holdout and control together: somebody is to get the message that was made for him."""


def campaign_problems(
    name: str,
    document: Document,
    templates: Mapping[str, Template],
    settings: WorkspaceSettings,
    unread: Collection[str] = (),
) -> Iterator[Problem]:
    """What the schema cannot say of one campaign.

    templates  of the workspace, as far as they could be read; `unread`: the names of the others
    """
    campaign = build_campaign(name, WorkspaceId(""), document)
    template = templates.get(campaign.template)
    if template is None and campaign.template not in unread:
        known = sorted({*templates, *unread})
        message = f"there is no template {campaign.template!r}"
        yield document.problem(("template",), message, nearest(campaign.template, known, "add it under templates/"))
    if campaign.audience:
        yield from _audience(document, campaign, None if unread else templates.values(), settings)
    yield from _times(document, campaign)
    yield from _warm_up(document, campaign)
    yield from _shares(document, campaign, template, settings)


def _audience(
    document: Document, campaign: Campaign, templates: Iterable[Template] | None, settings: WorkspaceSettings
) -> Iterator[Problem]:
    """What is wrong with a rule. `templates`: None where not all could be read, so that what is kept is not known."""
    path: Path_ = ("audience",)
    found = read_condition(campaign.audience, settings.declared)
    if isinstance(found, Flaw):
        yield document.problem_in(path, found.offset, f"audience: {found.message}", found.mend)
        return
    kept = sorted(kept_traits(templates or (), settings))
    for root, name, offset in found.names:
        if root is Root.TRAITS and name not in kept and templates is not None:
            message = f"audience: the trait {name!r} is never kept: the collector drops what nothing names"
            mend = nearest(name, kept, "add it under traits.kept in foresend.yaml")
            yield document.problem_in(path, offset, message, mend)
    yield from unmade_tags(document, path, found, settings.tags)


def kept_traits(templates: Iterable[Template], settings: WorkspaceSettings) -> frozenset[str]:
    """The traits that the collector lets through and profiles keep (`connectors.collector.workspace_rules`)."""
    kept = {*settings.traits.kept, *settings.learning.facts, *settings.learning.number_traits}
    for template in templates:
        kept.update(field.name for field in template.fields)
        for text in {variant.when for slot in template.slots for variant in slot.variants if variant.when}:
            found = read_condition(text, settings.declared)
            if isinstance(found, Condition):
                kept.update(found.names_of(Root.TRAITS))
    return frozenset(kept)


def _times(document: Document, campaign: Campaign) -> Iterator[Problem]:
    """Times that are none, and an end before everybody's hour has come."""
    for name in ("at", "until"):
        text = document.value.get(name, NOW)
        if text != NOW and not time_ms(text):
            yield document.problem((name,), f"{name}: {text!r} is no time", "Write one that the calendar has.")
            return
    if not campaign.at_ms or not campaign.until_ms:
        return
    lasts_ms = campaign.until_ms - campaign.at_ms
    if not 0 < lasts_ms <= LASTS_MS_MAX:
        days = LASTS_MS_MAX // DAY_MS
        message = f"until: expected a time after the beginning, {days} days at most"
        yield document.problem(("until",), message, f"Leave it out: {LASTS_MS // DAY_MS} days after the beginning.")
    elif lasts_ms < DAY_MS and (campaign.best_hour or campaign.local_time >= 0):
        message = "until: less than a day after the beginning, and people's own hours come over a whole day"
        problem = document.problem(("until",), message, "Give it a day at least, or some are never written to.")
        yield msgspec.structs.replace(problem, severity=Severity.WARNING)


def _warm_up(document: Document, campaign: Campaign) -> Iterator[Problem]:
    ramp = campaign.pace.warm_up
    for index, (one, other) in enumerate(pairwise(ramp), 1):
        if other < one:
            message = f"warm_up: {other} comes after {one}"
            yield document.problem(("warm_up", index), message, "Let each day allow at least what the one before did.")


def _shares(
    document: Document, campaign: Campaign, template: Template | None, settings: WorkspaceSettings
) -> Iterator[Problem]:
    control = settings.delivery.control if campaign.control < 0 else campaign.control
    if campaign.holdout + control > SHARES_MAX:
        message = f"holdout {campaign.holdout:g} and control {control:g} come to more than {SHARES_MAX:g}"
        yield document.problem(("holdout",), message, "Lower one of them.")
    if template is not None and template.message_class is not MessageClass.MARKETING and campaign.holdout:
        message = f"holdout: {campaign.template} is {template.message_class}, which everybody gets"
        problem = document.problem(("holdout",), message, "Leave it out: it holds for marketing only.")
        yield msgspec.structs.replace(problem, severity=Severity.WARNING)
