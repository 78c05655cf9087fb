"""What sizes are counted with: each number with the bench that measured it, or the reason why it was chosen."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """One number.

    value        what is counted with: on the safe side of what was measured
    bench        measured it (`foresend bench NAME`); empty where it was chosen
    figure       the bench's name for it
    safe_above   more of it makes a larger installation: it stands at or above the figure; else at or below
    why          what it is, and why it is not simply the figure
    """

    name: str
    value: float
    unit: str
    why: str
    bench: str = ""
    figure: str = ""
    safe_above: bool = True


STEP = Constant(
    "events_per_s_of_a_task_manager",
    2_500,
    "events/s",
    "a million users, one slot; broker, Flink and step on the same two cores",
    bench="hotpath",
    figure="events_per_s",
    safe_above=False,
)
COLLECT = Constant(
    "events_per_s_of_a_collector",
    10_000,
    "events/s",
    "half of what was measured, where the batches of 100 are: single events cost more",
    bench="collector",
    figure="events_per_s",
    safe_above=False,
)
APPLY = Constant(
    "rows_per_s_of_a_node",
    10_000,
    "rows/s",
    "half of what a rebuild reads: a node also answers meanwhile",
    bench="cache",
    figure="rebuild_entries_per_s",
    safe_above=False,
)
ROWS = Constant(
    "rows_of_an_event",
    0.5,
    "rows",
    "messages and profiles that an event has written anew; a release writes more, at its own pace",
    bench="footprint",
    figure="rows_per_event",
)
STATE = Constant(
    "state_bytes_of_a_person",
    5_600,
    "bytes",
    "all cells at the 99th percentile, with 200 events and 20 open exposures: most have a quarter of it",
    bench="models",
    figure="all_cells_bytes_p99",
)
RECORDS = Constant(
    "kafka_bytes_of_an_event",
    750,
    "bytes",
    "the event and all that follows from it, before replicas; nothing is compressed on the way",
    bench="footprint",
    figure="kafka_bytes_per_event",
)
EVENT = Constant(
    "bytes_of_an_event", 380, "bytes", "the event itself, kept for 90 days", bench="footprint", figure="event_bytes"
)
ENTRY = Constant(
    "bytes_of_an_entry",
    1_400,
    "bytes",
    "one template's messages for one person, eight candidates, in the cache",
    bench="footprint",
    figure="entry_bytes",
)
PROFILE = Constant(
    "bytes_of_a_profile", 700, "bytes", "what a node keeps of a person", bench="footprint", figure="profile_bytes"
)
UTILISATION = Constant("utilisation", 0.6, "ratio", "chosen: the target of the job's autoscaler", safe_above=False)
FOLDER = Constant("folder_of_limit", 1.5, "ratio", "chosen: 1.4 was the most that was seen (docs/cache.md)")
COPIES = Constant("copies_of_a_partition", 2, "nodes", "fixed: each partition is on two nodes")
REPLICAS = Constant("replicas", 3, "brokers", "chosen: a broker may fail while another is being upgraded")
NODE = Constant("cache_bytes_of_a_node", 200e9, "bytes", "chosen: a disk that a node rebuilds in hours, not days")

CONSTANTS = (
    *(STEP, COLLECT, APPLY, ROWS, STATE, RECORDS, EVENT, ENTRY, PROFILE),
    *(UTILISATION, FOLDER, COPIES, REPLICAS, NODE),
)
