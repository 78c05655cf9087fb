"""Metrics of sending: the node's ledger, and the workers."""

from connectors.metrics.metric import Kind, Metric, Program
from schemas.library import MessageClass
from schemas.sending import Outcome, SendState, SkipReason

_SERVE = (Program.SERVE,)
_DELIVER = (Program.DELIVER,)
ATTEMPT_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)

OF_DELIVERY = (
    Metric(
        "foresend_sends_ended_total",
        Kind.COUNTER,
        "sends",
        _SERVE,
        "Sends that came to their end, or into doubt, by state and by the reason of a skip",
        ("workspace", "state", "reason"),
        {
            "state": tuple(
                state.value for state in SendState if state not in (SendState.QUEUED, SendState.HELD, SendState.GRANTED)
            ),
            "reason": ("", *(reason.value for reason in SkipReason)),
        },
    ),
    Metric(
        "foresend_sends_granted_total",
        Kind.COUNTER,
        "sends",
        _SERVE,
        "Messages given to workers, attempts apart",
        ("workspace",),
    ),
    Metric("foresend_sends_open", Kind.GAUGE, "sends", _SERVE, "Messages that were granted and not told of"),
    Metric(
        "foresend_domains_rested_total",
        Kind.COUNTER,
        "rests",
        _SERVE,
        "Times that a receiving domain refused a sender as such, and rests: an operator looks why",
        ("workspace",),
    ),
    Metric(
        "foresend_deliver_attempts_total",
        Kind.COUNTER,
        "attempts",
        _DELIVER,
        "Attempts to hand a message over, by what came of them",
        ("workspace", "channel", "message_class", "outcome"),
        {
            "message_class": tuple(one.value for one in MessageClass),
            "outcome": tuple(one.value for one in Outcome),
        },
    ),
    Metric(
        "foresend_deliver_attempt_seconds",
        Kind.HISTOGRAM,
        "seconds",
        _DELIVER,
        "Time of an attempt, from the grant's arrival to its outcome",
        ("channel",),
        buckets=ATTEMPT_SECONDS,
    ),
    Metric("foresend_deliver_under_way", Kind.GAUGE, "messages", _DELIVER, "Messages under way", ("channel",)),
    Metric("foresend_deliver_untold", Kind.GAUGE, "outcomes", _DELIVER, "Outcomes that no node has acknowledged"),
    Metric(
        "foresend_deliver_unsigned_total",
        Kind.COUNTER,
        "messages",
        _DELIVER,
        "Messages by SMTP without a DKIM signature of ours",
    ),
    Metric(
        "foresend_deliver_node_errors_total",
        Kind.COUNTER,
        "requests",
        _DELIVER,
        "Requests to nodes that were not answered as they should be, by what was asked",
        ("asked",),
    ),
    Metric(
        "foresend_deliver_channel_ready",
        Kind.GAUGE,
        "1 or 0",
        _DELIVER,
        "1: the channel takes messages",
        ("channel",),
    ),
)
