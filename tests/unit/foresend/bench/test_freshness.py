"""Figures of probes: one that was given up is not left out."""

from pathlib import Path

from foresend.bench.figures import merged
from foresend.bench.freshness import FreshnessSizes, Probed, figures, write_trace

SIZES = FreshnessSizes(timeout=10.0)


def test_a_probe_that_was_given_up_counts_as_all_of_its_time() -> None:
    probed = [Probed(float(number), 0.02) for number in range(98)] + [Probed(98.0, None), Probed(99.0, None)]

    line = merged([figures(SIZES, probed, load_events_per_s=499.6, refused=0)])

    assert (line["probes"], line["timeouts"], line["load_events_per_s"]) == (100, 2, 499.6)
    assert (line["p50_ms"], line["p99_ms"], line["max_ms"]) == (20.0, 10_000, 10_000)


def test_the_trace_holds_every_probe(tmp_path: Path) -> None:
    write_trace(tmp_path / "trace.csv", [Probed(0.0, 0.0251), Probed(0.025, None)])

    assert (tmp_path / "trace.csv").read_text().splitlines() == ["at_s,took_ms", "0.0000,25.10", "0.0250,"]
