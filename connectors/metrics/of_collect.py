"""Metrics of programs that take events in."""

from connectors.metrics.metric import Kind, Metric, Program
from schemas.errors import Reason

_COLLECT = (Program.COLLECT,)
_INBOUND = (Program.INBOUND,)
REASONS = tuple(reason.value for reason in Reason)
MAIL_EVENTS = (
    *("sent", "delivered", "deferred", "bounced_hard", "bounced_soft", "complained"),
    *("unsubscribed", "opened", "clicked"),
)
"""What becomes of mail, as `foresend_mail_events_total` counts it."""
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

OF_COLLECT = (
    Metric(
        "foresend_events_accepted_total",
        Kind.COUNTER,
        "events",
        _COLLECT,
        "Events that Kafka acknowledged",
        ("workspace",),
    ),
    Metric(
        "foresend_events_refused_total",
        Kind.COUNTER,
        "events",
        _COLLECT,
        "Input that is no event, by reason; of batches it is in dead_letters",
        ("reason",),
        {"reason": REASONS},
    ),
    Metric(
        "foresend_webhooks_total",
        Kind.COUNTER,
        "events",
        _COLLECT,
        "Events of mail providers, by what became of them; requests that are not believed, by why",
        ("provider", "outcome"),
    ),
    Metric(
        "foresend_collect_requests_total",
        Kind.COUNTER,
        "requests",
        _COLLECT,
        "Requests by status of HTTP",
        ("status",),
    ),
    Metric(
        "foresend_collect_acknowledge_seconds",
        Kind.HISTOGRAM,
        "seconds",
        _COLLECT,
        "From a request's last byte to Kafka's acknowledgement",
        buckets=SECONDS,
    ),
    Metric("foresend_collect_pending_bytes", Kind.GAUGE, "bytes", _COLLECT, "Written, not acknowledged by Kafka"),
    Metric(
        "foresend_kafka_in_records_total",
        Kind.COUNTER,
        "records",
        _COLLECT,
        "Records read from topics of other producers, by what became of them",
        ("outcome",),
        {"outcome": ("event", *REASONS)},
    ),
    Metric(
        "foresend_erasures_asked_total",
        Kind.COUNTER,
        "requests",
        _COLLECT,
        "Erasures of a person that were asked for, and that Kafka acknowledged",
        ("workspace",),
    ),
    Metric(
        "foresend_mail_events_total",
        Kind.COUNTER,
        "events",
        (Program.COLLECT, Program.INBOUND, Program.SERVE),
        "What became of mails, as it was told: by providers and services to the collector, by mails that came back, "
        "by our own workers and links to a node; each is counted where it enters",
        ("workspace", "event"),
        {"event": MAIL_EVENTS},
    ),
    Metric(
        "foresend_inbound_mails_total",
        Kind.COUNTER,
        "mails",
        _INBOUND,
        "Mails taken in, by what they are",
        ("kind",),
        {"kind": ("bounce", "complaint", "unsubscribe", "auto_reply", "other")},
    ),
    Metric(
        "foresend_inbound_refused_total",
        Kind.COUNTER,
        "mails",
        _INBOUND,
        "Mails of no use, by reason: they are in dead_letters",
        ("reason",),
        {"reason": REASONS},
    ),
    Metric(
        "foresend_inbound_bounces_total",
        Kind.COUNTER,
        "bounces",
        _INBOUND,
        "Bounces, by what they say",
        ("bounce_type",),
        {"bounce_type": ("hard", "soft", "block")},
    ),
    Metric(
        "foresend_inbound_not_now_total",
        Kind.COUNTER,
        "mails",
        _INBOUND,
        "Mails left to their sender for a while, by who was away",
        ("who",),
        {"who": ("kafka", "owner")},
    ),
)
