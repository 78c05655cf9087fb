"""What steps count reaches Flink's counters whole, once, and under the table's names."""

from collections.abc import Iterable

import pytest

from connectors.metrics.job import DECISIONS, EVENTS, JOB, LOG_LOSS, STEP_SECONDS, STEP_TIME
from flink_jobs.counting import BOUNDS, Count, Tally, labels_of
from online_models.drift import Drift
from schemas.decisions import CAUSES
from schemas.errors import Reason

SHOP = ("shop",)
SLOT = ("shop", "news", "hero")


class Counters:
    """Flink's counters, by name and the values of their labels."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, ...], int] = {}
        self.calls = 0

    def open(self, name: str, labels: tuple[tuple[str, str], ...]) -> "_Counter":
        key = (name, *[value for _, value in labels])
        assert key not in self.numbers
        self.numbers[key] = 0
        return _Counter(self, key)


class _Counter:
    def __init__(self, counters: Counters, key: tuple[str, ...]) -> None:
        self._counters, self._key = counters, key

    def inc(self, n: int = 1) -> None:
        assert type(n) is int
        self._counters.numbers[self._key] += n
        self._counters.calls += 1


def tally(every_s: float = 0.0) -> tuple[Tally, Counters]:
    counters = Counters()
    return Tally(counters.open, "personalize", every_s), counters


def add(to: Tally, counts: Iterable[Count], at_s: float = 0.0) -> None:
    to.add(counts)
    to.took(at_s, at_s)


def test_counts_are_added_up_by_their_labels() -> None:
    told, counters = tally()
    add(told, [Count(EVENTS, SHOP), Count(EVENTS, SHOP), Count(EVENTS, ("other",), 3)])
    add(told, [Count(EVENTS, SHOP)])
    assert counters.numbers[EVENTS, "shop"] == 3
    assert counters.numbers[EVENTS, "other"] == 3


def test_sums_are_told_in_whole_ones_and_lose_nothing() -> None:
    told, counters = tally()
    seen = []
    for _ in range(30):
        add(told, [Count(LOG_LOSS, SLOT, 1 / 3)])
        seen.append(counters.numbers[LOG_LOSS, *SLOT])
    assert seen[:2] == [0, 0], "a third is not one"
    assert seen[-1] in (9, 10)
    assert seen == sorted(seen), "a counter never falls"


def test_nothing_is_told_too() -> None:
    told, counters = tally()
    add(told, [Count(EVENTS, SHOP, 0)])
    assert counters.numbers[EVENTS, "shop"] == 0


def test_counts_wait_for_their_second() -> None:
    told, counters = tally(every_s=1.0)
    add(told, [Count(EVENTS, SHOP)], at_s=100.0)
    add(told, [Count(EVENTS, SHOP)], at_s=100.9)
    assert counters.numbers[EVENTS, "shop"] == 1
    calls = counters.calls
    add(told, [Count(EVENTS, SHOP)], at_s=100.95)
    assert counters.calls == calls, "what waits costs no call of Java"
    add(told, [], at_s=101.0)
    assert counters.numbers[EVENTS, "shop"] == 3


def test_times_are_a_histogram_from_the_beginning() -> None:
    told, counters = tally()
    told.hand_on()
    buckets = [counters.numbers[f"{STEP_TIME}_bucket", "personalize", bound] for bound in BOUNDS]
    assert buckets == [0] * (len(STEP_SECONDS) + 1)
    for spent_s in (0.00005, 0.0001, 0.003, 100.0):
        told.took(0.0, spent_s)
    buckets = [counters.numbers[f"{STEP_TIME}_bucket", "personalize", bound] for bound in BOUNDS]
    assert buckets[0] == 2, "a bound belongs to its bucket"
    assert buckets[STEP_SECONDS.index(0.002)] == 2
    assert buckets[STEP_SECONDS.index(0.005)] == 3
    assert buckets[-2:] == [3, 4], "the last one holds all, each one all before it"
    assert counters.numbers[f"{STEP_TIME}_count", "personalize"] == 4
    assert counters.numbers[f"{STEP_TIME}_sum", "personalize"] == 100


def test_labels_stand_as_the_table_has_them() -> None:
    assert labels_of(DECISIONS, ("shop", "news", "shift")) == (
        ("workspace", "shop"),
        ("template", "news"),
        ("reason", "shift"),
    )
    assert labels_of(f"{STEP_TIME}_bucket", ("personalize", "0.1")) == (("step", "personalize"), ("le", "0.1"))
    ((_, value),) = labels_of(EVENTS, (Reason.NOT_JSON,))
    assert type(value) is str, "Java would see an enum's member as an object"


def test_a_value_too_few_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        labels_of(DECISIONS, ("shop", "news"))


def test_closed_lists_are_those_of_their_owners() -> None:
    values = {(metric.name, label): of for metric in JOB for label, of in metric.values.items()}
    assert values[DECISIONS, "reason"] == CAUSES
    assert {*values["foresend_model_drift_alarms_total", "kind"]} == {*Drift}
    assert all(bound.endswith("Inf") or float(bound) > 0 for bound in BOUNDS)
