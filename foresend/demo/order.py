"""What a demo is asked to be."""

from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigError

DEFAULT_FOLDER = Path(".foresend/demo")
PEOPLE = 2000
SEED = 1
DAY_S = 4.0
CHAOS_AFTER_S = 60.0
"""When the task manager is killed where the demo has no end; else a third into it."""


@dataclass(frozen=True)
class DemoOrder:
    """What a demo is asked to be.

    seconds  of traffic, after which it ends by itself; None: until it is told to
    taste    without: nobody likes anything better than anything else
    drift    all tastes turn at half time
    chaos    the job's task manager is killed on the way
    """

    workspace: Path
    folder: Path = DEFAULT_FOLDER
    seconds: float | None = None
    people: int = PEOPLE
    seed: int = SEED
    taste: bool = True
    drift: bool = False
    chaos: bool = False
    day_s: float = DAY_S

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            ConfigError: with every problem found.
        """
        problems = []
        if self.seconds is not None and self.seconds <= 0:
            problems.append(f"--seconds: expected more than 0, got {self.seconds:g}")
        if self.people < 1:
            problems.append(f"--people: expected at least 1, got {self.people}")
        if self.seed < 0:
            problems.append(f"--seed: expected 0 or more, got {self.seed}")
        if self.drift and self.seconds is None:
            problems.append("--drift: tastes turn at half time, so it needs --seconds")
        if problems:
            raise ConfigError(problems)

    @property
    def turn_at_s(self) -> float | None:
        """When all tastes turn."""
        return self.seconds / 2 if self.drift and self.seconds is not None else None

    @property
    def kill_at_s(self) -> float | None:
        """When the task manager is killed."""
        if not self.chaos:
            return None
        return CHAOS_AFTER_S if self.seconds is None else self.seconds / 3
