"""Every column family of the cache in one table: key, purpose, retention, erasure of a person."""

from dataclasses import dataclass

LAYOUT = 2
"""Version of keys and families as a whole. Values carry versions of their own."""
PERSON_BYTES = 16
SEND_BYTES = 16
"""Keys name persons and sends by keyed hashes (`names.py`), so that nobody's id stands in an index, in a file's
bounds or in RocksDB's own log. Outside `entries`, `profiles`, `served` and `outbox` nothing else tells of a person."""
SENDS_KEPT_MS = 48 * 3_600_000
"""For how long a repeated send is answered as it was the first time."""


@dataclass(frozen=True, eq=False)
class Family:
    """One row of the table, equal to itself only (its hash is asked for at each read).

    personal  holds data of persons; then `erasure` says how one is removed
    """

    name: str
    key: str
    purpose: str
    retention: str
    personal: bool
    erasure: str


ENTRIES = Family(
    name="entries",
    key="hash of workspace and user, then the template",
    purpose="each user's finished messages: the record's own key, and its value as the topic holds it",
    retention="newest of each key",
    personal=True,
    erasure="a grave or a tombstone removes the row at once, and a grave the files that held it (`purges`)",
)
PROFILES = Family(
    name="profiles",
    key="hash of workspace and user",
    purpose="each person's contact part, consent and features in words: the record's own key, and its value",
    retention="newest of each key",
    personal=True,
    erasure="a grave or a tombstone removes the row at once, and a grave the files that held it (`purges`)",
)
RELEASES = Family(
    name="fallbacks",
    key="workspace|release; workspace alone: the id of its newest release",
    purpose="fallbacks, dictionaries and mark prefixes of every release, for what was made with it",
    retention="as long as the topic `library`",
    personal=False,
    erasure="holds no person",
)
SENDS = Family(
    name="sends",
    key="hash of workspace and send id",
    purpose="whose send it is, and of when: the key of its row in `served`",
    retention="48 hours",
    personal=False,
    erasure="hashes and a time only; a send without its row in `served` is one of an erased user",
)
SERVED = Family(
    name="served",
    key="hash of workspace and user, time (8 bytes, milliseconds), hash of the send",
    purpose="what was drawn for a send, so that a repeat is answered the same",
    retention="48 hours",
    personal=True,
    erasure="a grave removes all rows of the person at once, and the files that held them (`purges`)",
)
SEND_TIMES = Family(
    name="send_times",
    key="time (8 bytes, milliseconds), hash of the send",
    purpose="finds the sends that are old enough to be forgotten",
    retention="48 hours",
    personal=False,
    erasure="hashes and a time only",
)
GRAVES = Family(
    name="graves",
    key="a key of `entries` or `profiles`",
    purpose="version of a grave, so that nothing older comes back, and when the user was erased",
    retention="until the tombstone or a newer version, but 48 hours at least, as long as `sends`",
    personal=False,
    erasure="it is the erasure: hashes, a version and a time",
)
PURGES = Family(
    name="purges",
    key="hash of workspace and user; `all`: everybody",
    purpose="whose removed rows may still be in RocksDB's files",
    retention="seconds: until these files are gone",
    personal=False,
    erasure="hashes only",
)
OUTBOX = Family(
    name="outbox",
    key="sequence number (8 bytes)",
    purpose="records that Kafka has not acknowledged yet",
    retention="until Kafka acknowledges them",
    personal=True,
    erasure="moves on to a topic within seconds; the topic's rule holds there, and files are purged here (`purges`)",
)
OFFSETS = Family(
    name="offsets",
    key="topic|partition",
    purpose="the offset after the last record that is in this cache",
    retention="as long as the cache",
    personal=False,
    erasure="holds no person",
)
META = Family(
    name="meta",
    key="name of the fact",
    purpose="layout version, partition count, salt of names, ids of the topics followed, when this node last kept up",
    retention="as long as the cache",
    personal=False,
    erasure="holds no person",
)

FAMILIES = (
    ENTRIES,
    PROFILES,
    RELEASES,
    SENDS,
    SERVED,
    SEND_TIMES,
    GRAVES,
    PURGES,
    OUTBOX,
    OFFSETS,
    META,
)
