"""How fast a campaign goes: so many an hour, and so many a day to each receiving domain while a sender warms up.

What is here is asked under the store's lock, right before a send is granted, and keeps a bounded number of counts.
"""

import math
from collections.abc import Mapping

from schemas.campaigns import Pace

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
BURSTS_AN_HOUR = 60
"""A worker asks once in a while and takes what has come together: a minute's worth at most."""
DOMAINS_MAX = 10_000
"""Receiving domains counted for one campaign; all others share one count, as if they were one domain."""
OTHER_DOMAINS = "*"
TIMES_MAX = 10_000
"""Times at which people are due that are told apart: of a campaign at best hours some hundreds."""


class Throttle:
    """At most so many an hour, in any hour, spread over it: a virtual schedule (ATM Forum's GCRA, TM 4.1, 4.4.2).

    per_hour  more than 0; it need not be whole, for nodes share a campaign's: then in some hours it is rounded up

    Whoever has to wait is given the end of a line that moves on at the same pace, so each waits once or twice, however
    long the line is, and two numbers are all that is kept.
    """

    def __init__(self, per_hour: float) -> None:
        self._burst = max(1, int(per_hour // BURSTS_AN_HOUR))
        # So many at once and then evenly: in no hour more than `per_hour`. Mutant: divide by `per_hour` alone; then
        # `test_an_hour_of_asking_each_second_lets_as_many_through_as_the_throttle_says` fails.
        self.interval_ms = HOUR_MS / (per_hour - self._burst + 1)
        self._next_ms = -math.inf
        self._line_ms = -math.inf

    def wait_ms(self, now_ms: int) -> int:
        """0: go, and it is counted; else after how many milliseconds to ask again, which is that one's own turn."""
        if self._next_ms - now_ms <= (self._burst - 1) * self.interval_ms:
            self._next_ms = max(self._next_ms, now_ms) + self.interval_ms
            return 0
        self._line_ms = max(self._line_ms, self._next_ms, now_ms) + self.interval_ms
        return max(1, math.ceil(self._line_ms - now_ms))


class Ramp:
    """At most so many a day to each receiving domain, on the first day, the second and so on; afterwards any number.

    steps     this node's part of each day's number
    began_ms  when the first day began
    sent      by domain, those of the day `day`
    """

    def __init__(
        self, steps: tuple[int, ...], began_ms: int, day: int = 0, sent: Mapping[str, int] | None = None
    ) -> None:
        self._steps = steps
        self._began_ms = began_ms
        self.day = day
        self.sent = dict(sent or {})

    def wait_ms(self, domain: str, now_ms: int) -> int:
        """0: go, and it is counted; else after how many milliseconds the next day begins."""
        day = max(0, now_ms - self._began_ms) // DAY_MS
        if day >= len(self._steps):
            return 0
        if day != self.day:
            self.day, self.sent = day, {}
        name = domain if domain in self.sent or len(self.sent) < DOMAINS_MAX else OTHER_DOMAINS
        if self.sent.get(name, 0) < self._steps[day]:
            self.sent[name] = self.sent.get(name, 0) + 1
            return 0
        return self._began_ms + (day + 1) * DAY_MS - now_ms

    def give_back(self, domain: str) -> None:
        """Count one less of today: it was not sent after all."""
        name = domain if domain in self.sent else OTHER_DOMAINS
        if self.sent.get(name):
            self.sent[name] -= 1


class CampaignPace:
    """Both of one run of a campaign at one node."""

    def __init__(self, throttle: Throttle | None, ramp: Ramp | None) -> None:
        self._throttle = throttle
        self.ramp = ramp
        self._due: dict[int, int] = {}

    @classmethod
    def of(cls, pace: Pace, parts: "Parts", began_ms: int) -> "CampaignPace":
        """A campaign's pace, as far as it is this node's."""
        throttle = Throttle(pace.per_hour * parts.share) if pace.per_hour and parts.share else None
        ramp = Ramp(tuple(parts.of(step) for step in pace.warm_up), began_ms) if pace.warm_up else None
        return cls(throttle, ramp)

    def spaced_ms(self, due_ms: int) -> int:
        """When the next of those who are due at a time comes up: not all of them at once, to be turned away.

        It is a help, not a bound: what comes up is asked for as long as it must wait. Forgotten at a restart.
        """
        if self._throttle is None:
            return due_ms
        if len(self._due) >= TIMES_MAX:
            self._due.clear()
        before = self._due.get(due_ms, 0)
        self._due[due_ms] = before + 1
        return due_ms + int(before * self._throttle.interval_ms)

    def wait_ms(self, domain: str, now_ms: int) -> int:
        """0: go; else after how many milliseconds to ask again."""
        wait_ms = self.ramp.wait_ms(domain, now_ms) if self.ramp is not None else 0
        if wait_ms or self._throttle is None:
            return wait_ms
        wait_ms = self._throttle.wait_ms(now_ms)
        if wait_ms and self.ramp is not None:
            self.ramp.give_back(domain)
        return wait_ms


class Parts:
    """Which part of a campaign is this node's: that of the partitions whose persons it owns.

    owned  numbers of the partitions; `all_of` them there are

    Numbers are shared out by partition, so that the parts of all nodes together are the whole, to one.
    """

    def __init__(self, owned: tuple[int, ...], all_of: int) -> None:
        self._owned = owned
        self._all_of = all_of

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return len(self._owned) / self._all_of

    def of(self, number: int) -> int:
        """This node's part of a whole number.

        >>> [Parts((one,), 3).of(100) for one in range(3)], Parts((0, 1, 2), 3).of(100)
        ([33, 33, 34], 100)
        """
        return sum(number * (one + 1) // self._all_of - number * one // self._all_of for one in self._owned)
