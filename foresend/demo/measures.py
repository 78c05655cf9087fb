"""Everything that a run measures, in memory that does not grow, and the figures made of it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foresend.demo.latencies import Latencies
from foresend.demo.memory import MemoryTrack
from foresend.demo.traffic import WAITING_MAX, Traffic
from foresend.simulation.scoreboard import Scoreboard

RATE_WINDOW_S = 10.0


class Rate:
    """How fast a counter grows, over the last seconds."""

    def __init__(self, window_s: float = RATE_WINDOW_S) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, int]] = deque(maxlen=1000)

    def at(self, now_s: float, total: int) -> float:
        """Note where the counter is, and return its growth per second."""
        self._seen.append((now_s, total))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - self._window_s:
            self._seen.popleft()
        then_s, then = self._seen[0]
        return (total - then) / (now_s - then_s) if now_s > then_s else 0.0


@dataclass
class Chaos:
    """What became of a task manager that was killed.

    recovered_in_s  from the kill until all of the job ran again
    fresh_in_s      from the kill until a change made after it was seen; None too where nothing can be probed
    """

    killed_at_s: float | None = None
    recovered_in_s: float | None = None
    fresh_in_s: float | None = None

    def came_back(self, seconds: float) -> None:
        """All of the job runs again."""
        self.recovered_in_s = seconds

    def is_over(self, can_probe: bool) -> bool:
        """Whether the job runs again, and what happens is seen again where that can be told."""
        return self.recovered_in_s is not None and (self.fresh_in_s is not None or not can_probe)

    def seen(self, asked_at_s: float, now_s: float) -> None:
        """A probe of a moment was seen."""
        if self.killed_at_s is not None and self.fresh_in_s is None and asked_at_s > self.killed_at_s:
            self.fresh_in_s = now_s - self.killed_at_s


@dataclass
class Measures:
    """What is known of a run by now.

    renders      entries that the cache has written, by why they were rendered
    restarts     of the job, since it ran first
    """

    people: int
    scoreboard: Scoreboard
    traffic: Traffic
    begun_s: float
    first_message_s: float
    setup_s: float | None = None
    download_mb: float | None = None
    drift: bool = False
    chaos: Chaos | None = None
    latencies: Latencies = field(default_factory=Latencies)
    memory: MemoryTrack = field(default_factory=MemoryTrack)
    probes: int = 0
    timeouts: int = 0
    can_probe: bool = True
    renders: Mapping[str, int] = field(default_factory=dict)
    dead_letters: int = 0
    restarts: int = 0

    @property
    def events(self) -> int:
        """Events that reached Kafka by us: acts, exposures of sends, and probes."""
        return self.traffic.acts + self.traffic.sends + self.probes

    def figures(self, now_s: float) -> dict[str, Any]:
        """What `foresend demo --json` prints, as of a moment."""
        seconds = now_s - self.begun_s
        scores = self.scoreboard.figures().as_json()
        turn = {name: scores.pop(name) for name in ("rate_before", "rate_after_turn", "recovered_s")}
        return {
            "seconds": rounded(seconds, 1),
            "setup_s": self.setup_s,
            "download_mb": rounded(self.download_mb, 0),
            "first_message_s": rounded(self.first_message_s, 1),
            "users": self.people,
            "events": self.events,
            "events_per_s": rounded(self.events / seconds, 1) if seconds > 0 else 0.0,
            "freshness_p50_ms": milliseconds(self.latencies.overall(0.5)),
            "freshness_p99_ms": milliseconds(self.latencies.overall(0.99)),
            "probes": self.probes,
            "probe_timeouts": self.timeouts,
            **{name: rounded(value, 5) for name, value in scores.items()},
            **({name: rounded(value, 5) for name, value in turn.items()} if self.drift else {}),
            "renders": dict(self.renders),
            "fallbacks": dict(self.traffic.fallbacks),
            "refused": self.traffic.refused,
            "held_s": rounded(self.traffic.held_s, 1),
            "dead_letters": self.dead_letters,
            "restarts": self.restarts,
            "memory_mb": rounded(self.memory.last_mb, 0),
            "memory_slope_mb_per_min": rounded(self.memory.slope_mb_per_min(), 2),
            **(self._chaos_figures(self.chaos) if self.chaos else {}),
        }

    def notes(self, waiting: int) -> list[str]:
        """What is going on beside the usual, in sentences. `waiting`: acts and sends that no program has taken yet."""
        notes = []
        if waiting > WAITING_MAX:
            notes.append(f"The programs cannot follow: {waiting:,} acts and sends wait, and the people with them.")
        if self.chaos and self.chaos.killed_at_s is not None:
            back_s = self.chaos.recovered_in_s
            state = "is being started again" if back_s is None else f"and its job were back after {back_s:.0f} s"
            notes.append(f"Flink's task manager was killed (SIGKILL), {state}.")
        return notes

    @staticmethod
    def _chaos_figures(chaos: Chaos) -> dict[str, float | None]:
        return {
            "recovered_in_s": rounded(chaos.recovered_in_s, 1),
            "fresh_in_s": rounded(chaos.fresh_in_s, 1),
        }


def rounded(value: float | None, digits: int) -> float | None:
    """A number for people and files; None stays None."""
    return None if value is None else round(value, digits)


def milliseconds(seconds: float | None) -> float | None:
    """Seconds as milliseconds."""
    return None if seconds is None else round(seconds * 1000, 1)
