"""The whole path of events between profiles, without Kafka: what the job relays comes back at the end of the log."""

from collections.abc import Iterable

from connectors.collector.links import link_of
from connectors.kafka.event_records import event_record
from flink_jobs.cells import CONTACT, PROFILE, TRAIL
from flink_jobs.personalize.oracle import Oracle
from flink_jobs.records import InputRecord
from online_models.cells import ContactPart, Profile, Trail
from schemas.codec import decode
from schemas.events import Event
from schemas.profiles import Contact
from schemas.relays import decode_relay
from schemas.versions import Position
from tests.support.events import START_MS, WORKSPACE
from tests.support.fixed_worlds import FixedProgram


class RelayLoop:
    """One partition's log and the profiles that it makes.

    repeats  how often each record is applied, as if it had been read again after a crash
    secret   of the installation
    """

    def __init__(self, release: bytes, repeats: int = 1, secret: bytes = b"") -> None:
        self.oracle = Oracle(FixedProgram((release,), secret=secret).open(), "events")
        self._repeats = repeats
        self._offset = 0
        self._relayed = 0
        self.log: list[Event] = []

    def collect(self, events: Iterable[Event]) -> None:
        """Take calls in, with the links that they imply, and let everything go round until it is quiet."""
        for event in events:
            self._apply(event)
            implied = link_of(event)
            if implied is not None:
                self._apply(implied)
            self.settle()

    def settle(self) -> None:
        """Bring what was relayed into the log, as the collector does."""
        while self._relayed < len(self.oracle.relays):
            value = self.oracle.relays[self._relayed]
            self._relayed += 1
            for event in decode_relay(value):
                self._apply(event)

    def pass_time(self, until_ms: int) -> None:
        """Let deadlines come."""
        self.oracle.advance(until_ms)

    def profile(self, user: str) -> Profile:
        """A profile as it stands; an empty one for nobody."""
        stored = self.oracle.cells.get(f"{WORKSPACE}|{user}", {}).get(PROFILE.name)
        return decode(Profile, stored) if stored else Profile()

    def trail(self, user: str) -> Trail:
        """What an anonymous profile keeps."""
        stored = self.oracle.cells.get(f"{WORKSPACE}|{user}", {}).get(TRAIL.name)
        return decode(Trail, stored) if stored else Trail()

    def contact(self, user: str) -> Contact:
        """How somebody may be reached."""
        stored = self.oracle.cells.get(f"{WORKSPACE}|{user}", {}).get(CONTACT.name)
        return decode(ContactPart, stored).contact if stored else Contact()

    def entries(self, user: str) -> dict[bytes, bytes | None]:
        """What is written of a user's messages, by key."""
        return {key: value for key, value in self.oracle.communications.items() if key.endswith(f"|{user}".encode())}

    def _apply(self, event: Event) -> None:
        self.log.append(event)
        record = event_record(event)
        position = Position(max(event.received_ms, START_MS), 0, self._offset)
        self._offset += 1
        for _ in range(self._repeats):
            self.oracle.apply([InputRecord(record.key, record.value, position)])
