"""The simulated people at large: what they do, what they are sent, and what becomes of it.

Everything here is made up, and is said to be where its figures are shown. For each mail three outcomes are drawn:
that of the personal message, that of a combination drawn evenly from the allowed ones, and that of the best one
for everybody. They are drawn for the same person at the same moment, each with chance of its own, and only
the personal one happens: it alone leads to clicks, orders and weariness. So the three differ by the message alone.
"""

import heapq
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import Any

import numpy as np

from foresend.simulation.audience import Audience
from foresend.simulation.browsing import Browsing
from foresend.simulation.life import Life
from foresend.simulation.people import INTENSITY_MEAN, Person, draw_people
from foresend.simulation.scoreboard import Scoreboard
from schemas.events import EventKind
from schemas.ids import FieldName, SendId, SlotName, Tag, TemplateName, UserId, VariantId
from schemas.library import Release

SIGN_UP_DAYS = 8.0
"""Over so many days people come for the first time, so that a small machine is not met by all at once."""
VISITS_PER_DAY = 0.18
"""Of an average person after sign-up."""
VISIT_LENGTH = 2.5
"""Mean number of things done in one visit."""
FIRST_VISIT_LENGTH = 4
"""Who signs up looks around."""
PAGE_SHARE, ORDER_SHARE, ORDER_SHARE_AFTER_CLICK = 0.15, 0.03, 0.15
"""Parts of what is done that are mere pages; of visits and of clicks that end in an order."""
MAIL_DAYS = (3.0, 7.0)
"""Between two mails to one person."""
OPEN_DELAY_DAYS, OPEN_DELAY_SPREAD, OPEN_DELAY_MAX_DAYS = 0.08, 1.0, 1.5
"""Median from send to open, standard deviation of its logarithm, and the longest."""
MINUTES = (1 / 1440, 8 / 1440)
"""Between two things done in one go, in days."""


@dataclass(frozen=True, slots=True)
class Act:
    """A piece of behaviour, or a trait told: to be sent to the collector. `at_s` in seconds since the beginning."""

    at_s: float
    user: UserId
    kind: EventKind
    name: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Occasion:
    """A moment at which this person is to be sent this template: draw at the gateway now."""

    at_s: float
    send_id: SendId
    user: UserId
    template: TemplateName


_Deed = Callable[[float], Act | Occasion | None]
"""Something due: done at its time, it may schedule more."""


