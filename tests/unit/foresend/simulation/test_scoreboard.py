"""The scoreboard: rates, shares and the turn, from a few sends that can be added up by hand."""

import json

import pytest

from foresend.simulation.scoreboard import WINDOW_S, Scoreboard

EXPECTED = (0.2, 0.05, 0.1, 0.3)


def book(
    board: Scoreboard, at_s: float, expected: tuple[float, ...] = EXPECTED, clicks: str = "", who: int = 0
) -> None:
    """`clicks`: letters of the arms that were clicked: p, u, f."""
    board.book(at_s, who, [arm in clicks for arm in "puf"], expected, personal="p" in clicks)


def test_before_the_first_send_nothing_is_claimed() -> None:
    figures = Scoreboard(1).figures().as_json()
    assert figures.pop("sends") == 0
    assert set(figures.values()) == {None}
    assert json.dumps(figures)


def test_rates_are_clicks_over_sends_and_the_optimum_is_by_chances() -> None:
    board = Scoreboard(1)
    for clicks in ("p", "pf", "", "u"):
        book(board, 0.0, clicks=clicks)
    figures = board.figures()
    assert figures.sends == 4
    assert figures.click_rate_personalised == 0.5
    assert (figures.click_rate_uniform, figures.click_rate_best_fixed) == (0.25, 0.25)
    assert figures.click_rate_optimum == pytest.approx(0.3)
    assert (figures.lift_vs_best_fixed, figures.lift_vs_best_fixed_lo) == (1.0, None)
    assert figures.personalised_share == 0.5
    assert figures.optimum_share == pytest.approx(0.5)


def test_the_recent_share_forgets_what_is_older_than_a_minute() -> None:
    board = Scoreboard(1)
    book(board, 0.5, (0.1, 0.1, 0.1, 0.3))
    for second in range(70, 70 + WINDOW_S + 1):
        book(board, float(second), (0.3, 0.1, 0.1, 0.3))
    assert board.figures().optimum_share_recent == pytest.approx(1)
    assert board.figures().optimum_share == pytest.approx(61 / 62)


def test_after_silence_the_window_is_empty() -> None:
    board = Scoreboard(1)
    book(board, 1.0)
    book(board, 10_000.0)
    assert board.figures().optimum_share_recent is None


def turned(rates: dict[range, float], turn_at_s: float = 100.0) -> Scoreboard:
    """A board with one send a second at these chances."""
    board = Scoreboard(1, turn_at_s)
    for seconds, rate in rates.items():
        for second in seconds:
            book(board, float(second), (rate, 0.0, 0.0, 1.0))
    return board


def test_recovery_is_when_a_whole_minute_after_the_turn_is_back_at_nine_tenths() -> None:
    board = turned({range(100): 0.2, range(100, 150): 0.1, range(150, 260): 0.2})
    figures = board.figures()
    assert figures.rate_before == pytest.approx(0.2)
    assert figures.rate_after_turn == pytest.approx((50 * 0.1 + 10 * 0.2) / 60)
    # 60 seconds of which 12 at 0.1 are at 0.18 = 0.9 x 0.2: they end 98 s after the turn.
    assert figures.recovered_s == pytest.approx(98, abs=1)


def test_no_sooner_than_a_minute_and_not_at_all_where_it_stays_low() -> None:
    assert turned({range(300): 0.2}).figures().recovered_s == WINDOW_S
    low = turned({range(100): 0.2, range(100, 400): 0.17}).figures()
    assert low.rate_after_turn == pytest.approx(0.17)
    assert low.recovered_s is None


def test_before_the_turn_and_without_one_there_is_nothing_to_recover_from() -> None:
    early = turned({range(90): 0.2}).figures()
    assert (early.rate_after_turn, early.recovered_s) == (None, None)
    board = Scoreboard(1)
    for second in range(200):
        book(board, float(second))
    assert board.figures().rate_before is None


def test_its_memory_is_bounded_however_long_it_runs() -> None:
    board = Scoreboard(2)
    for second in range(5_000):
        book(board, float(second), clicks="pu", who=second % 2)
    assert len(board._window._seconds) == WINDOW_S + 1
    assert board.figures().sends == 5_000
