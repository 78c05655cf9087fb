"""What a demo shows: on one screen, in a line, and in sentences at its end."""

import io
from typing import Any

import pytest
from rich.console import Console

from foresend.demo.steps import ToldSteps
from foresend.demo.view import Moment, Setting, line, screen
from foresend.demo.words import in_words

MOMENT = Moment(263.4, 81.0, (0.0382, 0.121))
SETTING = Setting(["http://127.0.0.1:8070/ana", "http://127.0.0.1:8070/jonas"], 4.0)


def figures(**changes: Any) -> dict[str, Any]:
    lifts = {f"lift_vs_{arm}{end}": 0.5 for arm in ("best_fixed", "uniform") for end in ("", "_lo", "_hi")}
    rates = {f"click_rate_{arm}": 0.1 for arm in ("personalised", "best_fixed", "uniform", "optimum")}
    return {
        "seconds": 134.2, "setup_s": 120.0, "download_mb": 586.0, "first_message_s": 31.2, "users": 2000,
        "events": 30_000, "events_per_s": 250.0, "freshness_p50_ms": 38.0, "freshness_p99_ms": 121.0, "probes": 600,
        "probe_timeouts": 0, "sends": 9000, "personalised_share": 0.912, "optimum_share": 0.6,
        "optimum_share_recent": 0.7, "renders": {"new": 4000, "shift": 12_000, "odd": 3}, "fallbacks": {},
        "refused": 0, "held_s": 0.0, "dead_letters": 0, "restarts": 0, "memory_mb": 2150.0,
        "memory_slope_mb_per_min": 0.4, **rates, **lifts, **changes,
    }  # fmt: skip


NOTHING = figures(
    **dict.fromkeys(
        [name for name, value in figures().items() if name.startswith(("click_", "lift_", "optimum_", "freshness_"))]
        + ["personalised_share", "memory_mb", "memory_slope_mb_per_min", "setup_s", "download_mb"]
    ),
    sends=0,
    renders={},
)


def shown(found: dict[str, Any], moment: Moment = MOMENT, setting: Setting = SETTING) -> list[str]:
    console = Console(file=io.StringIO(), width=100, height=30, color_system=None)
    console.print(screen(found, moment, setting))
    written: io.StringIO = console.file  # type: ignore[assignment]
    return written.getvalue().splitlines()


@pytest.mark.parametrize("found", [figures(), NOTHING])
def test_everything_fits_on_one_screen(found: dict[str, Any]) -> None:
    lines = shown(found, Moment(1e6, 1e6, (123.0, 456.0), ["Something long " * 6]))
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100


def test_the_screen_tells_what_is_measured_and_that_it_is_simulated() -> None:
    text = "\n".join(shown(figures()))
    for told in (
        "2,000 simulated people", "2:14", "263/s", "38 / 121 ms", "91.2 %", "intervals hold at every look",
        "Foresend +50 %  (+50 % to +50 %)", "preferences have shifted", "12,000", "odd", "2,150 MB (+0.4/min)",
        *SETTING.addresses, "Ctrl-C",
    ):  # fmt: skip
        assert told in text, told


def test_what_is_not_known_yet_is_a_dash() -> None:
    text = "\n".join(shown(NOTHING, Moment(0, 0, (None, None))))
    assert "– / – ms" in text
    assert "too early to tell" in text


def test_a_workspace_without_fields_says_that_nothing_is_probed() -> None:
    assert "no field to probe" in "\n".join(shown(figures(), setting=Setting([], 4.0, can_probe=False)))


def test_a_line_says_the_same_in_short() -> None:
    told = line(figures(), Moment(263.4, 81.0, (0.0382, 0.121), ["It was killed."]))
    assert told.startswith("134 s: 263 events/s, 9000 sends, freshness 38/121 ms, personalised 91.2 %")
    assert told.endswith("; It was killed.")
    assert "\n" not in told
    assert line(NOTHING, Moment(0, 0, (None, None)))


def test_the_end_says_in_words_what_was_measured() -> None:
    text = "\n".join(in_words(figures()))
    assert "In 2:14 minutes, 2,000 simulated people made 30,000 events" in text
    assert "31 s after the start; setting up took 120 s; what is downloaded for it are 586 MB" in text
    assert "38 ms in the middle" in text
    assert "+50 %, with 95 % confidence +50 % to +50 %: more than chance. The people are simulated." in text
    assert "60.0 % was reached" in text
    assert "tastes" not in text
    assert "killed" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lift_vs_best_fixed_lo": -0.1}, "may be chance"),
        ({"lift_vs_best_fixed_lo": -0.3, "lift_vs_best_fixed_hi": -0.1}, "less than chance"),
        ({"lift_vs_best_fixed_lo": None, "lift_vs_best_fixed_hi": None}, "cannot be told yet"),
        ({"freshness_p50_ms": None}, "no template of this workspace shows a field"),
        ({"recovered_in_s": 16.4}, "ran again 16 s later"),
        ({"recovered_in_s": None}, "did not come back"),
        ({"rate_before": 0.2, "rate_after_turn": 0.1, "recovered_s": 90.0}, "fell from 20.0 % to 10.0 %, and was back"),
        ({"rate_before": 0.2, "rate_after_turn": 0.1, "recovered_s": None}, "was not back"),
        ({"rate_before": None, "rate_after_turn": None, "recovered_s": None}, "not time enough"),
    ],
)
def test_the_end_says_what_was_special(changes: dict[str, Any], words: str) -> None:
    assert words in "\n".join(in_words(figures(**changes)))


def test_a_run_that_was_ended_at_once_still_has_words() -> None:
    assert "Nothing was sent." in in_words(NOTHING)


def test_steps_are_told_line_by_line_where_there_is_no_terminal() -> None:
    now_s = iter([1.0, 2.0, 4.5, 8.0])
    console = Console(file=io.StringIO(), width=100, force_terminal=False)
    with ToldSteps(console, clock=lambda: next(now_s)) as steps:
        steps.begun("Kafka")
        steps.begun("Flink")
        steps.done("Kafka")
        steps.done("Flink")
    written: io.StringIO = console.file  # type: ignore[assignment]
    assert written.getvalue().splitlines() == ["Kafka: ready after 3.5 s", "Flink: ready after 6.0 s"]
