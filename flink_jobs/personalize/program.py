"""Between the log's bytes and the step: what the adapter runs in Flink, and the oracle without it."""

from dataclasses import dataclass

from connectors.contacts.addresses import address_name
from connectors.erasure.graveyard import Graveyard
from connectors.kafka.settings import KafkaSettings
from connectors.metrics.job import DROPPED, DROPPED_EVENTS, EVENTS, RESETS
from flink_jobs.cells import CELLS, PROFILE, CellName
from flink_jobs.counting import Count
from flink_jobs.personalize.effects import Effects, Suppressing
from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.step import next_deadline_ms, on_deadline, on_event
from flink_jobs.records import CellAccess, InputRecord, Outcome, OutputRecord
from flink_jobs.worlds import WorldReader, Worlds
from schemas.codec import Versioned, encode
from schemas.errors import Reason, SchemaError
from schemas.events import MILLIS_END, EventKind, decode_event
from schemas.ids import WorkspaceId
from schemas.keys import HEARTBEAT_USER, SYSTEM_WORKSPACE, event_key, join_key, user_key
from schemas.suppressions import Suppressed, suppression_key
from schemas.topics import PARTITIONS, SUPPRESSIONS

_HEARTBEATS = frozenset(join_key(SYSTEM_WORKSPACE, HEARTBEAT_USER, str(number)) for number in range(PARTITIONS))


@dataclass(frozen=True)
class Personalize:
    """The program of the job `personalize`.

    source  the topic it reads
    secret  the installation's, by which the erased are known, and suppressed addresses
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
        return PersonalizeStep(WorldReader.of(self.kafka), graves, self.secret)


class PersonalizeStep:
    """The pure step over cells of bytes.

    secret  the installation's, by which addresses are named; without one no suppression outlives its profile
    """

    def __init__(self, worlds: Worlds, graves: Graveyard | None = None, secret: bytes = b"") -> None:
        self._worlds = worlds
        self._secret = secret
        self._graves = Graveyard() if graves is None else graves
        self._counted: set[WorkspaceId] = set()

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
        effects = on_event(state, event, record.position, self._worlds)
        effects.counts.append(Count(EVENTS, (event.workspace,)))
        if event.workspace not in self._counted:
            self._counted.add(event.workspace)
            effects.counts += _nothing_yet(event.workspace)
        return self._store(cells, state, effects, woken_at_ms)

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
        if effects.suppressing and self._secret:
            outputs += [self._suppression(state.owner[0], one) for one in effects.suppressing]
        return Outcome(outputs, next_deadline_ms(state), woken_at_ms, effects.counts)

    def _suppression(self, workspace: WorkspaceId, told: Suppressing) -> OutputRecord:
        """Only here does the secret meet an address: the step stays the same without one."""
        name = told.name or address_name(self._secret, told.channel, told.address)
        key = suppression_key(workspace, told.channel, name, told.reason)
        return OutputRecord(key, encode(Suppressed(told.at_ms, told.lifted_ms)), SUPPRESSIONS.name)


def _nothing_yet(workspace: WorkspaceId) -> list[Count]:
    """What is told of a workspace from its first event on, so that an alert sees the first of it."""
    dropped = [Count(DROPPED_EVENTS, (workspace, reason), 0) for reason in DROPPED]
    return [*dropped, Count(RESETS, (workspace, "person"), 0)]


def _packed(value: Versioned | bytes | None) -> bytes | None:
    return encode(value) if isinstance(value, Versioned) else value
