"""A purchase history by the real step: each customer's figures are what one computes from all rows at once.

On CDNOW's real customers where that data is at hand, and always on made-up ones of the same shape.
"""

import csv
import gzip
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.mappings.loading import load_mapping
from connectors.replay.recorded import Recorded, Recording, Unusable
from flink_jobs.cells import PROFILE
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.records import InputRecord, state_key_of
from foresend.bench.people import OneWorld
from online_models.cells import Profile
from online_models.told import features_in_words
from schemas.codec import decode
from schemas.events import Event, decode_event, encode_event
from schemas.keys import event_key, split_key
from schemas.library import DeclaredFeature, Release
from schemas.profiles import PROFILE_AFTER_MS, ToldProfile
from schemas.topics import PROFILES
from schemas.versions import Position
from schemas.worlds import WorldRef
from tests.support.events import DAY_MS

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared/data/cdnow"
FILE = "cdnow_master.csv"
ORDER = "Order Completed"
DECLARED = (
    DeclaredFeature("orders_60d", "count", (ORDER,), half_life_ms=60 * DAY_MS),
    DeclaredFeature("spent_ever", "sum", (ORDER,), "revenue"),
    DeclaredFeature("spent_30d", "sum", (ORDER,), "revenue", half_life_ms=30 * DAY_MS),
    DeclaredFeature("spent_90d", "sum", (ORDER,), "revenue", window_ms=90 * DAY_MS),
    DeclaredFeature("bought_mean", "mean", (ORDER,), "quantity", default=1.0),
    DeclaredFeature("bought_240d", "mean", (ORDER,), "quantity", window_ms=240 * DAY_MS, default=1.0),
    DeclaredFeature("spent_last", "last", (ORDER,), "revenue"),
    DeclaredFeature("kinds", "share", half_life_ms=30 * DAY_MS),
)
LATENESS_MS = DAY_MS
"""How much later than it happened an event comes at most; so it is overtaken by others of the same customer."""


class Silent:
    """Watches and says nothing."""

    def read(self, rows: int) -> None: ...
    def total(self, events: int) -> None: ...
    def sent(self, events: int) -> None: ...
    def unusable(self, row: Unusable) -> None: ...


# CDNOW's 70 000 orders take longer than what `make check` runs may.
@pytest.fixture(params=["made-up", pytest.param("cdnow", marks=pytest.mark.stack)], scope="module")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "cdnow":
        if not REAL.exists():
            pytest.skip("../shared/data/cdnow is absent")
        return REAL
    made = tmp_path_factory.mktemp("made-up")
    chance = random.Random(5)
    rows = [("customer_id", "date", "number_of_cds", "dollar_value")]
    for customer in range(60):
        day = chance.randrange(90)
        while day < 540:
            date = datetime.fromtimestamp((9862 + day) * 86_400, UTC).date()
            price = chance.choice((0.0, chance.randrange(1, 20_000) / 100))
            rows.append((f"{customer:05}", date.isoformat(), str(chance.randrange(1, 9)), f"{price:.2f}"))
            # Some buy twice on one day, and some hardly ever.
            day += chance.choice((0, 1, 7, 30, 200))
    with (made / FILE).open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return made


@pytest.fixture(scope="module")
def release(sample_release: Release) -> Release:
    """One that composes nothing: what is looked at are figures."""
    return replace(sample_release, templates=(), settings=replace(sample_release.settings, declared=DECLARED))


@pytest.fixture(scope="module")
def events(folder: Path, release: Release) -> list[Event]:
    mapping = load_mapping(ROOT / "examples/cdnow/mapping.yaml")
    recording = Recording(folder, mapping, release.workspace, WorldRef())
    return [decode_event(item.record.value) for item in recording.read(Silent()) if isinstance(item, Recorded)]


@pytest.fixture(scope="module")
def in_order(release: Release, events: list[Event]) -> Oracle:
    return fold(release, events)


