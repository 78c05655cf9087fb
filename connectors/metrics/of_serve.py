"""Metrics of a node: its gateway, and how it reads the topics."""

from connectors.metrics.metric import Kind, Metric, Program

_SERVE = (Program.SERVE,)
READ_BUCKETS_S = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.1)
FRESHNESS_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)

OF_SERVE = (
    Metric(
        "foresend_freshness_seconds",
        Kind.HISTOGRAM,
        "seconds",
        _SERVE,
        "From the acceptance of the newest event in a message by the collector (its log time) to the message's being "
        "readable here",
        ("workspace",),
        buckets=FRESHNESS_BUCKETS_S,
    ),
    Metric(
        "foresend_reads_total",
        Kind.COUNTER,
        "reads",
        _SERVE,
        "Reads answered with a message, by where it came from; reason: why the fallback was served, else empty",
        ("workspace", "template", "source", "reason"),
        {
            "source": ("entry", "fallback"),
            "reason": (
                *("", "unknown", "missing", "expired", "withdrawn", "corrupt", "release_not_here", "evicted"),
                *("consent", "control"),
            ),
        },
    ),
    Metric(
        "foresend_read_seconds",
        Kind.HISTOGRAM,
        "seconds",
        _SERVE,
        "Time to answer a read, in the process",
        buckets=READ_BUCKETS_S,
    ),
    Metric(
        "foresend_read_problems_total",
        Kind.COUNTER,
        "requests",
        _SERVE,
        "Requests answered with a problem, by its code",
        ("code",),
    ),
    Metric(
        "foresend_topic_lag_records",
        Kind.GAUGE,
        "records",
        _SERVE,
        "Records of this node's partitions that are in Kafka and not applied here",
        ("topic",),
        {"topic": ("communications", "profiles", "library", "suppressions")},
    ),
    Metric(
        "foresend_cache_behind_seconds",
        Kind.GAUGE,
        "seconds",
        _SERVE,
        "For how long this node has not been at the end of its topics, at most: 0 where nothing waits",
    ),
    Metric(
        "foresend_dead_letters_total",
        Kind.COUNTER,
        "records",
        _SERVE,
        "Input that could not be used, by the topic it came from",
        ("source", "reason"),
    ),
)
