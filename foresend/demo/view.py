"""The demo on one screen of a terminal: made of the same figures that `--json` prints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from foresend.demo.measures import milliseconds

Figures = Mapping[str, Any]
BAR_WIDTH = 22
CAUSES_MAX = 5
ACCENT = "bold cyan"
SIMULATED = "simulated people; intervals hold at every look"


@dataclass(frozen=True)
class Moment:
    """What is true now only, beside the figures of the whole run.

    freshness_s  p50 and p99 of the last minute; None where nothing was probed
    notes        what is going on, in sentences
    """

    events_per_s: float
    sends_per_s: float
    freshness_s: tuple[float | None, float | None]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Setting:
    """What stays the same: where to look, and how long a day of these people is."""

    addresses: Sequence[str]
    day_s: float
    can_probe: bool = True
    ends_after_s: float | None = None


def screen(figures: Figures, moment: Moment, setting: Setting) -> RenderableType:
    """The whole screen."""
    return Group(
        _head(figures, setting),
        _pulse(figures, moment, setting),
        _rates(figures),
        _side_by_side(_renders(figures), _health(figures)),
        _foot(moment, setting),
    )


def _side_by_side(left: RenderableType, right: RenderableType) -> RenderableType:
    table = Table.grid(expand=True)
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    table.add_row(left, right)
    return table


def _head(figures: Figures, setting: Setting) -> RenderableType:
    total = "" if setting.ends_after_s is None else f" of {clock(setting.ends_after_s)}"
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right")
    line.add_row(
        Text.assemble(("Foresend", ACCENT), f"  live, with {figures['users']:,} simulated people"),
        f"{clock(figures['seconds'])}{total}",
    )
    if not setting.addresses:
        return line
    return Group(line, Text.assemble("Be one of them:  ", ("  ".join(setting.addresses), ACCENT)))


def _pulse(figures: Figures, moment: Moment, setting: Setting) -> RenderableType:
    table = Table.grid(expand=True, padding=(0, 2))
    for _ in range(4):
        table.add_column(justify="center", ratio=1)
    p50, p99 = map(milliseconds, moment.freshness_s)
    fresh = "no field to probe" if not setting.can_probe else f"{whole(p50)} / {whole(p99)} ms"
    values = (
        f"{moment.events_per_s:,.0f}/s",
        f"{moment.sends_per_s:,.0f}/s",
        fresh,
        percent(figures["personalised_share"]),
    )
    table.add_row(*(Text(value, style=ACCENT) for value in values))
    names = ("events", "sends", "fresh, p50 / p99", "personalised")
    table.add_row(*(Text(name, style="dim") for name in names))
    return Panel(table, border_style="dim")


def _rates(figures: Figures) -> RenderableType:
    arms = [
        ("Foresend", "personalised", "", "cyan"),
        ("best for all", "best_fixed", "lift_vs_best_fixed", "yellow"),
        ("any, evenly", "uniform", "lift_vs_uniform", "yellow"),
        ("the optimum", "optimum", "", "green"),
    ]
    rates = {arm: figures[f"click_rate_{arm}"] for _, arm, _, _ in arms}
    highest = max((rate for rate in rates.values() if rate), default=0.0)
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(min_width=12)
    table.add_column(width=BAR_WIDTH)
    table.add_column(justify="right", min_width=7)
    table.add_column(ratio=1)
    for name, arm, lift, colour in arms:
        rate = rates[arm]
        bar = ProgressBar(
            total=highest or 1.0, completed=rate or 0.0, width=BAR_WIDTH, complete_style=colour, finished_style=colour
        )
        told = _lift(figures, lift) if lift else _share(figures) if arm == "optimum" else ""
        table.add_row(name, bar, percent(rate), Text(told, style="dim"))
    return Panel(table, title=f"click rate – {SIMULATED}", title_align="left", border_style="cyan")


def _lift(figures: Figures, name: str) -> str:
    lift, lo, hi = (figures[f"{name}{end}"] for end in ("", "_lo", "_hi"))
    if lift is None:
        return "too early to tell"
    interval = "" if lo is None or hi is None else f"  ({signed_percent(lo)} to {signed_percent(hi)})"
    return f"Foresend {signed_percent(lift)}{interval}"


def _share(figures: Figures) -> str:
    share = figures["optimum_share_recent"]
    return "" if share is None else f"from best for all, {percent(share)} of the way"


def _renders(figures: Figures) -> RenderableType:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column()
    table.add_column(justify="right")
    by_number = sorted(figures["renders"].items(), key=lambda one: -one[1])
    for cause, number in by_number[:CAUSES_MAX]:
        table.add_row(CAUSES.get(cause, cause), f"{number:,}")
    for _ in range(CAUSES_MAX - len(by_number)):
        table.add_row("", "")
    return Panel(table, title="rendered, because", title_align="left", border_style="dim")


CAUSES = {
    "new": "somebody is new",
    "shift": "preferences have shifted",
    "shown": "a name or the like changed",
    "release": "there is a new release",
    "refresh": "a message was missing",
    "validity": "an offer began or ended",
    "eligible": "other offers are for this person now",
}
"""Reasons of the job in words."""


def _health(figures: Figures) -> RenderableType:
    slope = figures["memory_slope_mb_per_min"]
    growth = "" if slope is None else f" ({slope:+.1f}/min)"
    memory = "–" if figures["memory_mb"] is None else f"{figures['memory_mb']:,.0f} MB{growth}"
    rows = [
        ("dead letters", f"{figures['dead_letters']:,}", figures["dead_letters"] == 0),
        ("job restarts", f"{figures['restarts']:,}", figures["restarts"] == 0),
        ("probes timed out", f"{figures['probe_timeouts']:,} of {figures['probes']:,}", figures["probe_timeouts"] == 0),
        ("traffic held back", f"{figures['held_s']:.0f} s", figures["held_s"] < 1),
        ("memory in all", memory, True),
    ]
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column()
    table.add_column(justify="right")
    for name, value, is_well in rows:
        table.add_row(name, Text(value, style="" if is_well else "bold red"))
    return Panel(table, title="health", title_align="left", border_style="dim")


def _foot(moment: Moment, setting: Setting) -> RenderableType:
    notes = [Text(note, style="bold yellow") for note in moment.notes]
    return Group(*notes, Text(f"A day of theirs lasts {setting.day_s:g} s.  Ctrl-C ends all of it.", style="dim"))


def line(figures: Figures, moment: Moment) -> str:
    """The same in one line, for logs."""
    p50, p99 = map(milliseconds, moment.freshness_s)
    return (
        f"{figures['seconds']:.0f} s: {moment.events_per_s:.0f} events/s, {figures['sends']} sends, "
        f"freshness {whole(p50)}/{whole(p99)} ms, personalised {percent(figures['personalised_share'])}, "
        f"clicks {percent(figures['click_rate_personalised'])} (best for all "
        f"{percent(figures['click_rate_best_fixed'])}), {whole(figures['memory_mb'])} MB"
        + "".join(f"; {note}" for note in moment.notes)
    )


def percent(value: float | None) -> str:
    """A share; a dash where it is not known.

    >>> percent(0.1234), percent(None)
    ('12.3 %', '–')
    """
    return "–" if value is None else f"{value * 100:.1f} %"


def signed_percent(value: float) -> str:
    """A change.

    >>> signed_percent(0.5), signed_percent(-0.02)
    ('+50 %', '-2 %')
    """
    return f"{value * 100:+.0f} %"


def whole(value: float | None) -> str:
    """A whole number; a dash where it is not known."""
    return "–" if value is None else f"{value:,.0f}"


def clock(seconds: float) -> str:
    """Minutes and seconds.

    >>> clock(65.4)
    '1:05'
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
