"""Everybody's tastes at one time, and what follows from them: what one looks for, and what would be best to show."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from random import Random
from typing import Self

import numpy as np

from foresend.simulation.likes import Catalogue, Likes, draw_likes, exchanged
from foresend.simulation.optimum import best_fixed, best_for
from foresend.simulation.sendable import NOTHING, Choice, sendables_of
from foresend.simulation.tastes import Tastes, draw_tastes, no_tastes
from schemas.ids import Tag, TemplateName
from schemas.library import Release


@dataclass(frozen=True)
class Audience:
    """The tastes of all people.

    tastes  by template; templates of which nothing can be sent are left out
    fixed   by template the best message for everybody
    """

    catalogue: Catalogue
    likes: Likes
    tastes: Mapping[TemplateName, Tastes]
    fixed: Mapping[TemplateName, Choice]
    _optimum: dict[tuple[TemplateName, int], Choice] = field(default_factory=dict)
    _popular: list[float] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        release: Release,
        people: int,
        at_ms: int,
        chance: np.random.Generator,
        *,
        taste: bool,
    ) -> Self:
        """Draw everybody's tastes in what can be sent at a time."""
        catalogue = Catalogue.of(release)
        # People without tastes in messages still look for something.
        likes = draw_likes(catalogue, people, chance)
        drawn = (
            draw_tastes(sendable, catalogue.tags, likes, chance) if taste else no_tastes(sendable, people)
            for sendable in sendables_of(release, at_ms)
        )
        tastes = {one.sendable.template.name: one for one in drawn}
        fixed = {name: best_fixed(one) for name, one in tastes.items()}
        return cls(catalogue, likes, tastes, fixed, _popular=list(accumulate(likes.popular)))

    def turned(self, chance: np.random.Generator) -> Self:
        """Everybody likes other things: what somebody else liked, so that the level is the same.

        Tastes drawn anew would be met better or worse by the variants there are, and the return to the old level
        would measure that. What is best for everybody stays what it was.
        """
        whose = exchanged(self.likes, chance)
        tastes = {name: one.of(whose) for name, one in self.tastes.items()}
        return replace(self, likes=self.likes.of(whose), tastes=tastes, _optimum={})

    def best(self, template: TemplateName, person: int) -> tuple[Choice, Choice]:
        """The best message for everybody, and the best for this person."""
        key = (template, person)
        if key not in self._optimum:
            self._optimum[key] = best_for(self.tastes[template], person)
        return self.fixed[template], self._optimum[key]

    def liked_tag(self, person: int, chance: Random) -> Tag | None:
        """A tag that this person likes, the more the likelier."""
        tags, strengths = self.likes.tags[person].tolist(), self.likes.strengths[person].tolist()
        return self.catalogue.tags[chance.choices(tags, strengths)[0]] if any(strengths) else None

    def any_tag(self, chance: Random) -> Tag | None:
        """A tag that anybody might like."""
        tags = self.catalogue.tags
        return chance.choices(tags, cum_weights=self._popular)[0] if tags else None

    def draws(self, template: TemplateName, person: int, choice: Choice, chance: Random) -> tuple[Tag, ...]:
        """The tags of what in a message made this person click: a variant seen in it, by what it is worth."""
        tastes = self.tastes[template]
        seen = [(slot, variant) for slot, variant in enumerate(choice) if variant != NOTHING]
        if not seen:
            return ()
        appeal = [float(np.exp(tastes.worth[slot][person, variant])) for slot, variant in seen]
        slot, variant = chance.choices(seen, appeal)[0]
        return tastes.sendable.slots[slot][variant].tags
