"""What may be trained on, from the topics: examples, and events that were agreed to be learnt from."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from connectors.erasure.graveyard import Graveyard
from connectors.kafka.log_reader import LogRecord, read_log
from connectors.kafka.settings import KafkaSettings
from foresend.training.people import Links, Person
from schemas.codec import decode
from schemas.errors import SchemaError, StateError
from schemas.events import Event, check_time, decode_event
from schemas.examples import Example, RewardKind
from schemas.ids import RecordId, UserId, WorkspaceId
from schemas.keys import split_key
from schemas.library import WorkspaceSettings
from schemas.topics import EXAMPLES
from training.histories import Did

EVENT_KEY_PARTS = 3


class Log(NamedTuple):
    """What there is to train on, in the order of the log for each person.

    newest_ms  log time of the newest record of the workspace, of whatever kind
    links      of each id that became part of another's, whose it is from when on
    """

    examples: list[Example]
    did: list[Did]
    newest_ms: int
    links: Links


def read_training(
    kafka: KafkaSettings,
    events: str,
    workspace: WorkspaceId,
    settings: WorkspaceSettings,
    secret: bytes = b"",
) -> Log:
    """Read the topics `examples` and `events` to the ends they have now.

    events  the topic of events: `events`, or a replay's
    secret  the installation's: who is on the list of the erased is left out; none: only who the log says was erased

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    graves = Graveyard.read(kafka, secret) if secret else Graveyard()
    return log_of(read_log(kafka, events), read_log(kafka, EXAMPLES.name), workspace, settings, graves)


def log_of(
    events: Iterable[LogRecord],
    examples: Iterable[LogRecord],
    workspace: WorkspaceId,
    settings: WorkspaceSettings,
    graves: Graveyard | None = None,
) -> Log:
    """What may be learnt from records of these topics.

    An erased person's records before the erasure do not count, nor do those before consent was taken back, nor a
    record whose tombstone came; a record that cannot be read is passed over, as the job does.
    """
    graves = Graveyard() if graves is None else graves
    people, newest_ms = _people_of(events, workspace, settings, graves)
    known: dict[bytes, Example] = {}
    for record in examples:
        known.pop(record.key, None)
        example = _example(record, workspace)
        if example is not None:
            newest_ms = max(newest_ms, record.position.log_ms)
            known[record.key] = example
    kept = [one for one in known.values() if _may_learn(people, one, settings, graves)]
    kept.sort(key=lambda one: (one.ended_ms, one.send_id))
    return Log(kept, _did(people, kept, settings), newest_ms, _links(people))


def _people_of(
    events: Iterable[LogRecord], workspace: WorkspaceId, settings: WorkspaceSettings, graves: Graveyard
) -> tuple[dict[UserId, Person], int]:
    people: dict[UserId, Person] = {}
    newest_ms = 0
    for record in events:
        if not record.value:
            _remove(people, record.key, workspace)
            continue
        event = _event(record, workspace)
        if event is not None:
            newest_ms = max(newest_ms, record.position.log_ms)
            person = people.get(event.user)
            if person is None:
                erased_ms = graves.erased_ms(workspace, event.user)
                person = people[event.user] = Person(workspace, event.user, erased_ms)
            person.take(event, record.position, settings)
    return people, newest_ms


def _did(people: Mapping[UserId, Person], examples: list[Example], settings: WorkspaceSettings) -> list[Did]:
    """What persons did, each thing once.

    What a device did before its link comes again under the person, and from then on the person's state knows it. So of
    the device's own only what was before something shown to it stays: that was foretold by it.
    """
    again = {(other, did.event) for person in people.values() for did in person.did.values() for other in did.via}
    shown_ms: dict[UserId, int] = {}
    for one in examples:
        shown_ms[one.user] = max(one.at_ms, shown_ms.get(one.user, 0))
    return _clicked(people, examples) + [
        Did(person.name, did.step, did.at_ms, did.engaged)
        for user, person in people.items()
        if _agrees(people, user, settings)
        for did in person.did.values()
        if did.step.at_ms > _erased_ms(people, user)
        if (user, did.event) not in again or did.step.at_ms < shown_ms.get(user, 0)
    ]


def _clicked(people: Mapping[UserId, Person], examples: list[Example]) -> list[Did]:
    """Clicks that ended an exposure are behaviour too, from when they were found to be a person's."""
    found = []
    for one in examples:
        person = people.get(one.user)
        click = person.clicks.get(one.send_id) if person and one.kind is RewardKind.CLICK else None
        if person and click and click.step.at_ms <= one.ended_ms:
            found.append(Did(person.name, click.step._replace(at_ms=one.ended_ms), click.at_ms, click.engaged))
    return found


def _may_learn(
    people: Mapping[UserId, Person], example: Example, settings: WorkspaceSettings, graves: Graveyard
) -> bool:
    """Examples were written of who agreed; since then the person may have gone, or whose the device is."""
    user = example.user
    person = people.get(user)
    if person is None and example.at_ms <= graves.erased_ms(example.workspace, user):
        return False
    if person is not None and example.at_ms <= max(person.forgotten_ms, _erased_ms(people, user)):
        return False
    return _agrees(people, user, settings)


def _agrees(people: Mapping[UserId, Person], user: UserId, settings: WorkspaceSettings) -> bool:
    """Whether nobody whose this id is, or was, said no."""
    return all(people[one].agrees(settings) for one in (user, *_owners(people, user)) if one in people)


def _erased_ms(people: Mapping[UserId, Person], user: UserId) -> int:
    """When whose id this is was erased last: the erasure may not have come to the id itself yet."""
    return max([people[one].state.profile.erased_at_ms for one in _owners(people, user) if one in people], default=0)


def _owners(people: Mapping[UserId, Person], user: UserId) -> list[UserId]:
    person = people.get(user)
    return [] if person is None else [UserId(link.user) for link in person.state.profile.links if link.user]


def _links(people: Mapping[UserId, Person]) -> Links:
    return {person.name: person.state.profile.links for person in people.values() if person.state.profile.links}


def _remove(people: Mapping[UserId, Person], key: bytes, workspace: WorkspaceId) -> None:
    """A record whose tombstone came is none any more, also where compaction has not removed it yet."""
    try:
        owner, user, record = split_key(key, EVENT_KEY_PARTS)
    except SchemaError:
        return
    if owner == workspace and UserId(user) in people:
        people[UserId(user)].did.pop(RecordId(record), None)


def _event(record: LogRecord, workspace: WorkspaceId) -> Event | None:
    if not record.key.startswith(workspace.encode()):
        return None
    try:
        event = decode_event(record.value)
        check_time(event.at_ms, event.received_ms)
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
