"""Every column family of the cache in one table: key, purpose, retention, erasure of a person."""

from dataclasses import dataclass

LAYOUT = 1
"""Version of keys and families as a whole. Values carry versions of their own."""
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
    key="workspace|template|user, the record's own key",
    purpose="each user's finished messages, as the topic holds them",
    retention="newest of each key",
    personal=True,
    erasure="a grave replaces the content at once; the tombstone removes the row",
)
PROFILES = Family(
    name="profiles",
    key="workspace|user, the record's own key",
    purpose="each person's contact part, consent and features in words, as the topic holds them",
    retention="newest of each key",
    personal=True,
    erasure="a grave replaces the content at once; the tombstone removes the row",
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
    key="workspace|send id",
    purpose="what was drawn for a send, so that a repeat is answered the same",
    retention="48 hours",
    personal=True,
    erasure="never answered again once the user was erased (`erasures`); ages out in 48 hours",
)
SEND_TIMES = Family(
    name="send_times",
    key="time (8 bytes, milliseconds), then a key of `sends`",
    purpose="finds the sends that are old enough to be forgotten",
    retention="48 hours",
    personal=False,
    erasure="holds send ids only",
)
ERASURES = Family(
    name="erasures",
    key="a key of `entries`",
    purpose="when the user was erased, so that no send from before is answered again, also after the grave is gone",
    retention="48 hours, as long as `sends`",
    personal=True,
    erasure="it is the erasure; ages out in 48 hours",
)
OUTBOX = Family(
    name="outbox",
    key="sequence number (8 bytes)",
    purpose="records that Kafka has not acknowledged yet",
    retention="until Kafka acknowledges them",
    personal=True,
    erasure="moves on to a topic within seconds; the topic's rule holds there",
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
    purpose="layout version, partition count, ids of the topics followed, when this node last kept up",
    retention="as long as the cache",
    personal=False,
    erasure="holds no person",
)

FAMILIES = (ENTRIES, PROFILES, RELEASES, SENDS, SEND_TIMES, ERASURES, OUTBOX, OFFSETS, META)
