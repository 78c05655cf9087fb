"""The bench of the shift's thresholds: what it tries, and what it tells."""

from foresend.bench.shift import ShiftSizes, measure, settings
from foresend.bench.telling import Tell
from schemas.library import ShiftSettings


def test_the_default_thresholds_are_among_those_tried_and_none_is_out_of_range() -> None:
    tried = list(settings())
    assert ShiftSettings() in tried
    assert all(0 <= value <= 1 for one in tried for value in (one.divergence, one.lead, one.preference))
    assert len(set(tried)) == len(tried)


def test_higher_thresholds_save_renders_and_the_line_of_none_saves_nothing() -> None:
    lines = [run for (run,) in measure(ShiftSizes(people=8, seconds=40, runs=1), Tell(quiet=True))]
    saved = [line.measured["renders_saved"] for line in lines]
    assert saved[0] == 0
    assert lines[0].measured["clicks_lost"] == 0
    assert lines[0].measured["sends"] > 0
    assert 0.3 < saved[4] <= saved[7] < 1