def records(events: Iterable[Event]) -> Iterator[InputRecord]:
    for offset, event in enumerate(events):
        key = event_key(event.workspace, event.user, event.record_id)
        yield InputRecord(key, encode_event(event), Position(event.received_ms, 0, offset))


def fold(release: Release, events: list[Event]) -> Oracle:
    oracle = Oracle(PersonalizeStep(OneWorld(release)))
    oracle.apply(records(events))
    oracle.advance(max(event.received_ms for event in events) + PROFILE_AFTER_MS + 1_000)
    assert not oracle.dead_letters
    return oracle


def figures(oracle: Oracle) -> dict[str, dict[str, Any]]:
    """What the topic `profiles` holds of each customer, at the end."""
    told = {}
    for key, value in oracle.told[PROFILES.name].items():
        assert value is not None
        told[split_key(key, 2)[1]] = {
            name: feature.value for name, feature in decode(ToldProfile, value).features.items()
        }
    return told


def rows_by_customer(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """When and for how much each customer bought, read from the file by other means than the engine's."""
    packed, plain = folder / f"{FILE}.gz", folder / FILE
    text = gzip.decompress(packed.read_bytes()).decode() if packed.exists() else plain.read_text()
    bought = defaultdict(list)
    for row in csv.DictReader(text.splitlines()):
        day = datetime.fromisoformat(row["date"]).replace(tzinfo=UTC)
        bought[row["customer_id"]].append((int(day.timestamp()) * 1000, float(row["dollar_value"])))
    return bought


def test_frequency_recency_and_value_of_every_customer_are_those_of_the_batch(folder: Path, in_order: Oracle) -> None:
    bought = rows_by_customer(folder)
    found = figures(in_order)
    assert found.keys() == bought.keys()
    for customer, orders in bought.items():
        told = found[customer]
        assert told["orders"] == len(orders)
        assert told["repeat_orders"] == len(orders) - 1
        assert told["last_order_ms"] == max(at_ms for at_ms, _ in orders)
        assert told["order_value"] == pytest.approx(sum(value for _, value in orders), rel=1e-9)
        assert told["order_value_mean"] == pytest.approx(sum(v for _, v in orders) / len(orders), rel=1e-9)


def test_late_and_disordered_events_come_to_the_same_features(
    release: Release, events: list[Event], in_order: Oracle
) -> None:
    """Compared at the same moment: what fades is told of a time, and the late log's persons are told later."""
    chance = random.Random(9)
    late = [replace(event, received_ms=event.received_ms + chance.randrange(LATENESS_MS)) for event in events]
    late.sort(key=lambda event: event.received_ms)
    assert [event.id for event in late] != [event.id for event in events]
    end_ms = late[-1].received_ms
    other = fold(release, late)
    assert other.cells.keys() == in_order.cells.keys()
    for key, cells in in_order.cells.items():
        expected, found = (words(one[PROFILE.name], release, end_ms) for one in (cells, other.cells[key]))
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert figures(other).keys() == figures(in_order).keys()


def words(profile: bytes, release: Release, at_ms: int) -> dict[str, float]:
    told: dict[str, float] = {}
    for name, feature in features_in_words(decode(Profile, profile), release.settings, at_ms).items():
        told[f"{name} at"] = feature.at_ms
        values = feature.value if isinstance(feature.value, dict) else {"": feature.value}
        told |= {f"{name} {key}": value for key, value in values.items()}
    return told


def test_repeats_change_no_byte(release: Release, events: list[Event]) -> None:
    """Each tenth record is in the log twice, the second time a little later."""
    oracle = Oracle(PersonalizeStep(OneWorld(release)))
    chosen = events[:5_000]
    for record in records(chosen):
        oracle.apply([record])
        if record.position.offset % 10 == 0:
            key = state_key_of(record.key)
            cells = dict(oracle.cells[key])
            writes = oracle.writes.total()
            later = Position(record.position.log_ms + 1, 0, record.position.offset)
            oracle.apply([record._replace(position=later)])
            assert oracle.cells[key] == cells
            assert oracle.writes.total() == writes
