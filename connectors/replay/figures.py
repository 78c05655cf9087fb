"""What a replay did, by the keys that `foresend replay --json` prints."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ReplayFigures:
    """Counts of one replay. `dead_letters`: rows that could not be used, or were refused by the collector."""

    events_read: int
    events_sent: int
    seconds: float
    dead_letters: int
    topic: str = ""

    def as_json(self) -> dict[str, object]:
        """The fixed keys and ours, ready to print."""
        rate = self.events_sent / self.seconds if self.seconds > 0 else 0.0
        return {**asdict(self), "seconds": round(self.seconds, 3), "events_per_s": round(rate, 1)}
