"""The reference of metrics: every name that programs tell on `/metrics`, from the table that their meters are made of.

`python -m foresend.metrics_page` prints docs/metrics.md; a test holds the two together.
"""

from collections.abc import Iterable

from connectors.metrics.metric import Metric, Program
from connectors.metrics.of_all import OF_ALL
from connectors.metrics.table import METRICS

HEAD = """# Metrics

Every program answers `/metrics`; the Flink job is scraped by Flink's own reporter. This page is written by
`python -m foresend.metrics_page` from the table that the meters are made of (`connectors/metrics/`), and a test
compares it with what the programs answer. Labels name workspaces, templates, slots, channels and reasons: never a
person.

The headline is `foresend_freshness_seconds`: how long it takes from an event's acceptance by the collector until a
message that knows of it can be read.

Of a histogram Prometheus has `…_bucket`, `…_sum` and `…_count`. Times are seconds, sizes bytes. Python programs also
tell what the library tells of every process (`process_…`, `python_…`); Flink tells `flink_…`.
"""
OF_PROGRAMS = (
    (Program.COLLECT, "`foresend collect`", "On its own port, 8080."),
    (Program.SERVE, "`foresend serve`", "On its own port, 8090: what is read, the cache, the outbox and the ledger."),
    (Program.DELIVER, "`foresend deliver`", "On its own port, 8095."),
    (Program.INBOUND, "`foresend inbound serve`", "On a port beside LMTP, 8096."),
    (Program.TRAIN, "`foresend train --every`", "On the port of `--metrics-port`; without it nothing is told."),
    (
        Program.JOB,
        "`foresend job`",
        "By Flink's reporter, renamed by one rule: see [metrics of the job](metrics-of-the-job.md).",
    ),
)


def page() -> str:
    """The whole page, as Markdown."""
    parts = [HEAD, "## Every Python program\n", _table(OF_ALL)]
    for program, title, where in OF_PROGRAMS:
        own = [metric for metric in METRICS if program in metric.programs and metric not in OF_ALL]
        parts += [f"## {title}\n", f"{where}\n", _table(own)]
    return "\n".join(parts)


def _table(metrics: Iterable[Metric]) -> str:
    rows = [("name", "type", "unit", "labels", "what it tells"), ("---",) * 5]
    rows += [(f"`{one.name}`", one.kind.value, one.unit, _labels(one), one.meaning) for one in metrics]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |\n" for row in rows)


def _labels(metric: Metric) -> str:
    return "; ".join(
        f"`{label}`: {', '.join(value or '(empty)' for value in metric.values[label])}"
        if label in metric.values
        else f"`{label}`"
        for label in metric.labels
    )


if __name__ == "__main__":
    print(page(), end="")
