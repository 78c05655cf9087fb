"""Draws dashboards as Grafana lays them out, over a running Prometheus, for docs/images/dashboards/.

`python -m tests.support.draw_dashboards http://127.0.0.1:9090 FOLDER [SECONDS]` reads deploy/grafana/*.json, and draws
the last so many seconds. It is no Grafana: the same panels, titles, units, limits and numbers, by matplotlib.
"""

import json
import math
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from tests.support.prometheus_api import Api, Series, as_prometheus_reads, name_of

GRAFANA = Path(__file__).parents[2] / "deploy/grafana"
SECONDS = 360.0
POINTS = 90
DPI = 80
COLUMN_IN, LINE_IN = 0.66, 0.42
"""Size of a cell of Grafana's grid of 24 columns."""
QUALITY = 70
NAMES_MAX = 6
FILLED_MAX = 3
"""More lines than these are not filled below: the fills would hide each other."""
PAGE, CARD, TEXT, QUIET, GRID = "#111217", "#181b1f", "#d8d9da", "#8e9199", "#2c3036"
LINES = ("#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#b877d9", "#8ab8ff", "#fade2a", "#ff9830", "#96d98d", "#ca95e5")
COLOURS = {"green": "#73bf69", "red": "#f2495c"}
Document = dict[str, Any]
Found = list[tuple[str, Series]]


def draw(api: Api, file: Path, image: Path, end_s: float, seconds: float) -> None:
    """One dashboard into one image; its ending tells the format."""
    document = json.loads(file.read_text(encoding="utf-8"))
    panels = list(document["panels"])
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) + 1.5
    figure = plt.figure(figsize=(24 * COLUMN_IN, lines * LINE_IN), facecolor=PAGE, dpi=DPI)
    figure.text(0.008, 1 - 0.75 / lines, document["title"], color=TEXT, fontsize=15, weight="bold", va="center")
    for panel in panels:
        place = _place(panel["gridPos"], lines)
        if panel["type"] == "row":
            left, bottom, _, height = place
            figure.text(
                left, bottom + height * 0.4, panel["title"], color=TEXT, fontsize=11, weight="bold", va="center"
            )
        else:
            _panel(figure, place, panel, _asked(api, panel, end_s, seconds))
    image.parent.mkdir(parents=True, exist_ok=True)
    kept = {"quality": QUALITY, "method": 6} if image.suffix == ".webp" else {}
    figure.savefig(image, facecolor=PAGE, dpi=DPI, pil_kwargs=kept)
    plt.close(figure)


def _place(grid: dict[str, int], lines: float) -> tuple[float, float, float, float]:
    """Left, bottom, width and height in shares of the figure, with a gap around."""
    gap_x, gap_y = 0.1 / 24, 0.14 / lines
    top = 1 - (grid["y"] + 1.5) / lines
    return (
        grid["x"] / 24 + gap_x,
        top - grid["h"] / lines + gap_y,
        grid["w"] / 24 - 2 * gap_x,
        grid["h"] / lines - 2 * gap_y,
    )


def _asked(api: Api, panel: Document, end_s: float, seconds: float) -> Found:
    found: Found = []
    for target in panel["targets"]:
        expr = as_prometheus_reads(target["expr"])
        if target.get("instant"):
            series = api.now(expr, end_s)
        else:
            series = api.over(expr, end_s - seconds, end_s, seconds / POINTS)
        found += [(name_of(one, target.get("legendFormat", "")), one) for one in series]
    return [(name, series) for name, series in found if any(map(math.isfinite, series.values))]


