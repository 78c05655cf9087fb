"""`foresend campaign NAME`: who would get it, its start, its stops, and how it went; over all nodes."""

import asyncio
import json
import os
import sys
import webbrowser
from argparse import ArgumentParser, Namespace, _SubParsersAction
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from connectors.delivery.campaign_routes import CampaignTold
from foresend.campaign_pages import write_samples
from foresend.campaigning import Asked, Fleet, Total, fleet, together
from foresend.settings.campaign import SECTION, CampaignSettings
from foresend.settings.loading import load as load_settings
from foresend.settings.workspace import add_workspace_argument, workspace_folder
from schemas.campaigns import Campaign
from schemas.errors import ConfigError
from templates.workspace import load

LIST = "list"
STOPS = ("pause", "resume", "cancel")
ACTIONS = ("start", *STOPS, "report")
DEFAULT_OUT = Path(".foresend/campaign")


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("campaign", help="send one template to an audience: try, start, stop, report")
    parser.add_argument("name", metavar="NAME", help="of a file campaigns/NAME.yaml; or list: all that were started")
    parser.add_argument("action", nargs="?", choices=ACTIONS, metavar="ACTION", help=f"one of {', '.join(ACTIONS)}")
    parser.add_argument("--dry-run", action="store_true", help="tell who would get what, and send nothing")
    parser.add_argument("--limit", type=int, metavar="N", help="with start or --dry-run: persons at most")
    parser.add_argument("--again", action="store_true", help="with start: to everybody once more, as another run")
    add_workspace_argument(parser)
    parser.add_argument("--settings", type=Path, metavar="FILE", help="TOML file with a table for each section")
    parser.add_argument("--gateway", action="append", metavar="URL", help="a node; repeat it for each of several")
    parser.add_argument("--key", help="an API key with the right send, where the nodes have keys")
    parser.add_argument("--out", type=Path, metavar="DIR", help="with --dry-run: where messages are written")
    parser.add_argument("--open", action="store_true", help="with --dry-run: show them in the browser")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    return parser


def run(arguments: Namespace) -> int:
    """Do what was asked; 1 where a node was out of reach or refused.

    Raises:
        ConfigError: it is said wrongly, or there is no such campaign.
    """
    given = {"gateways": tuple(arguments.gateway) if arguments.gateway else None, "key": arguments.key}
    settings = load_settings(CampaignSettings, SECTION, environment=os.environ, file=arguments.settings, given=given)
    _check(arguments)
    return asyncio.run(_run(arguments, settings))


def _check(arguments: Namespace) -> None:
    wanted = [bool(arguments.action), arguments.dry_run, arguments.name == LIST]
    if sum(wanted) != 1:
        raise ConfigError(f"expected --dry-run, or one of {', '.join(ACTIONS)}, or `foresend campaign list`")
    if arguments.limit is not None and arguments.limit < 1:
        raise ConfigError(f"--limit: expected 1 or more, got {arguments.limit}")
    if arguments.limit is not None and not (arguments.dry_run or arguments.action == "start"):
        raise ConfigError("--limit: expected beside start or --dry-run only")
    if arguments.again and arguments.action != "start":
        raise ConfigError("--again: expected beside start only")


async def _run(arguments: Namespace, settings: CampaignSettings) -> int:
    async with fleet(settings) as nodes:
        if arguments.name == LIST:
            return _told_all(await nodes.listed(), as_json=arguments.json)
        if arguments.dry_run:
            return await _dry_run(arguments, nodes)
        if arguments.action == "start":
            asked = await nodes.start(_campaign(arguments), arguments.limit, again=arguments.again)
            return _told(arguments, asked)
        if arguments.action == "report":
            return _told(arguments, await nodes.report(arguments.name))
        return _told(arguments, await nodes.told(arguments.name, arguments.action))


def _campaign(arguments: Namespace) -> Campaign:
    """The campaign as the workspace's folder says it.

    Raises:
        ConfigError: the workspace has errors, or no such campaign.
    """
    workspace = load(workspace_folder(arguments))
    for one in workspace.campaigns:
        if one.name == arguments.name:
            return one
    known = ", ".join(one.name for one in workspace.campaigns) or "none"
    raise ConfigError(f"there is no campaign {arguments.name!r}; campaigns of this workspace: {known}")


async def _dry_run(arguments: Namespace, nodes: Fleet) -> int:
    campaign = _campaign(arguments)
    if arguments.limit is not None:
        campaign = msgspec.structs.replace(campaign, limit=arguments.limit)
    total = await nodes.dry_run(campaign)
    folder = (arguments.out or DEFAULT_OUT) / campaign.name
    index = write_samples(folder, campaign, total.page.samples)
    if arguments.json:
        print(json.dumps(_figures(campaign, total, index)))
    else:
        _print(campaign, total, index)
    if arguments.open and not webbrowser.open(index.resolve().as_uri()):
        print(f"no browser could be opened: open {index} yourself", file=sys.stderr)
    return 0


