"""What came of the mails so far: rates of the personal message and of the controls, and how near it is to the best.

Where clicks alone would leave it to chance, chances are used: the simulator knows exactly how likely a click was for
each message, shown or not.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from foresend.simulation.intervals import ClickSums

WINDOW_S = 60
RECOVERED = 0.9
"""Of the level before the turn."""
ARMS = 4
"""Columns of expected chances: personal, uniform, best fixed, optimum."""


@dataclass(frozen=True)
class DemoFigures:
    """What the demo tells, all of it of simulated people. None where there is too little to tell.

    click_rate_optimum    the mean chance of the best message for each person; it is never sent
    optimum_share         part of the way from the best fixed message to the optimum that the personal one has come,
                          by chances; `_recent` over the last 60 s
    personalised_share    sends from an entry in which the person's own events count, over all
    rate_before           mean chance of a click over the 60 s before the turn
    rate_after_turn       the lowest over 60 s that lie wholly after it
    recovered_s           from the turn until the end of the first such 60 s that reach 0.9 of `rate_before`;
                          never below 60, for they must have passed
    """

    sends: int
    click_rate_personalised: float | None
    click_rate_uniform: float | None
    click_rate_best_fixed: float | None
    click_rate_optimum: float | None
    lift_vs_uniform: float | None
    lift_vs_uniform_lo: float | None
    lift_vs_uniform_hi: float | None
    lift_vs_best_fixed: float | None
    lift_vs_best_fixed_lo: float | None
    lift_vs_best_fixed_hi: float | None
    optimum_share: float | None
    optimum_share_recent: float | None
    personalised_share: float | None
    rate_before: float | None = None
    rate_after_turn: float | None = None
    recovered_s: float | None = None

    def as_json(self) -> dict[str, int | float | None]:
        """The keys of figures.md."""
        return asdict(self)


class _Sums:
    """Sends, and the sum of each arm's chances."""

    __slots__ = ("chances", "sends")

    def __init__(self) -> None:
        self.sends = 0
        self.chances = [0.0] * ARMS

    def add(self, sends: int, chances: Sequence[float], sign: int = 1) -> None:
        self.sends += sign * sends
        self.chances = [old + sign * new for old, new in zip(self.chances, chances, strict=True)]

    def rate(self, arm: int = 0) -> float | None:
        return self.chances[arm] / self.sends if self.sends else None

    def optimum_share(self) -> float | None:
        personal, _, fixed, best = self.chances
        return (personal - fixed) / (best - fixed) if best - fixed > 1e-9 * max(best, 1.0) else None


class _Window:
    """The last `WINDOW_S` whole seconds, each summed up: bounded however long it runs."""

    def __init__(self) -> None:
        self._seconds: deque[_Sums] = deque([_Sums()])
        self.second = 0

    def pass_to(self, second: int) -> bool:
        """Begin a later second; returns whether one ended."""
        if second <= self.second:
            return False
        for _ in range(min(second - self.second, WINDOW_S + 1)):
            self._seconds.append(_Sums())
        while len(self._seconds) > WINDOW_S + 1:
            self._seconds.popleft()
        self.second = second
        return True

    def add(self, chances: Sequence[float]) -> None:
        self._seconds[-1].add(1, chances)

    def whole(self) -> _Sums:
        """The seconds that have ended."""
        total = _Sums()
        for one in list(self._seconds)[:-1]:
            total.add(one.sends, one.chances)
        return total


class Scoreboard:
    """Adds up what was drawn for each send. Its memory is bounded by the number of people."""

    def __init__(self, people: int, turn_at_s: float | None = None) -> None:
        self._turn_at_s = math.inf if turn_at_s is None else turn_at_s
        self._clicks = [0, 0, 0]
        self._total = _Sums()
        self._window = _Window()
        self._personal = 0
        self._vs_uniform = ClickSums(people)
        self._vs_fixed = ClickSums(people)
        self._before: float | None = None
        self._lowest: float | None = None
        self._recovered_s: float | None = None

    def book(
        self, at_s: float, person: int, clicked: Sequence[bool], expected: Sequence[float], *, personal: bool
    ) -> None:
        """Take in one send.

        clicked   drawn for the personal, the uniform and the best fixed message
        expected  chance of a click of the personal, the uniform, the best fixed and this person's best message
        """
        if self._window.pass_to(int(at_s)):
            self._look_at_turn(int(at_s))
        own, uniform, fixed = clicked
        self._clicks = [old + new for old, new in zip(self._clicks, clicked, strict=True)]
        self._total.add(1, expected)
        self._window.add(expected)
        self._personal += personal
        self._vs_uniform.add(person, own, uniform)
        self._vs_fixed.add(person, own, fixed)

    def mean_chances(self) -> tuple[float, ...]:
        """Mean chance of a click of the personal, the uniform, the best fixed and each person's best message."""
        return tuple(self._total.rate(arm) or 0.0 for arm in range(ARMS))

    def figures(self) -> DemoFigures:
        """Everything as it stands."""
        sends = self._total.sends
        rates = [clicks / sends if sends else None for clicks in self._clicks]
        uniform, fixed = self._vs_uniform.lift(), self._vs_fixed.lift()
        return DemoFigures(
            sends=sends,
            click_rate_personalised=rates[0],
            click_rate_uniform=rates[1],
            click_rate_best_fixed=rates[2],
            click_rate_optimum=self._total.rate(ARMS - 1),
            lift_vs_uniform=uniform.value,
            lift_vs_uniform_lo=uniform.lo,
            lift_vs_uniform_hi=uniform.hi,
            lift_vs_best_fixed=fixed.value,
            lift_vs_best_fixed_lo=fixed.lo,
            lift_vs_best_fixed_hi=fixed.hi,
            optimum_share=self._total.optimum_share(),
            optimum_share_recent=self._window.whole().optimum_share(),
            personalised_share=self._personal / sends if sends else None,
            rate_before=self._before,
            rate_after_turn=self._lowest,
            recovered_s=self._recovered_s,
        )

    def _look_at_turn(self, second: int) -> None:
        """Note the window's rate before the turn, and how it fell and rose after it, at the end of each second."""
        rate = self._window.whole().rate()
        if second <= self._turn_at_s:
            self._before = rate if math.isfinite(self._turn_at_s) else None
        elif rate is not None and second >= self._turn_at_s + WINDOW_S:
            self._lowest = rate if self._lowest is None else min(self._lowest, rate)
            if self._recovered_s is None and self._before is not None and rate >= RECOVERED * self._before:
                self._recovered_s = second - self._turn_at_s
