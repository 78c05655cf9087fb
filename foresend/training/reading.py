"""What may be trained on, from the topics: examples, and events that were agreed to be learnt from."""

from collections.abc import Iterable
from typing import NamedTuple

from connectors.kafka.log_reader import LogRecord, read_log
from connectors.kafka.settings import KafkaSettings
from flink_jobs.personalize.consent import ANALYTICS, may, may_use, take_consent
from flink_jobs.personalize.effects import Effects
from flink_jobs.personalize.reactions import REACTIONS
from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.step import NO_BEHAVIOUR
from online_models.sequence.inputs import input_of_event
from online_models.sequence.state import SequenceInput
from schemas.codec import decode
from schemas.errors import SchemaError, StateError
from schemas.events import BEHAVIOUR, OUTCOME, Event, EventKind, decode_event
from schemas.examples import Example
from schemas.ids import UserId, WorkspaceId
from schemas.keys import split_key, user_key
from schemas.library import WorkspaceSettings
from schemas.topics import EXAMPLES
from training.histories import Did

SILENT = NO_BEHAVIOUR | REACTIONS | {OUTCOME}
"""Events that tell of wishes, or what became of a send: the step does not see them as behaviour."""


class Log(NamedTuple):
    """What there is to train on, in the order of the log for each person.

    newest_ms  log time of the newest record of the workspace, of whatever kind
    """

    examples: list[Example]
    did: list[Did]
    newest_ms: int


class _Person:
    """What is collected of one person, and what the person agreed to."""

    def __init__(self, workspace: WorkspaceId, user: UserId) -> None:
        self.state = UserState(user_key(workspace, user), None, lambda _: None)
        self.did: list[SequenceInput] = []
        self.forgotten_ms = 0

    def take(self, event: Event, log_ms: int, settings: WorkspaceSettings) -> None:
        """Follow consent and erasure as the step does, and collect what the person did."""
        if event.kind is EventKind.ERASE:
            self._forget(log_ms)
            return
        profile = self.state.profile
        if take_consent(self.state, event, settings.consent, Effects()) and not self.agrees(settings):
            self._forget(log_ms)
        is_behaviour = event.kind in BEHAVIOUR and event.name not in SILENT
        if is_behaviour and may_use(event, profile, ANALYTICS, settings.consent):
            self.did.append(input_of_event(event, settings.tags, log_ms))

    def agrees(self, settings: WorkspaceSettings) -> bool:
        """Whether the person may be learnt from now."""
        return may(self.state.profile, ANALYTICS, settings.consent)

    def _forget(self, log_ms: int) -> None:
        self.did.clear()
        self.forgotten_ms = log_ms


def read_training(kafka: KafkaSettings, events: str, workspace: WorkspaceId, settings: WorkspaceSettings) -> Log:
    """Read the topics `examples` and `events` to the ends they have now.

    events  the topic of events: `events`, or a replay's

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    return log_of(read_log(kafka, events), read_log(kafka, EXAMPLES.name), workspace, settings)


def log_of(
    events: Iterable[LogRecord], examples: Iterable[LogRecord], workspace: WorkspaceId, settings: WorkspaceSettings
) -> Log:
    """What may be learnt from records of these topics.

    An erased person's records before the erasure do not count, nor do those before consent was taken back, nor a
    record whose tombstone came; a record that cannot be read is passed over, as the job does.
    """
    people: dict[UserId, _Person] = {}
    newest_ms = 0
    for record in events:
        event = _event(record, workspace)
        if event is not None:
            newest_ms = max(newest_ms, record.position.log_ms)
            person = people.setdefault(event.user, _Person(workspace, event.user))
            person.take(event, record.position.log_ms, settings)
    known: dict[bytes, Example] = {}
    for record in examples:
        known.pop(record.key, None)
        example = _example(record, workspace)
        if example is not None:
            newest_ms = max(newest_ms, record.position.log_ms)
            known[record.key] = example
    did = [
        Did(f"{workspace}|{user}", step)
        for user, person in people.items()
        if person.agrees(settings)
        for step in person.did
    ]
    kept = [one for one in known.values() if _may_learn(people.get(one.user), one, settings)]
    return Log(sorted(kept, key=lambda one: (one.ended_ms, one.send_id)), did, newest_ms)


def _may_learn(person: _Person | None, example: Example, settings: WorkspaceSettings) -> bool:
    """Examples were written of who agreed; since then the person may have gone."""
    return person is None or (person.agrees(settings) and example.ended_ms > person.forgotten_ms)


def _event(record: LogRecord, workspace: WorkspaceId) -> Event | None:
    if not record.value or not record.key.startswith(workspace.encode()):
        return None
    try:
        event = decode_event(record.value)
    except SchemaError:
        return None
    return event if event.workspace == workspace else None


def _example(record: LogRecord, workspace: WorkspaceId) -> Example | None:
    if not record.value:
        return None
    try:
        if split_key(record.key, 3)[0] != workspace:
            return None
        return decode(Example, record.value)
    except (SchemaError, StateError):
        return None
