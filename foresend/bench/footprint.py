"""What people and their events take: bytes of state for a person, and bytes of records in Kafka for an event."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flink_jobs.personalize.oracle import Oracle
from flink_jobs.personalize.program import PersonalizeStep
from flink_jobs.records import OutputRecord
from foresend.bench.figures import Run, percentile
from foresend.bench.people import HISTORY_MS, SEED, START_MS, OneWorld, records_of
from foresend.bench.sizes import size
from foresend.bench.telling import Tell
from foresend.simulation.behaviour_log import behaviour_log
from schemas.topics import COMMUNICATIONS, EVENTS, PROFILES
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load_marketing

RECORD_OVERHEAD = 40
"""Bytes of a record beside key and value: its own lengths and times, its headers, and its part of the batch's 61."""


@dataclass(frozen=True)
class FootprintSizes:
    """Who lives how long."""

    workspace: Path = size(SAMPLE, "the workspace whose release is used")
    people: int = size(300, "made-up people")
    events: int = size(15_000, "events of them all, in a month")


def measure(sizes: FootprintSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line; sizes, not times, so one run says it."""
    release = compile_release(load_marketing(sizes.workspace))
    records = list(
        records_of(
            behaviour_log(
                release,
                seed=SEED,
                users=sizes.people,
                events=sizes.events,
                start_ms=START_MS,
                span_ms=HISTORY_MS,
            )
        )
    )
    told: Counter[str] = Counter({EVENTS.name: sum(_bytes(one.key, one.value) for one in records)})

    def follow(record: OutputRecord) -> None:
        told[record.topic] += _bytes(record.key, record.value)

    tell(f"folding {len(records)} events of {sizes.people} people ...")
    oracle = Oracle(PersonalizeStep(OneWorld(release)), follow=follow)
    oracle.apply(records)
    cells = sorted(float(sum(map(len, one.values()))) for one in oracle.cells.values())
    entries = [_bytes(key, value) for key, value in oracle.communications.items() if value is not None]
    profiles = [_bytes(key, value) for key, value in oracle.told[PROFILES.name].items() if value is not None]
    yield [
        Run(
            {
                "people": len(cells),
                "events": len(records),
                "event_bytes": round(told[EVENTS.name] / len(records)),
                "kafka_bytes_per_event": round(sum(told.values()) / len(records)),
                "communications_bytes_per_event": round(told[COMMUNICATIONS.name] / len(records)),
                "rows_per_event": round(
                    (oracle.writes[COMMUNICATIONS.name] + oracle.writes[PROFILES.name]) / len(records), 2
                ),
                "state_bytes_mean": round(sum(cells) / len(cells)),
                "state_bytes_p99": round(percentile(cells, 0.99)),
                "entry_bytes": round(sum(entries) / len(entries)),
                "profile_bytes": round(sum(profiles) / len(profiles)),
                "entries_per_person": round(len(entries) / len(cells), 2),
            }
        )
    ]


def _bytes(key: bytes, value: bytes | None) -> int:
    return len(key) + len(value or b"") + RECORD_OVERHEAD
