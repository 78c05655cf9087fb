"""Cache, gateway and delivery: from the message that lies ready to the mail that arrived."""

from foresend.dashboards.overview import BEHIND_BAD_S, BEHIND_WARN_S, FALLBACK_PANEL, READS
from foresend.dashboards.panel import INTERVAL, OF, Board, Kind, Panel, Query, Row, Unit, quantiles, rate, share, sums

COMPLAINTS_WARN, COMPLAINTS_BAD = 0.001, 0.003
"""What large receivers ask of senders: below 0.1 %, and never 0.3 %. Google's and Yahoo's guidelines of 2024."""
HARD_WARN, HARD_BAD = 0.02, 0.05

_CACHE = (
    Panel(
        "Entries and limit",
        "Bytes of all entries. At the limit, those that are read least make room.",
        Unit.BYTES,
        (
            Query("sum(foresend_cache_live_bytes)", "entries"),
            Query("sum(foresend_cache_disk_bytes)", "on disk"),
            Query("sum(foresend_cache_limit_bytes)", "limit"),
        ),
        runbook="ForesendCacheFull",
    ),
    Panel("Entries", "Messages that lie ready.", Unit.NUMBER, (sums("foresend_cache_entries"),)),
    Panel(
        "Disk free, by node",
        "Share of the node's disk.",
        Unit.SHARE,
        (Query("min by (instance) (foresend_cache_disk_free_bytes / foresend_cache_disk_size_bytes)", "{{instance}}"),),
        warn=0.2,
        bad=0.1,
        falling=True,
        runbook="ForesendDiskFilling",
        top=1,
    ),
    Panel(
        "Cache behind",
        "Age of the oldest message that a node has not taken in yet.",
        Unit.SECONDS,
        (Query("max by (instance) (foresend_cache_behind_seconds)", "{{instance}}"),),
        warn=BEHIND_WARN_S,
        bad=BEHIND_BAD_S,
        runbook="ForesendCacheBehind",
    ),
    Panel(
        "Hits",
        "Looks for an entry that found one.",
        Unit.SHARE,
        (share('foresend_cache_reads_total{outcome="hit"}', "foresend_cache_reads_total", legend="hits"),),
        top=1,
    ),
    Panel(
        "Entries written, by cause",
        "What the nodes put into their caches.",
        Unit.PER_SECOND,
        (rate("foresend_cache_entries_written_total", "cause"),),
        stacked=True,
    ),
    Panel(
        "Evictions, by reason",
        "space: the limit is too small for all who are read.",
        Unit.PER_SECOND,
        (rate("foresend_cache_evictions_total", "reason"),),
        stacked=True,
        runbook="ForesendCacheFull",
    ),
    Panel(
        "Rebuilds and damage",
        "In the last hour: caches that were read anew from the topics, and that were damaged and moved aside.",
        Unit.NUMBER,
        (
            Query("sum by (reason) (increase(foresend_cache_rebuilds_total[1h]))", "rebuilt: {{reason}}"),
            Query("sum(increase(foresend_cache_quarantines_total[1h]))", "damaged"),
        ),
        bad=1,
        runbook="ForesendCacheDamaged",
    ),
    Panel(
        "Persons with messages of an older release",
        "They are renewed in the background after a release.",
        Unit.NUMBER,
        (sums("foresend_cache_renewals_left"),),
    ),
)
_GATEWAY = (
    Panel(
        "Reads, by template",
        "Answered with a message.",
        Unit.REQUESTS,
        (rate(READS, "template", where=OF),),
        stacked=True,
    ),
    Panel(
        "Time to answer a read",
        "In the process.",
        Unit.SECONDS,
        quantiles("foresend_read_seconds", 0.5, 0.99),
        warn=0.01,
    ),
    FALLBACK_PANEL,
    Panel(
        "Default content, by reason",
        "unknown: nobody has told anything of them; consent, control: meant so.",
        Unit.REQUESTS,
        (rate(READS, "reason", where=f'{OF}, source="fallback"'),),
        stacked=True,
        runbook="ForesendFallbackShare",
    ),
    Panel(
        "Reads answered with a problem, by code",
        "not_ready and owner_away pass by themselves.",
        Unit.REQUESTS,
        (rate("foresend_read_problems_total", "code"),),
        stacked=True,
    ),
    Panel(
        "Outbox, by what came of it",
        "Records that Kafka acknowledged, and batches that it did not; these go again.",
        Unit.PER_SECOND,
        (
            Query(f"sum(rate(foresend_outbox_produced_records_total[{INTERVAL}]))", "acknowledged records"),
            Query(f"sum(rate(foresend_outbox_failures_total[{INTERVAL}]))", "failed batches"),
        ),
        runbook="ForesendOutboxFailing",
    ),
)
_SENDING = (
    Panel(
        "Sends that ended, by how",
        "ambiguous: nobody can know whether it arrived, so it is not sent again by itself.",
        Unit.PER_SECOND,
        (rate("foresend_sends_ended_total", "state", where=OF),),
        stacked=True,
        runbook="ForesendAmbiguousSends",
    ),
    Panel(
        "Skipped, by reason",
        "What rights, caps, quiet hours and holdouts keep from being sent.",
        Unit.PER_SECOND,
        (rate("foresend_sends_ended_total", "reason", where=f'{OF}, state="skipped"'),),
        stacked=True,
    ),
    Panel(
        "Granted, and not told of yet",
        "Messages in the hands of workers.",
        Unit.NUMBER,
        (Query("sum(foresend_sends_open)", "open"), Query("sum(foresend_deliver_under_way)", "under way")),
    ),
    Panel(
        "Attempts, by channel and outcome",
        "Of the workers.",
        Unit.PER_SECOND,
        (rate("foresend_deliver_attempts_total", "channel", "outcome", where=OF),),
        stacked=True,
    ),
    Panel(
        "Time of an attempt",
        "From the grant's arrival at the worker to its outcome.",
        Unit.SECONDS,
        quantiles("foresend_deliver_attempt_seconds", 0.5, 0.99),
    ),
    Panel(
        "Channels that take messages",
        "1: ready. A channel that is not takes nothing, and its messages wait.",
        Unit.NUMBER,
        (Query("min by (channel) (foresend_deliver_channel_ready)", "{{channel}}"),),
        Kind.BARS,
        bad=1,
        falling=True,
        runbook="ForesendChannelNotReady",
        top=1,
    ),
    Panel(
        "Outcomes that no node knows",
        "Told again and again until the node acknowledges; meanwhile the person's other messages wait.",
        Unit.NUMBER,
        (Query("sum(foresend_deliver_untold)", "untold"),),
        runbook="ForesendOutcomesUntold",
    ),
    Panel(
        "Trouble of workers",
        "Requests to nodes that failed, and messages that went without a DKIM signature.",
        Unit.PER_SECOND,
        (
            Query(f"sum(rate(foresend_deliver_node_errors_total[{INTERVAL}]))", "node errors"),
            Query(f"sum(rate(foresend_deliver_unsigned_total[{INTERVAL}]))", "unsigned"),
        ),
    ),
    Panel(
        "Receiving domains that rest",
        "In the last hour: they refused a sender as such, so nothing more is sent there for a while.",
        Unit.NUMBER,
        (Query(f"sum by (workspace) (increase(foresend_domains_rested_total{{{OF}}}[1h]))", "{{workspace}}"),),
        warn=1,
        runbook="ForesendDomainRested",
    ),
)
_RECEIVED = (
    Panel(
        "What became of mail",
        "As providers and mail servers tell.",
        Unit.PER_SECOND,
        (rate("foresend_mail_events_total", "event", where=OF),),
    ),
    Panel(
        "Complaints",
        "Share of what was sent, over a day. Large receivers ask for less than 0.1 %, and refuse from 0.3 % on.",
        Unit.SHARE,
        (Query(f"workspace:foresend_complaints:ratio1d{{{OF}}}", "{{workspace}}"),),
        warn=COMPLAINTS_WARN,
        bad=COMPLAINTS_BAD,
        runbook="ForesendComplaintRate",
    ),
    Panel(
        "Hard bounces",
        "Share of what was sent, over a day.",
        Unit.SHARE,
        (Query(f"workspace:foresend_hard_bounces:ratio1d{{{OF}}}", "{{workspace}}"),),
        warn=HARD_WARN,
        bad=HARD_BAD,
        runbook="ForesendHardBounces",
    ),
    Panel(
        "Mails taken in, by kind",
        "Of `foresend inbound`.",
        Unit.PER_SECOND,
        (rate("foresend_inbound_mails_total", "kind"),),
        stacked=True,
    ),
    Panel(
        "Bounces in mail, by type",
        "Of `foresend inbound`.",
        Unit.PER_SECOND,
        (rate("foresend_inbound_bounces_total", "bounce_type"),),
        stacked=True,
    ),
    Panel(
        "Oldest erasure",
        "How long the oldest erased person has waited until no byte is left in a node's files; 0: nobody waits.",
        Unit.SECONDS,
        (Query("max(foresend_erasure_oldest_seconds)", "oldest"),),
        runbook="ForesendErasureOverdue",
    ),
)
DELIVERY = Board(
    "delivery",
    "Cache, gateway and delivery",
    "From the message that lies ready to the mail that arrived.",
    (
        Row("Cache", _CACHE),
        Row("Gateway", _GATEWAY),
        Row("Sending", _SENDING),
        Row("What came of it", _RECEIVED),
    ),
)
