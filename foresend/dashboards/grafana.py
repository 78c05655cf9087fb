"""Our boards in Grafana's own shape, with one look for all of them."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

from foresend.dashboards.panel import Board, Kind, Panel, Query

AnyPanel = timeseries.Panel | stat.Panel | bargauge.Panel
"""Builders of the kinds that we use."""

PREFIX = "foresend-"
DATASOURCE = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
RUNBOOK = "${runbook}"
"""A variable: where docs/runbook/ is read depends on whose installation it is."""
RUNBOOK_DEFAULT = "/public/runbook"
GREEN, YELLOW, RED = "green", "#EAB839", "red"
WIDTH = {Kind.LINES: 8, Kind.NUMBER: 4, Kind.BARS: 8}
HEIGHT = {Kind.LINES: 7, Kind.NUMBER: 4, Kind.BARS: 7}
SPAN = "now-1h"


def as_json(board: Board, others: Sequence[Board]) -> str:
    """The file that Grafana reads.

    others  all boards, linked at the top
    """
    built = _head(board)
    for other in others:
        link = dashboard.DashboardLink(other.title).type(models.DashboardLinkType.LINK)
        built = built.link(link.url(f"/d/{PREFIX}{other.name}").include_vars(True).keep_time(True))
    number = 0
    for row in board.rows:
        number += 1
        built = built.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            built = built.with_panel(_panel(panel, number))
    return _Encoder(indent=1, sort_keys=True).encode(built.build()) + "\n"


class _Encoder(JSONEncoder):
    """The library's, but for links: it hides every one of them in a menu."""

    def default(self, obj: object) -> object:
        said = super().default(obj)
        if isinstance(obj, models.DashboardLink):
            said.pop("placement")
        return said


def _head(board: Board) -> dashboard.Dashboard:
    workspaces = dashboard.QueryVariable("workspace").label("Workspace").datasource(DATASOURCE)
    workspaces = workspaces.query("label_values(foresend_events_accepted_total, workspace)")
    everything = models.VariableOption(selected=True, text="All", value="$__all")
    return (
        dashboard.Dashboard(f"Foresend: {board.title}")
        .uid(f"{PREFIX}{board.name}")
        .description(board.about)
        .tags(["foresend"])
        .readonly()
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time(SPAN, "now")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(
            workspaces.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(everything)
        )
        .with_variable(dashboard.TextBoxVariable("runbook").label("Runbook").default_value(RUNBOOK_DEFAULT))
        .annotation(_alerts())
    )


def _alerts() -> dashboard.AnnotationQuery:
    """Alerts that fire, as marks in every picture."""
    firing = 'ALERTS{alertstate="firing", alertname=~"Foresend.*"}'
    marks = dashboard.AnnotationQuery().name("Alerts").datasource(DATASOURCE).enable(True).icon_color(RED)
    return marks.expr(firing).title_format("{{alertname}}").text_format("{{severity}}")


def _panel(panel: Panel, number: int) -> AnyPanel:
    built: AnyPanel
    match panel.kind:
        case Kind.LINES:
            built = _lines(panel)
        case Kind.NUMBER:
            built = _number(panel)
        case Kind.BARS:
            built = _bars()
    built.id(number).title(panel.title).description(panel.about).datasource(DATASOURCE)
    built.unit(panel.unit.value).no_value("none")
    built.thresholds(_thresholds(panel)).span(WIDTH[panel.kind]).height(HEIGHT[panel.kind])
    if not panel.signed:
        built.min(0)
    if panel.top is not None:
        built.max(panel.top)
    if panel.runbook is not None:
        # A page of the runbook, at the corner of the panel.
        link = dashboard.DashboardLink("Runbook").type(models.DashboardLinkType.LINK).target_blank(True)
        built.links([link.url(f"{RUNBOOK}/{panel.runbook}.md")])
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        built.with_target(_query(query, letter, panel.kind))
    return built


def _query(query: Query, letter: str, kind: Kind) -> prometheus.Dataquery:
    asked = prometheus.Dataquery().datasource(DATASOURCE).ref_id(letter).expr(query.expr).legend_format(query.legend)
    return asked.instant() if kind is Kind.BARS else asked.range()


def _lines(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.LIST)
    legend = legend.placement(common_models.LegendPlacement.BOTTOM).show_legend(True).calcs([])
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    lines = timeseries.Panel().legend(legend).tooltip(tooltip.sort(common_models.SortOrder.DESCENDING))
    lines = lines.line_width(2).show_points(common_models.VisibilityMode.NEVER).axis_soft_min(0)
    lines = lines.fill_opacity(30 if panel.stacked else 8)
    if panel.stacked:
        lines = lines.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
    style = common_models.GraphThresholdsStyleMode.DASHED if _limits(panel) else _NO_LIMITS
    return lines.thresholds_style(common.GraphThresholdsStyleConfig().mode(style))


_NO_LIMITS = common_models.GraphThresholdsStyleMode.OFF


def _number(panel: Panel) -> stat.Panel:
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    number = stat.Panel().reduce_options(last).graph_mode(common_models.BigValueGraphMode.AREA)
    colour = common_models.BigValueColorMode.VALUE if _limits(panel) else common_models.BigValueColorMode.NONE
    return number.color_mode(colour).text_mode(common_models.BigValueTextMode.VALUE_AND_NAME)


def _bars() -> bargauge.Panel:
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    bars = bargauge.Panel().reduce_options(last).orientation(common_models.VizOrientation.HORIZONTAL)
    return bars.display_mode(common_models.BarGaugeDisplayMode.BASIC)


def _limits(panel: Panel) -> list[tuple[float, str]]:
    limits = [(value, colour) for value, colour in ((panel.warn, YELLOW), (panel.bad, RED)) if value is not None]
    return sorted(limits)


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    """Grafana's steps go upwards, each from its value on, so where low is bad the colours come in turn."""
    limits = _limits(panel)
    if panel.falling:
        colours = [*(colour for _, colour in limits), GREEN]
        steps = [(None, colours[0]), *((limit[0], colour) for limit, colour in zip(limits, colours[1:], strict=True))]
    else:
        steps = [(None, GREEN), *limits]
    made = [models.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)
