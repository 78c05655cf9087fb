"""A log in whose midst what was learnt over all users is switched: it appears, is replaced, damaged, rolled back."""

from hashlib import blake2b
from random import Random

import numpy as np
from msgspec.structs import replace

from connectors.kafka.event_records import event_record
from flink_jobs.records import InputRecord
from online_models.terms import hash_of_name
from schemas.codec import decode, encode
from schemas.decisions import Communication, Decision
from schemas.events import Event
from schemas.library import Release
from schemas.models import Array, ModelPart, ModelSnapshot, PartKind, SlotPrior, Standing, checksum_of
from schemas.versions import Position
from schemas.worlds import WorldRef
from tests.support import choices, sequences
from tests.support.events import MINUTE_MS, START_MS, WORKSPACE, clicked, named, rated, served
from tests.support.fixed_worlds import FixedProgram, Published
from tests.support.operator_harness import OperatorHarness, Snapshot
from training.factors import Choices, train_factors

USERS = 8
EVENTS_OF_WORLD = 24
FILMS = tuple(f"film-{number}" for number in range(6))


def snapshot(release: Release, number: int) -> bytes:
    slots = {
        f"{template.name}/{slot.name}": SlotPrior(
            bias=-1.0, weights={f"variant:{slot.variants[number % len(slot.variants)].id}": 1.5}
        )
        for template in release.templates
        for slot in template.slots
    }
    return encode(ModelSnapshot(WORKSPACE, number, slots))


def sequence(release: Release, seed: int, lineage: int = 7) -> ModelPart:
    """A part with weights of everything that the release shows."""
    shown = [variant for template in release.templates for slot in template.slots for variant in slot.variants]
    items = sorted({variant.id for variant in shown} | {*FILMS})
    tags = sorted({tag for variant in shown for tag in variant.tags})
    arrays = sequences.arrays_of(seed, spread=0.3, items=items, tags=tags)
    return replace(sequences.part_of(arrays, lineage=lineage, deviation=0.2), workspace=WORKSPACE, number=seed)


def collaborative(release: Release, seed: int) -> ModelPart:
    """A part of people who chose anything at all."""
    shown = [variant.id for template in release.templates for slot in template.slots for variant in slot.variants]
    items = np.array([hash_of_name(item) for item in sorted({*FILMS, *shown})], np.uint32)
    chance, count = np.random.default_rng(seed), 4_000
    liked = (chance.random(count) < 0.5).astype(np.float32)
    made = Choices(chance.integers(0, 40, count), chance.choice(items, count), np.arange(count) * 60.0, liked)
    return replace(choices.part_of(*train_factors(made, seed)), workspace=WORKSPACE, number=seed)


def badly_shaped(kind: PartKind) -> ModelPart:
    """Whole, with its checksum, and nothing that scoring could read."""
    arrays = (Array("a", "<f4", (2,), b"\0" * 8),)
    return ModelPart(WORKSPACE, kind, Standing.CHAMPION, 9, 0, arrays, {}, checksum_of(arrays, {}))


def program_of(release: Release, *, with_bad: bool = True) -> FixedProgram:
    """The job with one release; each record of `models` is a world later than the one before.

    with_bad  else a challenger, which nobody is to use, stands where the bad ones would
    """
    first, second, other = sequence(release, 1), sequence(release, 2), sequence(release, 3, lineage=8)
    damaged = replace(first, checksum=b"another")
    garbage = ModelSnapshot(WORKSPACE, 8, {"newsletter/hero": SlotPrior(bias=9.0, learnt=b"\x01garbage")})
    bad: list[bytes | Published] = [
        Published.part(damaged),
        Published.part(badly_shaped(PartKind.SEQUENCE)),
        Published.part(badly_shaped(PartKind.COLLABORATIVE)),
        encode(garbage),
    ]
    if not with_bad:
        bad = [Published.part(replace(other, standing=Standing.CHALLENGER))] * len(bad)
    return FixedProgram(
        (encode(release),),
        (
            snapshot(release, 1),
            Published.part(first),
            Published.part(collaborative(release, 1)),
            snapshot(release, 2),
            Published.part(second),
            *bad,
            Published.part(first),
            Published.part(collaborative(release, 2)),
            Published.part(other),
        ),
    )


class SwitchedLog:
    """Behaviour, sends and clicks of a few people, written while the job answers; each world has its part of it.

    harness  that the log went through as it was written
    """

    def __init__(self, program: FixedProgram, seed: int) -> None:
        self._chance = Random(seed)
        self._at_ms = START_MS
        self._sends: list[tuple[str, str]] = []
        self._decisions: dict[str, Decision] = {}
        self.harness = OperatorHarness(program)
        self.records: list[InputRecord] = []
        for number in range(EVENTS_OF_WORLD * (len(program.models) + 1)):
            self._append(self._event(number), WorldRef(1, number // EVENTS_OF_WORLD))

    def _event(self, number: int) -> Event:
        chance, at_ms = self._chance, self._at_ms
        kind = chance.random()
        user = f"user-{chance.randrange(USERS)}"
        if kind < 0.25 and user in self._decisions:
            decision, send_id = self._decisions[user], f"s{number}"
            self._sends.append((user, send_id))
            return served(decision, send_id, at_ms, chance.randrange(len(decision.candidates)))
        if kind < 0.45 and self._sends:
            owner, send_id = self._sends.pop()
            return clicked(send_id, owner, at_ms)
        if kind < 0.5:
            return named(chance.choice(("Ana", "Bo")), user, at_ms)
        genre = chance.choice(("jazz", "drama", "horror", "sci-fi", "comedy"))
        told = rated(genre, user, at_ms)
        properties = {**told.properties, "content_id": chance.choice(FILMS)}
        return replace(told, name=chance.choice(("Content Rated", "Content Viewed")), properties=properties)

    def _append(self, event: Event, world: WorldRef) -> None:
        event = replace(event, world=world)
        record = event_record(event)
        made = InputRecord(record.key, record.value, Position(self._at_ms, 0, len(self.records)))
        self.records.append(made)
        before = len(self.harness.outputs)
        self.harness.send_record(made)
        for decision in decisions_of(self.harness, before):
            if decision.template == "newsletter" and decision.candidates:
                self._decisions[decision.user] = decision
        self._at_ms += self._chance.choice((1, 1_000, MINUTE_MS, 90 * MINUTE_MS))


def decisions_of(harness: OperatorHarness, since: int = 0) -> list[Decision]:
    """The decisions that were written, in order."""
    entries = [decode(Communication, output.value) for output in harness.outputs[since:] if output.value]
    return [entry.decision for entry in entries if entry.decision is not None]


def replayed(program: FixedProgram, records: list[InputRecord], restarts: tuple[int, ...] = ()) -> OperatorHarness:
    """Fold a log once more; before the records of these numbers the operator starts anew from its stored state."""
    harness = OperatorHarness(program)
    for number, record in enumerate(records):
        if number in restarts:
            again = OperatorHarness(program, harness.snapshot())
            again.outputs, again.told, again.dead_letters = harness.outputs, harness.told, harness.dead_letters
            harness = again
        harness.send_record(record)
    return harness


def told_by(harness: OperatorHarness) -> tuple[Snapshot, object, object, object]:
    """Everything that is there after a log: state and timers, and all that was written."""
    return harness.snapshot(), harness.outputs, harness.told, harness.dead_letters


def digest(harness: OperatorHarness) -> str:
    """Sixteen bytes of everything."""
    return blake2b(repr(told_by(harness)).encode(), digest_size=16).hexdigest()
