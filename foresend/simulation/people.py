"""The simulated people, but for their tastes: who they are, when they are awake, and how often they come."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any

from foresend.simulation.names import region_of
from schemas.ids import FieldName, Locale, UserId
from schemas.library import Release

ACTIVITY_SPREAD = 0.8
"""Standard deviation of the logarithm of activity: the busiest tenth of people then does a third of everything."""
DEVICES = MappingProxyType({"mobile": 0.6, "desktop": 0.32, "tablet": 0.08})
OWN_DEVICE = 0.8
"""Part of what one does on one's main device."""
PEAK_HOURS = ((8.0, 1.5, 0.4), (20.0, 2.0, 0.6))
"""Mean hour, spread between people, and weight of the two times of day at which people are about."""
CONCENTRATION = 3.0
"""Of the von Mises peaks: a standard deviation of some 2 hours."""
NIGHT = 0.15
"""Activity far from both peaks, as a part of the highest possible."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When in the day one is about: a mixture of von Mises peaks, `(centre in days, weight)`, on a low ground."""

    peaks: tuple[tuple[float, float], ...]

    def intensity(self, day: float) -> float:
        """How likely one is about at a time in days (its fraction is the hour), from `NIGHT` to 1."""
        bumps = sum(w * math.exp(CONCENTRATION * (math.cos(math.tau * (day - at)) - 1)) for at, w in self.peaks)
        return NIGHT + (1 - NIGHT) * bumps


INTENSITY_MEAN = NIGHT + (1 - NIGHT) * math.exp(-CONCENTRATION) * sum(
    (CONCENTRATION / 2) ** (2 * k) / math.factorial(k) ** 2 for k in range(30)
)
"""Of every rhythm over a day: the mean of exp(κ cos) is the Bessel function I₀(κ)."""


@dataclass(frozen=True, slots=True)
class Person:
    """One simulated person.

    activity  visits and orders, as a multiple of the average person's; mean 1 over people
    weariness how much one mail lowers the chance that the next is opened, in log-odds for small chances
    """

    number: int
    user: UserId
    first_name: str
    city: str
    locale: Locale
    timezone: str
    device: str
    activity: float
    weariness: float
    rhythm: Rhythm

    def context(self, chance: Random) -> dict[str, Any]:
        """What an app would send along: the device at hand, language, zone."""
        device = self.device if chance.random() < OWN_DEVICE else _device(chance)
        return {"device": {"type": device}, "locale": self.locale, "timezone": self.timezone}

    def traits(self, fields: Sequence[FieldName]) -> dict[str, Any]:
        """What one tells at sign-up: locale and zone, and what templates show as far as people of ours have it."""
        known = {"first_name": self.first_name, "name": self.first_name, "city": self.city}
        own = {"locale": self.locale, "timezone": self.timezone}
        return own | {field: known[field] for field in fields if field in known}


def draw_people(release: Release, count: int, seed: int) -> list[Person]:
    """Make up people who can be served by a release; the same for the same seed.

    Half of them read the workspace's default language, the others any other of the release's.
    """
    chance = Random(f"people/{seed}")
    return [_person(release, number, chance) for number in range(count)]


def locales_of(release: Release) -> list[Locale]:
    """The languages of a release, its default first."""
    default = release.settings.default_locale
    others = {locale for template in release.templates for locale in template.layouts} - {default}
    return [default, *sorted(others)]


def _person(release: Release, number: int, chance: Random) -> Person:
    default, *others = locales_of(release)
    locale = chance.choice(others) if others and chance.random() < 0.5 else default
    region = region_of(locale)
    city, timezone = chance.choice(region.places)
    return Person(
        number=number,
        user=UserId(f"person-{number:05d}"),
        first_name=chance.choice(region.first_names),
        city=city,
        locale=locale,
        timezone=timezone,
        device=_device(chance),
        activity=math.exp(chance.gauss(-(ACTIVITY_SPREAD**2) / 2, ACTIVITY_SPREAD)),
        weariness=chance.uniform(0.05, 0.35),
        rhythm=Rhythm(tuple((chance.gauss(hour, spread) / 24, weight) for hour, spread, weight in PEAK_HOURS)),
    )


def _device(chance: Random) -> str:
    return chance.choices(tuple(DEVICES), tuple(DEVICES.values()))[0]
