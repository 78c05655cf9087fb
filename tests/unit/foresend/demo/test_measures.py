"""What a run measures: percentiles, memory, rates, and the figures made of them."""

import itertools
import os
from types import SimpleNamespace
from typing import Any

import pytest

from foresend.demo.latencies import Latencies
from foresend.demo.measures import Chaos, Measures, Rate
from foresend.demo.memory import MemoryTrack, resident_mb, slope_mb_per_min
from foresend.demo.scraping import by_label
from foresend.simulation.scoreboard import Scoreboard

FIXED_KEYS = set(
    """seconds setup_s first_message_s users events events_per_s freshness_p50_ms freshness_p99_ms
personalised_share sends click_rate_personalised click_rate_uniform click_rate_best_fixed lift_vs_uniform
lift_vs_uniform_lo lift_vs_uniform_hi lift_vs_best_fixed lift_vs_best_fixed_lo lift_vs_best_fixed_hi dead_letters
restarts""".split()  # noqa: SIM905 - as the list of figures has them
)
TURN_KEYS = {"rate_before", "rate_after_turn", "recovered_s"}


def measures(**changes: Any) -> Measures:
    traffic: Any = SimpleNamespace(acts=70, sends=20, refused=0, fallbacks={}, held_s=0.0)
    return Measures(100, Scoreboard(100), traffic, begun_s=50.0, first_message_s=31.26, **changes)


def test_percentiles_of_the_last_minute_forget_what_is_older() -> None:
    latencies = Latencies(window_s=60)
    for second in range(100):
        latencies.add(1.0 if second < 50 else 0.1, float(second))

    assert latencies.lately(0.99, now_s=100) == 1.0
    assert latencies.lately(0.99, now_s=120) == 0.1
    assert latencies.lately(0.5, now_s=1000) is None


def test_percentiles_of_everything_are_exact_to_a_percent_and_bounded() -> None:
    latencies = Latencies()
    for number in range(1, 20_001):
        latencies.add(number / 1000, float(number))

    assert latencies.overall(0.5) == pytest.approx(10.0, rel=0.011)
    assert latencies.overall(0.99) == pytest.approx(19.8, rel=0.011)
    assert len(latencies._buckets) < 1000
    assert len(latencies._newest) <= 10_000


def test_nothing_measured_has_no_percentile_and_zero_has_one() -> None:
    latencies = Latencies()
    assert (latencies.overall(0.5), latencies.lately(0.5, 0.0)) == (None, None)
    latencies.add(0.0, 1.0)
    assert latencies.overall(0.99) == pytest.approx(0.0, abs=1e-5)


def test_the_slope_is_that_of_the_newer_half() -> None:
    track = MemoryTrack()
    for second in range(240):
        track.add(float(second), 100.0 + second * 10 if second < 119 else 700.0 + (second - 119) / 60)

    assert track.slope_mb_per_min() == pytest.approx(1.0, abs=0.1)
    assert track.last_mb == pytest.approx(702, abs=0.1)


def test_samples_of_memory_are_thinned_out_and_still_tell_the_slope() -> None:
    track = MemoryTrack(samples_max=50)
    for second in range(10_000):
        track.add(float(second), 100.0 + second * 2 / 60)

    assert len(track._samples) <= 50
    assert track.slope_mb_per_min() == pytest.approx(2.0)


@pytest.mark.parametrize("samples", [[], [(0.0, 1.0)], [(float(second), 1.0) for second in range(60)]])
def test_too_short_a_time_has_no_slope(samples: list[tuple[float, float]]) -> None:
    assert slope_mb_per_min(samples) is None


def test_memory_counts_this_process() -> None:
    held = bytearray(os.urandom(1) * 50_000_000)
    with_it = resident_mb(os.getpid())
    assert len(held) == 50_000_000
    assert 50 < with_it < 5_000


def test_memory_of_a_process_that_is_gone_is_none() -> None:
    assert resident_mb(2**22 + 1) == 0


def test_a_rate_is_over_the_last_seconds() -> None:
    rate = Rate(window_s=10)
    seen = [rate.at(float(second), second * 5 if second < 100 else 500 + (second - 100) * 20) for second in range(120)]
    assert seen[0] == 0
    assert seen[50] == pytest.approx(5)
    assert seen[-1] == pytest.approx(20)
    assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(seen))


def test_samples_of_a_metric_are_found_by_their_label() -> None:
    page = (
        'a_total{cause="new"} 3.0\na_total{cause="shift"} 1e+03\nb_total{cause="new"} 9.0\na_total{x="1",y="2"} 5.0\n'
    )
    assert by_label(page, "a_total") == {"new": 3, "shift": 1000}


def test_the_figures_have_the_keys_that_others_read() -> None:
    found = measures().figures(now_s=150.0)

    assert set(found) >= FIXED_KEYS
    assert not TURN_KEYS & set(found)
    assert "recovered_in_s" not in found
    assert (found["seconds"], found["users"], found["events"], found["events_per_s"]) == (100.0, 100, 90, 0.9)
    assert (found["first_message_s"], found["freshness_p50_ms"], found["setup_s"]) == (31.3, None, None)


def test_a_turn_and_a_kill_have_figures_of_their_own() -> None:
    chaos = Chaos(killed_at_s=10.0)
    chaos.seen(asked_at_s=9.9, now_s=12.0)
    chaos.seen(asked_at_s=10.1, now_s=25.0)
    chaos.seen(asked_at_s=10.2, now_s=26.0)
    chaos.came_back(14.26)
    found = measures(drift=True, chaos=chaos).figures(now_s=150.0)

    assert set(found) >= TURN_KEYS
    assert (found["recovered_in_s"], found["fresh_in_s"]) == (14.3, 15.0)


def test_what_is_unusual_is_said() -> None:
    assert measures().notes(waiting=0) == []
    (note,) = measures().notes(waiting=100_000)
    assert "100,000" in note
    (killed,) = measures(chaos=Chaos(killed_at_s=1.0)).notes(0)
    (back,) = measures(chaos=Chaos(killed_at_s=1.0, recovered_in_s=14.0)).notes(0)
    assert "started again" in killed
    assert "14 s" in back
