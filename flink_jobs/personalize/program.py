"""Between the log's bytes and the step: what the adapter runs in Flink, and the oracle without it."""

from dataclasses import dataclass

from connectors.erasure.graveyard import Graveyard
from connectors.kafka.settings import KafkaSettings
from flink_jobs.cells import CELLS, PROFILE, CellName
from flink_jobs.personalize.effects import Effects
from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.step import next_deadline_ms, on_deadline, on_event
from flink_jobs.records import CellAccess, InputRecord, Outcome, OutputRecord
from flink_jobs.worlds import WorldReader, Worlds
from schemas.codec import Versioned, encode
from schemas.errors import Reason, SchemaError
from schemas.events import MILLIS_END, EventKind, decode_event
from schemas.keys import HEARTBEAT_USER, SYSTEM_WORKSPACE, event_key, join_key, user_key
from schemas.topics import PARTITIONS

_HEARTBEATS = frozenset(join_key(SYSTEM_WORKSPACE, HEARTBEAT_USER, str(number)) for number in range(PARTITIONS))


@dataclass(frozen=True)
class Personalize:
    """The program of the job `personalize`.

    source  the topic it reads
    secret  the installation's, by which the erased are known
    """

    kafka: KafkaSettings
    source: str
    secret: bytes = b""

    @property
    def cells(self) -> tuple[CellName, ...]:
        """All cells of the table."""
        return tuple(row.name for row in CELLS)

    def open(self) -> "PersonalizeStep":
        """The step, with worlds read from Kafka, and with the list of the erased."""
        graves = Graveyard.read(self.kafka, self.secret) if self.secret else Graveyard()
        return PersonalizeStep(WorldReader.of(self.kafka), graves)


class PersonalizeStep:
    """The pure step over cells of bytes."""

    def __init__(self, worlds: Worlds, graves: Graveyard | None = None) -> None:
        self._worlds = worlds
        self._graves = Graveyard() if graves is None else graves

    def on_record(self, cells: CellAccess, record: InputRecord) -> Outcome:
        """Decode one record and apply it to its user.

        Raises:
            DataError: it is no event, or not the event that its key tells.
        """
        if record.key in _HEARTBEATS or not record.value:
            return Outcome()
        if not 0 <= record.position.log_ms < MILLIS_END:
            raise SchemaError(Reason.TIME_OUT_OF_RANGE, "expected a log time in milliseconds since 1970, got another")
        event = decode_event(record.value)
        if record.key != event_key(event.workspace, event.user, event.record_id):
            raise SchemaError(Reason.KEY_MISMATCH, "expected the key workspace|user|record of the event in the value")
        if event.kind is EventKind.HEARTBEAT or event.workspace == SYSTEM_WORKSPACE:
            raise SchemaError(Reason.KEY_MISMATCH, "expected an event of a workspace and user, got one of the system's")
        state = self._load(cells, user_key(event.workspace, event.user))
        woken_at_ms = next_deadline_ms(state)
        return self._store(cells, state, on_event(state, event, record.position, self._worlds), woken_at_ms)

    def on_deadline(self, cells: CellAccess, key: str, at_ms: int) -> Outcome:
        """Apply what is due for a user by `at_ms`."""
        state = self._load(cells, key.encode())
        woken_at_ms = next_deadline_ms(state)
        return self._store(cells, state, on_deadline(state, at_ms, self._worlds), woken_at_ms)

    def close(self) -> None:
        """Leave the topics of the world."""
        if isinstance(self._worlds, WorldReader):
            self._worlds.close()

    def _load(self, cells: CellAccess, key: bytes) -> UserState:
        """The user's state; of one who was erased and forgotten, the grave that the list remembers."""
        packed = cells.read(PROFILE.name)
        state = UserState(key, packed, cells.read)
        if not packed and (erased_ms := self._graves.erased_ms(*state.owner)):
            state.profile.is_grave, state.profile.is_listed, state.profile.erased_at_ms = True, True, erased_ms
        return state

    def _store(self, cells: CellAccess, state: UserState, effects: Effects, woken_at_ms: int) -> Outcome:
        if effects.changed and state.profile.is_forgotten:
            self._graves.bury(*state.owner, state.profile.erased_at_ms)
            for row in CELLS:
                cells.write(row.name, b"")
        elif effects.changed:
            cells.write(PROFILE.name, encode(state.profile))
            for cell in state.lazy_cells:
                packed = cell.packed_change()
                if packed is not None:
                    cells.write(cell.name, packed)
        outputs = [OutputRecord(out.key, _packed(out.value), out.topic) for out in effects.outputs]
        return Outcome(outputs, next_deadline_ms(state), woken_at_ms)


def _packed(value: Versioned | bytes | None) -> bytes | None:
    return encode(value) if isinstance(value, Versioned) else value