class Simulation:
    """People of a release in the course of time.

    people     how many
    day_s      seconds that a day of theirs lasts
    taste      without: nobody likes anything better than anything else, with the same base rates
    turn_at_s  when all tastes turn: everybody then likes other things, as much as before
    start_ms   the beginning as the release's validities see it, now unless given; what is valid then is on offer
    """

    def __init__(
        self,
        release: Release,
        *,
        people: int,
        seed: int,
        day_s: float = 4.0,
        taste: bool = True,
        turn_at_s: float | None = None,
        start_ms: int | None = None,
    ) -> None:
        self.people = draw_people(release, people, seed)
        self.scoreboard = Scoreboard(people, turn_at_s)
        self._seed, self._day_s = seed, day_s
        begin_ms = time.time_ns() // 1_000_000 if start_ms is None else start_ms
        chance = np.random.default_rng([seed, 0])
        self._audience = Audience.of(release, people, begin_ms, chance, taste=taste)
        self._turn_at_s = math.inf
        if turn_at_s is not None:
            # Made now, for the people's time does not stand still while it is.
            self._turned, self._turn_at_s = self._audience.turned(chance), turn_at_s
        self._browsing = Browsing(release.settings)
        self._fields = [FieldName(f.name) for template in release.templates for f in template.fields]
        self._lives = [Life(Random(f"life/{seed}/{number}")) for number in range(people)]
        self._numbers = {person.user: person.number for person in self.people}
        self._serials = count()
        self._now_s = 0.0
        self._due: list[tuple[float, int, _Deed]] = []
        for person in self.people:
            first_s = self._lives[person.number].chance.uniform(0, SIGN_UP_DAYS) * day_s
            self._later(first_s, partial(self._sign_up, person))

    def until(self, now_s: float) -> Iterator[Act | Occasion]:
        """Everything due up to a time, in order of time; what was shown has its consequences in here too."""
        while self._due and self._due[0][0] <= now_s:
            at_s, _, deed = heapq.heappop(self._due)
            self._now_s = at_s
            if at_s >= self._turn_at_s:
                self._audience, self._turn_at_s = self._turned, math.inf
            happened = deed(at_s)
            if happened is not None:
                yield happened
        self._now_s = max(self._now_s, now_s)

    def shown(self, occasion: Occasion, variants: Mapping[SlotName, VariantId], *, personal: bool) -> None:
        """Tell what the gateway's draw was; no variants: the release's default content.

        personal  it was from an entry in which the person's own events count
        """
        number = self._numbers[occasion.user]
        person, life = self.people[number], self._lives[number]
        tastes = self._audience.tastes[occasion.template]
        chance = Random(f"send/{self._seed}/{occasion.send_id}")
        mood = life.mood(person, occasion.at_s / self._day_s)
        choice = tastes.sendable.choice_of(variants) if variants else tastes.sendable.default
        choices = (choice, tastes.sendable.any_allowed(chance), *self._audience.best(occasion.template, number))
        chances = [tastes.chance(number, one) for one in choices]
        expected = tuple(mood * opens * clicks for opens, clicks in chances)
        opened, follows = chance.random() < mood * chances[0][0], chance.random() < chances[0][1]
        clicked = (opened and follows, chance.random() < expected[1], chance.random() < expected[2])
        self.scoreboard.book(occasion.at_s, number, clicked, expected, personal=personal)
        life.tire(occasion.at_s / self._day_s)
        if opened:
            self._react(person, occasion, choice if follows else None, chance)

    # What people do of themselves

    def _sign_up(self, person: Person, at_s: float) -> Act:
        chance = self._lives[person.number].chance
        self._later(at_s + self._soon(chance), partial(self._browse, person, chance, FIRST_VISIT_LENGTH, ()))
        self._later(self._next_visit_s(person, at_s), partial(self._visit, person))
        self._later(at_s + chance.uniform(0.5, MAIL_DAYS[1]) * self._day_s, partial(self._mail, person, 0))
        context = person.context(chance)
        return Act(at_s, person.user, EventKind.IDENTIFY, traits=person.traits(self._fields), context=context)

    def _visit(self, person: Person, at_s: float) -> Act:
        self._later(self._next_visit_s(person, at_s), partial(self._visit, person))
        chance = self._lives[person.number].chance
        return self._browse(person, chance, _geometric(VISIT_LENGTH, chance), (), at_s)

    def _browse(self, person: Person, chance: Random, left: int, tags: tuple[Tag, ...], at_s: float) -> Act:
        """One thing done in a visit, and the rest of the visit. `tags`: what it is about, one's own tastes if none."""
        if left > 1:
            self._later(at_s + self._soon(chance), partial(self._browse, person, chance, left - 1, tags))
        elif chance.random() < ORDER_SHARE:
            self._later(at_s + self._soon(chance), partial(self._order, person, chance, tags))
        context = person.context(chance)
        if chance.random() < PAGE_SHARE:
            kind = EventKind.SCREEN if context["device"]["type"] == "mobile" else EventKind.PAGE
            return Act(at_s, person.user, kind, chance.choice(("Home", "Search", "Account")), context=context)
        deed = self._browsing.look(partial(self._subject, person, tags, chance), chance)
        return Act(at_s, person.user, EventKind.TRACK, deed.name, deed.properties, context=context)

    def _order(self, person: Person, chance: Random, tags: tuple[Tag, ...], at_s: float) -> Act:
        deed = self._browsing.buy(partial(self._subject, person, tags, chance), chance)
        context = person.context(chance)
        return Act(at_s, person.user, EventKind.TRACK, deed.name, deed.properties, context=context)

    def _next_visit_s(self, person: Person, at_s: float) -> float:
        """When one comes next: a Poisson process whose rate follows the person's rhythm, by thinning (Lewis 1979)."""
        chance = self._lives[person.number].chance
        rate = VISITS_PER_DAY * person.activity / INTENSITY_MEAN
        day = at_s / self._day_s
        while True:
            day += chance.expovariate(rate)
            if chance.random() < person.rhythm.intensity(day):
                return day * self._day_s

    # Mail

    def _mail(self, person: Person, number: int, at_s: float) -> Occasion | None:
        chance = self._lives[person.number].chance
        self._later(at_s + chance.uniform(*MAIL_DAYS) * self._day_s, partial(self._mail, person, number + 1))
        templates = list(self._audience.tastes)
        if not templates:
            return None
        send_id = SendId(f"{person.user}-{self._seed}-{number}")
        return Occasion(at_s, send_id, person.user, chance.choice(templates))

    def _react(self, person: Person, occasion: Occasion, clicked: tuple[int, ...] | None, chance: Random) -> None:
        """Open the mail later; and click, browse what was shown and perhaps buy, if `clicked` says what it was.

        All by the chance of the send alone: what one does of oneself is the same whatever is shown.
        """
        delay = min(OPEN_DELAY_DAYS * math.exp(chance.gauss(0, OPEN_DELAY_SPREAD)), OPEN_DELAY_MAX_DAYS)
        at_s = occasion.at_s + delay * self._day_s
        self._later(at_s, partial(self._tell, person, chance, "Email Opened", occasion))
        if clicked is None:
            return
        at_s += self._soon(chance)
        self._later(at_s, partial(self._tell, person, chance, "Email Link Clicked", occasion))
        tags = self._audience.draws(occasion.template, person.number, clicked, chance)
        self._later(at_s + self._soon(chance), partial(self._browse, person, chance, _geometric(2, chance), tags))
        if chance.random() < ORDER_SHARE_AFTER_CLICK:
            self._later(at_s + 3 * self._soon(chance), partial(self._order, person, chance, tags))

    def _tell(self, person: Person, chance: Random, name: str, occasion: Occasion, at_s: float) -> Act:
        context = person.context(chance)
        return Act(at_s, person.user, EventKind.TRACK, name, {"send_id": occasion.send_id}, context=context)

    # Small things

    def _subject(self, person: Person, tags: tuple[Tag, ...], chance: Random, foreign: float) -> Tag | None:
        """What one is after: what a mail showed if that is where one comes from, what one likes, or something else."""
        if chance.random() < foreign:
            return self._audience.any_tag(chance)
        return chance.choice(tags) if tags else self._audience.liked_tag(person.number, chance)

    def _soon(self, chance: Random) -> float:
        return chance.uniform(*MINUTES) * self._day_s

    def _later(self, at_s: float, deed: _Deed) -> None:
        heapq.heappush(self._due, (max(at_s, self._now_s), next(self._serials), deed))


def _geometric(mean: float, chance: Random) -> int:
    return 1 + int(math.log(1 - chance.random()) / math.log(1 - 1 / mean))
