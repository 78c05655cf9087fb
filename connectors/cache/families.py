"""Every column family of the cache in one table: key, purpose, retention, erasure of a person."""

from dataclasses import dataclass

LAYOUT = 2
"""Version of keys and families as a whole. Values carry versions of their own."""
PERSON_BYTES = 16
SEND_BYTES = 16
ITEM_BYTES = 16
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
    purpose="pieces, fallbacks, dictionaries and mark prefixes of every release, for what was made with it",
    retention="while it is among the newest of its workspace, or an entry or a send was made with it",
    personal=False,
    erasure="holds no person",
)
EVICTED = Family(
    name="evicted",
    key="a key of `entries`",
    purpose="version and locale of an entry that made room or ended: nothing older comes back, and the user is known",
    retention="until the entry comes back, or its tombstone",
    personal=False,
    erasure="hashes, a version and a locale; a grave or a tombstone removes the row",
)
SHOWN = Family(
    name="shown",
    key="hash of an item of a catalogue, then a key of `entries`",
    purpose="finds the entries that show an item, when it changes",
    retention="as long as the entry",
    personal=False,
    erasure="hashes only; goes with the entry",
)
DUE = Family(
    name="due",
    key="time (8 bytes, milliseconds), then a key of `entries`",
    purpose="finds the entries of which no message is valid any more",
    retention="as long as the entry",
    personal=False,
    erasure="a time and hashes; goes with the entry",
)
ACCESS = Family(
    name="access",
    key="name of a part of the estimate",
    purpose="about how often entries were read, in counters that many entries share",
    retention="as long as the cache; counts are halved as reads go on",
    personal=False,
    erasure="holds no person: sums over hashes",
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
QUEUE = Family(
    name="queue",
    key="workspace|lane, a zero byte, time (8 bytes, milliseconds), hash of the send",
    purpose="sends that are not at their end, by when they are to be looked at again: the key of each in `records`",
    retention="until the send's end",
    personal=False,
    erasure="a time and hashes; an erased person's rows go with those in `records`",
)
LEDGER = Family(
    name="ledger",
    key="hash of workspace and send id",
    purpose="whose send it is, and when it was asked for: the key of its row in `records`",
    retention="90 days",
    personal=False,
    erasure="hashes and a time only; a send without its row in `records` is one of an erased user",
)
RECORDS = Family(
    name="records",
    key="hash of workspace and user, time (8 bytes, milliseconds), hash of the send",
    purpose="what was asked to be sent to somebody, what was decided, drawn and sent, and what came of it",
    retention="90 days",
    personal=True,
    erasure="a grave removes all rows of the person at once, and the files that held them (`purges`)",
)
CAPS = Family(
    name="caps",
    key="hash of workspace and user",
    purpose="when marketing messages were sent to somebody, as far back as caps look",
    retention="until they are too old to count",
    personal=True,
    erasure="a grave removes the row at once, and the files that held it (`purges`)",
)
RESTS = Family(
    name="rests",
    key="workspace|receiving domain",
    purpose="until when nothing is sent to a domain that refused a sender as such",
    retention="an hour",
    personal=False,
    erasure="holds no person: a domain and a time",
)
RIGHTS = Family(
    name="rights",
    key="hash of workspace and user",
    purpose="since when somebody may not be written to, was erased, or took consent back: it holds before the job "
    "answers",
    retention="an unsubscription for ever, or until a later opt-in; the others until the job has answered, 48 hours at "
    "least",
    personal=True,
    erasure="times and names of lists only; an erasure stays until nothing of the person can be read here, an "
    "unsubscription outlives it (Art. 21 GDPR)",
)
LINKS = Family(
    name="links",
    key="workspace|id of the link",
    purpose="where tracked links of sent messages lead: every fixed address of every release",
    retention="as long as the topic `library`: for ever",
    personal=False,
    erasure="holds no person",
)
SUPPRESSIONS = Family(
    name="suppressions",
    key="workspace|channel|HMAC of the address|reason",
    purpose="why an address may not be written to, whoever it belongs to",
    retention="as the topic `suppressions`",
    personal=False,
    erasure="holds nobody's address: an HMAC under the installation's secret, a reason and times; it outlives erasure",
)
CAMPAIGNS = Family(
    name="campaigns",
    key="kind of row, workspace, name of the campaign, and of marks the hash of a send",
    purpose="where each campaign stands at this node, its counts, what domains were sent today, which sends counted",
    retention="as long as the cache; of a campaign's name the newest run",
    personal=False,
    erasure="holds no person: rules, counts, receiving domains, and hashes of sends",
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
    purpose="layout version, partition count, salt of names, ids of the topics followed, when this node last kept up, "
    "bytes of all entries",
    retention="as long as the cache",
    personal=False,
    erasure="holds no person",
)

FAMILIES = (
    ENTRIES,
    PROFILES,
    RELEASES,
    EVICTED,
    SHOWN,
    DUE,
    ACCESS,
    SENDS,
    SERVED,
    SEND_TIMES,
    GRAVES,
    PURGES,
    QUEUE,
    LEDGER,
    RECORDS,
    CAPS,
    RESTS,
    RIGHTS,
    LINKS,
    SUPPRESSIONS,
    CAMPAIGNS,
    OUTBOX,
    OFFSETS,
    META,
)
