"""Figures of several runs: medians and their spread, percentiles, and no more digits than repeat."""

import pytest

from foresend.bench.figures import Run, merged, percentile, rounded


def test_the_median_of_runs_is_told_with_the_least_and_the_most_beside_it() -> None:
    runs = [Run({"users": 10}, {"p99_ms": value}) for value in (3.0, 1.0, 200.0)]

    assert merged(runs) == {"users": 10, "p99_ms": 3.0, "p99_ms_min": 1.0, "p99_ms_max": 200.0}


def test_one_run_is_its_own_spread_and_counts_stay_whole() -> None:
    assert merged([Run({}, {"timeouts": 3})]) == {"timeouts": 3, "timeouts_min": 3, "timeouts_max": 3}


def test_what_is_given_has_no_spread() -> None:
    assert merged([Run({"entry_bytes": 2900, "ok": True}), Run({"entry_bytes": 2900, "ok": True})]) == {
        "entry_bytes": 2900,
        "ok": True,
    }


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.991, 100.0), (0.999, 100.0), (1.0, 100.0)],
)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(1, 101)], share) == expected


def test_of_one_value_every_percentile_is_that_value() -> None:
    assert [percentile([7.0], share) for share in (0.0, 0.5, 1.0)] == [7.0, 7.0, 7.0]


@pytest.mark.parametrize(
    ("figure", "expected"),
    [(1234567, 1234567), (12345.6, 12346), (1234.56, 1235.0), (0.000123456, 0.0001235), (0.0, 0.0), (-2.34567, -2.346)],
)
def test_figures_have_as_many_digits_as_repeat(figure: float, expected: float) -> None:
    assert rounded(figure) == expected