def _panel(figure: Figure, place: tuple[float, float, float, float], panel: Document, found: Found) -> None:
    left, bottom, width, height = place
    card = Rectangle((left, bottom), width, height, transform=figure.transFigure, color=CARD, zorder=-1)
    figure.add_artist(card)
    inch_x, inch_y = 1 / figure.get_figwidth(), 1 / figure.get_figheight()
    top = bottom + height
    figure.text(left + 0.08 * inch_x, top - 0.17 * inch_y, panel["title"], color=TEXT, fontsize=9, va="center")
    if not found:
        middle = (left + width / 2, bottom + height / 2)
        figure.text(*middle, panel["fieldConfig"]["defaults"].get("noValue", ""), color=QUIET, ha="center", va="center")
        return
    if panel["type"] == "stat":
        _number(figure, place, panel, found)
        return
    left_in = 0.95 if panel["type"] == "bargauge" else 0.78
    below_in = 0.3 if panel["type"] == "bargauge" else 0.62
    inner = (
        left + left_in * inch_x,
        bottom + below_in * inch_y,
        width - (left_in + 0.15) * inch_x,
        height - (below_in + 0.36) * inch_y,
    )
    axes = figure.add_axes(inner, facecolor=CARD)
    (_bars if panel["type"] == "bargauge" else _lines)(axes, panel, found)


def _lines(axes: Axes, panel: Document, found: Found) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    found = sorted(found, key=lambda one: -_last(one[1]))
    if defaults["custom"].get("stacking", {}).get("mode") == "normal":
        _stack(axes, found)
    else:
        for colour, (name, series) in zip(_cycle(len(found)), found, strict=True):
            axes.plot(series.times_s, series.values, color=colour, label=name)
            if len(found) <= FILLED_MAX:
                axes.fill_between(series.times_s, series.values, color=colour, alpha=0.08, linewidth=0)
    top = max((value for _, series in found for value in series.values if math.isfinite(value)), default=0.0)
    axes.set_ylim(0, axes.get_ylim()[1] if top > 0 else 1)
    low = min((value for _, series in found for value in series.values if math.isfinite(value)), default=0.0)
    if low < 0:
        axes.set_ylim(low * 1.1, axes.get_ylim()[1])
    for step in defaults["thresholds"]["steps"][1:]:
        if step["value"] <= axes.get_ylim()[1] * 4:
            axes.set_ylim(axes.get_ylim()[0], max(axes.get_ylim()[1], step["value"] * 1.08))
            axes.axhline(step["value"], color=COLOURS.get(step["color"], step["color"]), linewidth=1, linestyle="--")
    _dress(axes, defaults["unit"])
    axes.xaxis.set_major_formatter(FuncFormatter(_clock))
    axes.xaxis.set_major_locator(MultipleLocator(max(60.0, round(SECONDS / 300) * 60.0)))
    names = axes.get_legend_handles_labels()
    shown = [handles[:NAMES_MAX] for handles in names]
    axes.legend(*shown, loc="upper left", bbox_to_anchor=(-0.1, -0.13), ncols=3, fontsize=7.5, frameon=False,
                labelcolor=TEXT, handlelength=1.2, columnspacing=1.0, borderaxespad=0)  # fmt: skip


def _stack(axes: Axes, found: Found) -> None:
    times = sorted({time_s for _, series in found for time_s in series.times_s})
    rows = []
    for _, series in found:
        at = dict(zip(series.times_s, series.values, strict=True))
        rows.append([value if math.isfinite(value := at.get(time_s, 0.0)) else 0.0 for time_s in times])
    colours = _cycle(len(found))
    axes.stackplot(times, rows, labels=[name for name, _ in found], colors=colours, alpha=0.55, linewidth=0)


def _bars(axes: Axes, panel: Document, found: Found) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    ordered = sorted(found, key=lambda one: one[0])[::-1]
    values = [_last(series) for _, series in ordered]
    top = defaults.get("max", max(values) or 1.0)
    axes.barh(range(len(ordered)), [top] * len(ordered), color=GRID, height=0.62)
    axes.barh(range(len(ordered)), values, color=COLOURS["green"], height=0.62)
    say = _words(defaults["unit"])
    for place, value in enumerate(values):
        axes.text(top, place, f"{say(value)} ", color=TEXT, fontsize=7.5, ha="right", va="center")
    axes.set_yticks(range(len(ordered)), [name for name, _ in ordered])
    axes.set_xlim(0, top)
    _dress(axes, defaults["unit"])
    axes.set_yticks(range(len(ordered)), [name for name, _ in ordered])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda place, _: ordered[int(place)][0]))
    axes.grid(False)
    axes.set_xticks([])


