"""Metrics that every Python program tells."""

from connectors.metrics.metric import Kind, Metric, Program

PYTHON_PROGRAMS = tuple(program for program in Program if program is not Program.JOB)
WEB_PROGRAMS = (Program.COLLECT, Program.SERVE, Program.DELIVER, Program.INBOUND)

OF_ALL = (
    Metric(
        "foresend_build_info",
        Kind.GAUGE,
        "1",
        PYTHON_PROGRAMS,
        "Always 1: of which version the program is, and built from which commit where its image says so",
        ("version", "commit"),
    ),
    Metric(
        "foresend_ready",
        Kind.GAUGE,
        "1 or 0",
        WEB_PROGRAMS,
        "1: the program can do its work now, as `/readyz` tells it",
    ),
)
