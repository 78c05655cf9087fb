"""The page of figures: tables go between their marks, and nothing else on the page is touched."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from foresend.bench.report import Measured, figures_of, with_figures, write_report
from foresend.bench.telling import Tell
from schemas.errors import ConfigError

BEGIN = "<!-- figures of cache: written by make bench -->\n"
END = "<!-- end of figures of cache -->\n"
LINE = {
    "bench": "cache",
    "users": 100_000,
    "load_entries_per_s": 45_678,
    "load_entries_per_s_min": 40_000,
    "load_entries_per_s_max": 50_000,
    "equal": True,
    "runs": 3,
    "commit": "abc",
    "machine": {"cores": 2, "memory_gb": 7.5, "cpu": "Some CPU"},
}


def test_many_lines_are_rows_of_one_table() -> None:
    lines = [{**LINE, "users": users} for users in range(1, 6)]

    told = figures_of(Measured("cache", "foresend bench cache --json", lines, datetime(2026, 3, 1, tzinfo=UTC)))

    assert told.splitlines()[2:5] == ["| users | load_entries_per_s | equal |", "|--:|--:|--:|", "| 1 | 45 678 | yes |"]
    assert len(told.splitlines()) == 2 + 2 + 5


def test_new_figures_take_the_place_of_old_ones_and_what_stands_around_them_stays() -> None:
    page = f"# Page\n\nby hand\n{BEGIN}old\n{END}more by hand\n"

    assert with_figures(page, "cache", "new\n") == f"# Page\n\nby hand\n{BEGIN}new\n{END}more by hand\n"


def test_writing_the_same_figures_again_changes_nothing() -> None:
    once = with_figures("# Page\n", "cache", "figures\n")

    assert with_figures(once, "cache", "figures\n") == once


def test_a_bench_without_a_place_gets_one_at_the_end() -> None:
    assert with_figures("# Page\n", "cache", "x\n") == f"# Page\n\n## cache\n\n{BEGIN}x\n{END}"


@pytest.mark.parametrize(
    "page",
    [f"{BEGIN}no end\n", f"no begin\n{END}", f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}", f"{BEGIN}{BEGIN}{END}"],
)
def test_a_page_with_half_a_place_or_two_is_refused(page: str) -> None:
    with pytest.raises(ConfigError, match="expected one line"):
        with_figures(page, "cache", "x\n")


def test_the_table_tells_where_and_when_and_puts_thousands_apart() -> None:
    told = figures_of(Measured("cache", "foresend bench cache --json", [LINE], datetime(2026, 3, 1, tzinfo=UTC)))

    assert told.splitlines() == [
        "`foresend bench cache --json`, 2026-03-01, commit abc, 2 cores (Some CPU), 7.5 GB:",
        "",
        "| figure | median of 3 | least | most |",
        "|---|--:|--:|--:|",
        "| users | 100 000 |  |  |",
        "| load_entries_per_s | 45 678 | 40 000 | 50 000 |",
        "| equal | yes |  |  |",
    ]


def test_one_run_has_no_spread_and_two_lines_make_two_tables() -> None:
    one = LINE | {"runs": 1}

    told = figures_of(Measured("cache", "c", [one, one], datetime(2026, 3, 1, tzinfo=UTC)))

    assert told.count("| figure | one run |\n|---|--:|\n| users | 100 000 |\n| load_entries_per_s | 45 678 |\n") == 2


def test_a_bench_that_fails_leaves_its_part_of_the_page_and_the_others_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n{BEGIN}old\n{END}", encoding="utf-8")
    line = b'{"users": 1, "runs": 1, "commit": null, "machine": {"cores": 1, "memory_gb": 1.0, "cpu": "x"}}\n'

    def run(command: Sequence[str], **_: Any) -> CompletedProcess[bytes]:
        return CompletedProcess(command, 1 if "cache" in command else 0, line)

    monkeypatch.setattr("foresend.bench.report.subprocess.run", run)

    code = write_report(page, ["cache", "render"], Tell(quiet=True))

    assert code == 1
    text = page.read_text(encoding="utf-8")
    assert f"{BEGIN}old\n{END}" in text
    assert "## render" in text
    assert "commit unknown" in text
