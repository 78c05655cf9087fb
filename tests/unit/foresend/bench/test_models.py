"""The bench of the models: what it tells, and that cells and snapshots stay within their bounds."""

import pytest

from foresend.bench import models
from foresend.bench.clocks import Clocks
from foresend.bench.figures import Run
from foresend.bench.models import PARTS, ModelsSizes, measure
from foresend.bench.telling import Tell
from schemas.models import SNAPSHOT_BYTES_MAX

FULL_HOT_BYTES_MAX, ALL_BYTES_MAX = 3_072, 6_144
"""The hot cell of people who did two hundred things; 2 048 are aimed at (docs/benchmarks.md)."""


@pytest.fixture(scope="module")
def run() -> Run:
    patch = pytest.MonkeyPatch()
    patch.setattr(models, "HISTORY_DAYS", 30.0)
    patch.setattr(models, "FULL_PEOPLE", 8)
    sizes = ModelsSizes(events=400, users=5_000, people=40, policy=("softmax",))
    ((found,),) = measure(sizes, Tell(quiet=True))
    patch.undo()
    return found


def test_all_of_the_step_is_told_part_by_part(run: Run) -> None:
    told = run.measured
    parts = [told[f"{part}_us"] for part in PARTS]

    assert all(part > 0.0 for part in parts)
    assert sum(parts) == pytest.approx(told["models_us_per_event"])
    assert sum(parts) + told["other_us"] == pytest.approx(told["us_per_event"])
    assert (run.given["slots"], run.given["variants"]) == (3, 8)
    assert 0 < int(run.given["examples"] or 0) < 400


def test_snapshots_stay_within_their_bound(run: Run) -> None:
    assert 0 < int(run.given["snapshot_bytes"] or 0) <= SNAPSHOT_BYTES_MAX


def test_cells_of_people_with_two_hundred_events_and_twenty_open_exposures_are_bounded(run: Run) -> None:
    assert 0 < int(run.given["full_hot_cell_bytes_p99"] or 0) <= FULL_HOT_BYTES_MAX
    assert 0 < int(run.given["all_cells_bytes_p99"] or 0) <= ALL_BYTES_MAX


def test_clocks_give_each_part_its_own_time_and_leave_nothing_behind() -> None:
    class Work:
        def inner(self) -> int:
            return 1

        def outer(self) -> int:
            return self.inner() + self.inner()

    before = Work.inner
    clocks = Clocks()
    with clocks.around([(Work, "inner", "in"), (Work, "outer", "out")]):
        assert Work().outer() == 2
    assert dict(clocks.calls) == {"in": 2, "out": 1}
    assert all(spent > 0 for spent in clocks.spent_ns.values())
    assert Work.inner is before
