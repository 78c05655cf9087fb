"""Every bench once, small: it measures something, prints what others read, and leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from foresend.bench.benches import BENCHES

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
BENCH_S = 560.0
SMALL = {
    "hotpath": ["--events", "2000", "--users", "100", "--warm-up", "500"],
    "freshness": [
        *("--load", "50", "--users", "50", "--probes", "50", "--rate", "20", "--people", "30"),
        *("--warm-up", "3", "--timeout", "20"),
    ],
    "gateway": ["--users", "100", "--seconds", "0.5", "--warm-up", "0.3", "--runs", "1"],
    "cache": ["--users", "2000", "--reads", "1000", "--limit", "--day-reads", "20000"],
    "render": ["--people", "10", "--combinations", "50", "--runs", "2"],
    "candidates": ["--decisions", "100000"],
    "release": ["--users", "500", "--seconds", "2", "--warm-up", "0.5", "--renew", "50"],
    "collector": ["--seconds", "0.5", "--warm-up", "0.3", "--runs", "2", "--users", "100"],
    "models": ["--events", "400", "--users", "2000", "--people", "20", "--policy", "softmax", "--runs", "1"],
    "deliver": ["--recipients", "200", "--kills", "12", "--killed-recipients", "60"],
    "hostile": ["--strings", "2000"],
    "shift": ["--people", "20", "--seconds", "40", "--runs", "1"],
    "footprint": ["--people", "20", "--events", "500"],
}
"""Options by which each bench takes a hundredth of what it takes by itself, or less."""
KEYS = {
    "hotpath": "events users slots events_per_s bare_events_per_s ratio renders_share",
    "freshness": "load_events_per_s probes timeouts p50_ms p99_ms p999_ms",
    "gateway": "entries entry_bytes users requests_per_s p50_ms p99_ms outbox_left on_demand_requests_per_s "
    "ratio_on_demand naive_requests_per_s bare_requests_per_s ratio_bare",
    "cache": "users entries disk_bytes load_entries_per_s rebuild_entries_per_s read_p50_us read_p99_us "
    "limit_bytes disk_bytes_max hit_rate_lfu hit_rate_lru hit_rate_random",
    "render": "layout_us combination_us body_us candidates entry_bytes largest_entry_bytes html_bytes select_us",
    "candidates": "decisions candidates forbidden_pairs below_floor wrong_sums too_many empty retries_differ "
    "draws_deviate order_deviate select_us large_select_us",
    "release": "users renew_per_s invalid errors quiet_p99_ms p99_ms p99_ratio renewed_per_s",
    "collector": "batch events_per_s p99_ms",
    "models": "users events slots variants us_per_event models_us_per_event hot_cell_bytes_p99 all_cells_bytes_p99 "
    "snapshot_bytes",
    "deliver": "recipients sends kills restarts mails missing foreign unsigned marketing_duplicates transactional_lost "
    "transactional_again message_ids_changed unexplained ambiguous mails_per_s asked_per_s",
    "hostile": "strings messages refused header_injections foreign_recipients requests private_requests strings_per_s",
    "shift": "divergence lead preference people sends renders renders_saved clicks_lost gain_kept",
    "footprint": "people events event_bytes kafka_bytes_per_event communications_bytes_per_event rows_per_event "
    "state_bytes_mean state_bytes_p99 entry_bytes profile_bytes entries_per_person",
}
"""What others read from each bench's lines."""
MAY_BE_ZERO = {
    *("invalid", "errors"),
    *("timeouts", "outbox_left", "draws_deviate", "order_deviate"),
    *("forbidden_pairs", "below_floor", "wrong_sums", "too_many", "empty", "retries_differ"),
    *("kills", "restarts", "missing", "foreign", "unsigned", "marketing_duplicates", "transactional_lost"),
    *("transactional_again", "message_ids_changed", "unexplained", "ambiguous"),
    *("header_injections", "foreign_recipients", "private_requests"),
    *("divergence", "lead", "preference", "renders_saved", "clicks_lost", "gain_kept"),
}
WEIGHED_ONCE = {"footprint"}
"""Benches of bytes alone: the same log weighs the same, so nothing is taken several times."""


def test_every_bench_is_tried() -> None:
    assert set(SMALL) == set(KEYS) == set(BENCHES)


@pytest.mark.parametrize("name", SMALL)
def test_a_small_bench_prints_its_figures_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    lines = _measured(name, tmp_path)

    for line in lines:
        assert set(KEYS[name].split()) | {"runs", "commit", "machine"} <= set(line)
        assert line["machine"]["cores"] >= 1
        numbers = {key: line[key] for key in KEYS[name].split()}
        assert {key: value for key, value in numbers.items() if value <= 0 and key not in MAY_BE_ZERO} == {}
        spread = {key.removesuffix("_min") for key in line if key.endswith("_min")}
        assert spread or name in WEIGHED_ONCE, "something is timed"
        # `disk_bytes_max` is a figure of its own: the most under the limit.
        spread -= {"disk_bytes"} if name == "cache" else set()
        assert all(line[f"{key}_min"] <= line[key] <= line[f"{key}_max"] for key in spread)
    _check(name, lines)
    assert list((tmp_path / "scratch").iterdir()) == []
    assert _processes_naming(tmp_path) == []


def _check(name: str, lines: list[dict[str, Any]]) -> None:
    """What each bench promises of its own."""
    if name == "shift":
        assert lines[0]["renders_saved"] == 0, "the first line is that of rendering whatever moves"
        assert max(line["renders_saved"] for line in lines) > 0.3
        return
    if name == "deliver":
        _check_deliveries(*lines)
        return
    (line,) = lines
    if name == "hotpath":
        assert line["state_digest_equal"] is True
        assert (line["events"], line["users"], line["slots"]) == (2000, 100, 1)
    if name == "freshness":
        assert (line["probes"], line["load_refused"]) == (50, 0)
        assert line["p50_ms"] <= line["p99_ms"] <= line["p999_ms"]
    if name == "gateway":
        assert line["entries"] == 200
    if name == "cache":
        assert line["entries"] == 2 * line["users"], "each user has a message of two templates"
        assert line["disk_bytes"] > line["entries"] * 1000


def _check_deliveries(quiet: dict[str, Any], killed: dict[str, Any]) -> None:
    """Exactly one mail to each who may be written to; and whoever is killed, none of marketing twice, no other lost."""
    harm = ("missing", "foreign", "unsigned", "marketing_duplicates", "transactional_lost", "message_ids_changed")
    assert [line[key] for line in (quiet, killed) for key in (*harm, "unexplained")] == [0] * 14
    assert (quiet["mails"], quiet["kills"], quiet["ambiguous"]) == (180, 0, 0)
    assert (killed["kills"], killed["sends"]) == (12, 120)
    assert killed["restarts"] > 0


def _measured(name: str, folder: Path) -> list[dict[str, Any]]:
    """The lines of a bench, run as a person would."""
    (folder / "scratch").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "foresend.cli", "bench", name, "--json", *SMALL[name]],
        env={**os.environ, "TMPDIR": str(folder / "scratch")},
        capture_output=True,
        timeout=BENCH_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def _processes_naming(folder: Path) -> list[str]:
    """Command lines of living processes in which the folder stands."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found