def _figures(campaign: Campaign, total: Total, index: Path) -> dict[str, object]:
    page = total.page
    return {
        "campaign": campaign.name,
        "audience": page.audience,
        "eligible": page.eligible,
        "held": page.held,
        "skipped": dict(sorted(page.skipped.items())),
        "fallback_share": total.fallback_share,
        "control": page.controls,
        "seconds_at_throttle": total.seconds_at_throttle,
        "warm_up_days": total.warm_up_days,
        "limit": campaign.limit,
        "renders": len(page.samples),
        "file": str(index),
    }


def _print(campaign: Campaign, total: Total, index: Path) -> None:
    page = total.page
    skipped = ", ".join(f"{reason} {count}" for reason, count in sorted(page.skipped.items())) or "none"
    limited = f", of whom {campaign.limit} at most are written to" if campaign.limit else ""
    print(f"campaign {campaign.name}: template {campaign.template}, a dry run: nothing is sent")
    print(f"  audience   {page.audience}")
    print(f"  eligible   {page.eligible}{limited}; {page.held} of them after quiet hours")
    print(f"  skipped    {skipped}")
    print(f"  content    {total.fallback_share:.1%} default for want of better, {page.controls} on purpose (control)")
    print(f"  duration   {_duration(campaign, total)}")
    print(f"  {len(page.samples)} messages: {index}")


def _duration(campaign: Campaign, total: Total) -> str:
    """How long it takes, in words."""
    if not total.seconds_at_throttle:
        return "as fast as it goes" if not campaign.pace.per_hour else "at once"
    hours = total.seconds_at_throttle / 3_600
    return f"{hours:.1f} hours at the pace that it says"


def _told(arguments: Namespace, asked: Asked) -> int:
    """Tell where a campaign stands, and what went wrong; 1 where something did."""
    for problem in asked.problems:
        print(f"foresend: {problem}", file=sys.stderr)
    if not asked.told:
        if not asked.problems:
            print(f"foresend: campaign {arguments.name} was never started", file=sys.stderr)
        return 1
    whole = together(asked.told)
    print(json.dumps(fields_of(whole)) if arguments.json else "\n".join(lines_of(whole)))
    return int(bool(asked.problems))


def _told_all(asked: Asked, *, as_json: bool) -> int:
    for problem in asked.problems:
        print(f"foresend: {problem}", file=sys.stderr)
    for name in sorted({one.name for one in asked.told}):
        whole = together([one for one in asked.told if one.name == name])
        print(json.dumps(fields_of(whole)) if as_json else _line(whole))
    return int(bool(asked.problems))


def fields_of(told: CampaignTold) -> dict[str, object]:
    """A report as figures."""
    skipped = {name.partition(":")[2]: count for name, count in told.counted.items() if name.startswith("skipped:")}
    by = {name.partition(":")[2]: count for name, count in told.counted.items() if name.startswith("sent:")}
    counted = {name: told.counted.get(name, 0) for name in _ENDS}
    return {
        "campaign": told.name,
        "template": told.template,
        "run": told.run,
        "state": told.state,
        "why": told.why,
        "started": _iso(told.started_ms),
        "until": _iso(told.until_ms),
        "limit": told.limit,
        "queued": told.queued,
        "waiting": told.waiting,
        **counted,
        "sent_by": by,
        "skipped_by": skipped,
        "holdout": skipped.get("holdout", 0),
        "hard_bounces": told.counted.get("hard_bounces", 0),
        "complaints": told.counted.get("complaints", 0),
        "clicks": told.counted.get("clicks", 0),
        "clicks_by": {
            name.partition(":")[2]: count for name, count in told.counted.items() if name.startswith("clicks:")
        },
    }


_ENDS = ("sent", "skipped", "bounced", "failed", "ambiguous", "cancelled")


def lines_of(told: CampaignTold) -> list[str]:
    """A report in words."""
    fields = fields_of(told)
    tried = told.counted.get("sent", 0) + told.counted.get("bounced", 0)
    ends = ", ".join(f"{name} {fields[name]}" for name in _ENDS if fields[name]) or "nothing yet"
    lines = [
        _line(told),
        f"  started    {fields['started']}, until {fields['until']}",
        f"  queued     {told.queued}" + (f" (limit {told.limit})" if told.limit else "") + f", waiting {told.waiting}",
        f"  ended      {ends}",
        f"  skipped    {_counts(told, 'skipped:')}",
        f"  sent       {_counts(told, 'sent:')}",
        f"  bounces    {_rate(told, 'hard_bounces', tried)}",
        f"  complaints {_rate(told, 'complaints', tried)}",
    ]
    if told.counted.get("clicks"):
        lines.append(f"  clicks     {told.counted['clicks']}: {_counts(told, 'clicks:')}")
    return lines


def _line(told: CampaignTold) -> str:
    why = f" ({told.why})" if told.why else ""
    return f"campaign {told.name}, run {told.run}: {told.state}{why}, sent {told.counted.get('sent', 0)}"


def _counts(told: CampaignTold, kind: str) -> str:
    found = [(name.removeprefix(kind), count) for name, count in told.counted.items() if name.startswith(kind)]
    return ", ".join(f"{name} {count}" for name, count in found) or "none"


def _rate(told: CampaignTold, name: str, tried: int) -> str:
    count = told.counted.get(name, 0)
    return f"{count} ({count / tried:.2%})" if tried else f"{count}"


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