def _number(figure: Figure, place: tuple[float, float, float, float], panel: Document, found: Found) -> None:
    left, bottom, width, height = place
    defaults = panel["fieldConfig"]["defaults"]
    axes = figure.add_axes((left, bottom, width, height * 0.4), facecolor=CARD)
    (_, series), *_ = found
    value = _last(series)
    colour = "green"
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    shade = COLOURS.get(colour, colour) if len(defaults["thresholds"]["steps"]) > 1 else TEXT
    finite = [one if math.isfinite(one) else 0.0 for one in series.values]
    axes.fill_between(series.times_s, finite, color=COLOURS["green"], alpha=0.25, linewidth=0)
    axes.set_ylim(0, max(finite) * 1.1 or 1)
    axes.axis("off")
    words = _words(defaults["unit"])(value)
    figure.text(left + width / 2, bottom + height * 0.46, words, color=shade, fontsize=20, ha="center", va="center")


def _dress(axes: Axes, unit: str) -> None:
    say = _words(unit)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: say(value)))
    axes.yaxis.set_major_locator(MultipleLocator(_power_of_two(axes)) if unit == "bytes" else MaxNLocator(5))
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.7)
    axes.tick_params(colors=QUIET, labelsize=7.5, length=0)
    axes.margins(x=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _words(unit: str) -> Callable[[float], str]:
    """How Grafana writes a number of a unit."""
    match unit:
        case "s" | "ms":
            factor = 1.0 if unit == "s" else 0.001
            return lambda value: _scaled(
                value * factor, (("µs", 1e-6), ("ms", 1e-3), ("s", 1), ("min", 60), ("h", 3600))
            )
        case "bytes":
            units = (("B", 1), ("KiB", 1024), ("MiB", 1024**2), ("GiB", 1024**3), ("TiB", 1024**4))
            return lambda value: _scaled(value, units)
        case "percentunit":
            return lambda value: f"{value * 100:.3g} %"
        case "eps" | "reqps" | "cps":
            word = {"eps": "events/s", "reqps": "req/s", "cps": "/s"}[unit]
            return lambda value: f"{_short(value)} {word}" if word != "/s" else f"{_short(value)}/s"
        case _ if unit.startswith("suffix:"):
            return lambda value: f"{_short(value)} {unit.removeprefix('suffix:').strip()}"
        case _:
            return _short


def _scaled(value: float, units: tuple[tuple[str, float], ...]) -> str:
    if value == 0:
        return f"0 {next(name for name, size in units if size == 1)}"
    fitting = [one for one in units if abs(value) >= one[1]] or [units[0]]
    name, size = fitting[-1]
    return f"{value / size:.3g} {name}"


def _short(value: float) -> str:
    for name, size in (("M", 1e6), ("K", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.3g}"


def _power_of_two(axes: Axes) -> float:
    """A step of an axis of bytes."""
    return float(2 ** math.ceil(math.log2(max(axes.get_ylim()[1], 1.0) / 5)))


def _clock(time_s: float, _place: int | None = None) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%H:%M}"


def _last(series: Series) -> float:
    return next((value for value in reversed(series.values) if math.isfinite(value)), 0.0)


def _cycle(number: int) -> list[str]:
    return [LINES[place % len(LINES)] for place in range(number)]


def draw_all(api: Api, folder: Path, end_s: float, seconds: float, ending: str = "webp") -> list[Path]:
    """Every dashboard; the images."""
    mpl.use("agg")
    images = []
    for file in sorted(GRAFANA.glob("*.json")):
        images.append(folder / f"{file.stem}.{ending}")
        draw(api, file, images[-1], end_s, seconds)
    return images


if __name__ == "__main__":
    begun = float(sys.argv[3]) if len(sys.argv) > 3 else SECONDS
    draw_all(Api(sys.argv[1]), Path(sys.argv[2]), time.time(), begun)
