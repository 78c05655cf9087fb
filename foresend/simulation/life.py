"""What changes about a person from moment to moment: chance of one's own, and weariness of mail."""

import math
from dataclasses import dataclass
from random import Random

from foresend.simulation.people import Person

FATIGUE_HALF_LIFE_DAYS = 2.0
"""After it, the weariness from a mail is half gone."""
WORST_HOUR = 0.7
"""Of the chance to open: what is left of it in the small hours."""


@dataclass(slots=True)
class Life:
    """One person's state. Times in days.

    chance  decides what one does of oneself
    mails   of late, each counting less as it gets older, as of `mailed`
    """

    chance: Random
    mails: float = 0.0
    mailed: float = 0.0

    def mood(self, person: Person, day: float) -> float:
        """What the moment leaves of the chance to open, 0 to 1: by the hour, and by the mails of late."""
        hour = WORST_HOUR + (1 - WORST_HOUR) * min(1.0, person.rhythm.intensity(day))
        return hour * math.exp(-person.weariness * self._of_late(day))

    def tire(self, day: float) -> None:
        """Take note of a mail."""
        self.mails, self.mailed = 1 + self._of_late(day), max(day, self.mailed)

    def _of_late(self, day: float) -> float:
        """Mails of late as they count now; recovered from by half every `FATIGUE_HALF_LIFE_DAYS`."""
        days = max(0.0, day - self.mailed)
        return float(self.mails * 0.5 ** (days / FATIGUE_HALF_LIFE_DAYS))
