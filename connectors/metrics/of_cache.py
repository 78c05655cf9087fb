"""Metrics of a node's cache and outbox."""

from connectors.metrics.metric import Kind, Metric, Program
from schemas.decisions import CAUSES

_SERVE = (Program.SERVE,)

OF_CACHE = (
    Metric(
        "foresend_cache_records_total",
        Kind.COUNTER,
        "records",
        _SERVE,
        "Records read from the topics, by what became of them",
        ("topic", "outcome"),
    ),
    Metric(
        "foresend_cache_entries_written_total",
        Kind.COUNTER,
        "entries",
        _SERVE,
        "Entries written, by why their message was rendered; graves of erased users apart",
        ("cause",),
        {"cause": (*CAUSES, "grave")},
    ),
    Metric(
        "foresend_render_total",
        Kind.COUNTER,
        "messages",
        _SERVE,
        "Messages rendered, by why; as they arrive, so not those that a node reads once more to catch up",
        ("reason",),
        {"reason": CAUSES},
    ),
    Metric(
        "foresend_cache_rebuilds_total",
        Kind.COUNTER,
        "rebuilds",
        _SERVE,
        "Times the cache was dropped and read anew",
        ("reason",),
        {
            "reason": (
                *("topic_recreated", "derived_rows", "offset_out_of_range", "other_partitions", "absent_too_long"),
            )
        },
    ),
    Metric(
        "foresend_cache_evictions_total",
        Kind.COUNTER,
        "entries",
        _SERVE,
        "Entries that made room (space), were never let in (unread), are of old releases, or had nothing valid left",
        ("reason",),
        {"reason": ("space", "release", "validity", "unread")},
    ),
    Metric(
        "foresend_cache_reads_total",
        Kind.COUNTER,
        "looks",
        _SERVE,
        "Looks for an entry, by whether it was there",
        ("outcome",),
        {"outcome": ("hit", "miss")},
    ),
    Metric("foresend_cache_entries", Kind.GAUGE, "entries", _SERVE, "How many entries are cached"),
    Metric("foresend_cache_live_bytes", Kind.GAUGE, "bytes", _SERVE, "Bytes of all entries, keys and values"),
    Metric("foresend_cache_limit_bytes", Kind.GAUGE, "bytes", _SERVE, "Limit of the bytes of all entries; 0: none"),
    Metric("foresend_cache_disk_bytes", Kind.GAUGE, "bytes", _SERVE, "Bytes of the files in the cache's folder"),
    Metric(
        "foresend_cache_disk_free_bytes", Kind.GAUGE, "bytes", _SERVE, "Bytes free on the disk of the cache's folder"
    ),
    Metric("foresend_cache_disk_size_bytes", Kind.GAUGE, "bytes", _SERVE, "Bytes of the disk of the cache's folder"),
    Metric(
        "foresend_cache_releases_dropped_total",
        Kind.COUNTER,
        "releases",
        _SERVE,
        "Releases that nothing was made with any more",
    ),
    Metric(
        "foresend_cache_quarantines_total",
        Kind.COUNTER,
        "caches",
        _SERVE,
        "Times the cache was damaged and moved aside",
    ),
    Metric(
        "foresend_cache_renewals_total",
        Kind.COUNTER,
        "persons",
        _SERVE,
        "Persons whose messages were asked for anew after a release, by what became of it",
        ("outcome",),
        {"outcome": ("asked", "renewed", "given_up")},
    ),
    Metric(
        "foresend_cache_renewals_left",
        Kind.GAUGE,
        "persons",
        _SERVE,
        "Persons known to have messages of an older release",
    ),
    Metric(
        "foresend_cache_erasures_total",
        Kind.COUNTER,
        "persons",
        _SERVE,
        "Erased persons of whom no byte is left in the cache's files",
    ),
    Metric(
        "foresend_cache_erasure_seconds",
        Kind.GAUGE,
        "seconds",
        _SERVE,
        "From the arrival of the last erased person's grave until no byte was left in the cache's files",
    ),
    Metric(
        "foresend_erasures_open",
        Kind.GAUGE,
        "persons",
        _SERVE,
        "Erased persons of whom bytes may still be in the cache's files",
    ),
    Metric(
        "foresend_erasure_oldest_seconds",
        Kind.GAUGE,
        "seconds",
        _SERVE,
        "For how long the oldest of them has been waiting; 0 where none is",
    ),
    Metric(
        "foresend_outbox_pending_records",
        Kind.GAUGE,
        "records",
        _SERVE,
        "Records of the outbox that Kafka has not acknowledged",
    ),
    Metric(
        "foresend_outbox_produced_records_total",
        Kind.COUNTER,
        "records",
        _SERVE,
        "Records of the outbox that Kafka has acknowledged",
    ),
    Metric(
        "foresend_outbox_failures_total",
        Kind.COUNTER,
        "batches",
        _SERVE,
        "Batches of the outbox that Kafka did not acknowledge: they are sent again",
    ),
    Metric(
        "foresend_outbox_lost_records_total",
        Kind.COUNTER,
        "records",
        _SERVE,
        "Records lost with a damaged cache, as far as known",
    ),
)
