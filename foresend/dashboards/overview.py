"""The first dashboard: is it fresh, is it personal, is anything wrong."""

from foresend.dashboards.panel import INTERVAL, OF, Board, Kind, Panel, Query, Row, Unit, quantiles, rate, share, sums

FRESHNESS = "foresend_freshness_seconds"
READS = "foresend_reads_total"
FRESH_WARN_S, FRESH_BAD_S = 2.0, 5.0
FALLBACK_WARN, FALLBACK_BAD = 0.05, 0.2
PERSONAL_WARN, PERSONAL_BAD = 0.7, 0.4
BEHIND_WARN_S, BEHIND_BAD_S = 10.0, 60.0
PERSONAL = share(f'{READS}{{{OF}, source="entry"}}', f"{READS}{{{OF}}}", legend="personal")
BEHIND = Query("max(foresend_cache_behind_seconds)", "behind")

FALLBACK_PANEL = Panel(
    "Default content where a message should be",
    "Share of reads, without those of people nobody knows, who have not agreed, or who are held out for comparison.",
    Unit.SHARE,
    (Query(f"workspace:foresend_fallback_reads:ratio_rate5m{{{OF}}}", "{{workspace}}"),),
    warn=FALLBACK_WARN,
    bad=FALLBACK_BAD,
    runbook="ForesendFallbackShare",
    top=1,
)
_NOW = (
    Panel(
        "Freshness, p99",
        "From an event's arrival at the collector until the message that knows it can be read at the gateway.",
        Unit.SECONDS,
        quantiles(FRESHNESS, 0.99, where=OF),
        Kind.NUMBER,
        FRESH_WARN_S,
        FRESH_BAD_S,
        "ForesendFreshnessSlow",
    ),
    Panel(
        "Events",
        "Events that Kafka acknowledged to the collector.",
        Unit.EVENTS,
        (Query(f"sum(rate(foresend_events_accepted_total{{{OF}}}[{INTERVAL}]))", "accepted"),),
        Kind.NUMBER,
    ),
    Panel(
        "Personal share",
        "Reads answered with a message of the person's own; the others got default content.",
        Unit.SHARE,
        (PERSONAL,),
        Kind.NUMBER,
        PERSONAL_WARN,
        PERSONAL_BAD,
        "ForesendFallbackShare",
        falling=True,
        top=1,
    ),
    Panel(
        "Cache behind",
        "Age of the oldest message that a node has not taken in yet.",
        Unit.SECONDS,
        (BEHIND,),
        Kind.NUMBER,
        BEHIND_WARN_S,
        BEHIND_BAD_S,
        "ForesendCacheBehind",
    ),
    Panel(
        "Programs up",
        "Share of what Prometheus scrapes that answers.",
        Unit.SHARE,
        (Query('avg(up{job="foresend"})', "up"),),
        Kind.NUMBER,
        1,
        0.99,
        "ForesendProgramDown",
        falling=True,
        top=1,
    ),
    Panel(
        "Alerts",
        "Alerts of Foresend that fire. Each has a page in the runbook.",
        Unit.NUMBER,
        (Query('count(ALERTS{alertstate="firing", alertname=~"Foresend.*"}) or vector(0)', "firing"),),
        Kind.NUMBER,
        1,
        3,
        "README",
    ),
)
_FLOW = (
    Panel(
        "Freshness",
        "The headline: how long until what a person did can be read in their message. The dashed lines are the goals.",
        Unit.SECONDS,
        quantiles(FRESHNESS, 0.5, 0.95, 0.99, where=OF),
        warn=FRESH_WARN_S,
        bad=FRESH_BAD_S,
        runbook="ForesendFreshnessSlow",
    ),
    Panel(
        "Events accepted",
        "By workspace.",
        Unit.EVENTS,
        (rate("foresend_events_accepted_total", "workspace", where=OF),),
    ),
    Panel(
        "Messages rendered, by why",
        "A message is rendered anew only if the person's distribution moved, or its content did.",
        Unit.PER_SECOND,
        (rate("foresend_render_total", "reason"),),
        stacked=True,
    ),
    Panel(
        "Reads, by where the answer came from",
        "entry: the person's own message; fallback: default content.",
        Unit.REQUESTS,
        (rate(READS, "source", where=OF),),
        stacked=True,
    ),
    FALLBACK_PANEL,
    Panel(
        "Sends that ended, by how",
        "Skipped is what a person's rights, caps and quiet hours keep from being sent.",
        Unit.PER_SECOND,
        (rate("foresend_sends_ended_total", "state", where=OF),),
        stacked=True,
    ),
    Panel(
        "Input that nobody could use",
        "Refused at the door, or put whole into dead_letters.",
        Unit.PER_SECOND,
        (
            Query(f"sum(rate(foresend_events_refused_total[{INTERVAL}]))", "refused by the collector"),
            Query(f"sum(rate(foresend_job_dead_letters_total[{INTERVAL}]))", "dead letters of the job"),
            Query(f"sum(rate(foresend_dead_letters_total[{INTERVAL}]))", "dead letters of the nodes"),
        ),
        runbook="ForesendUnusableInput",
    ),
    Panel(
        "Memory, by program",
        "Resident memory of our own processes; Flink's stand on Pipeline.",
        Unit.BYTES,
        (sums("process_resident_memory_bytes", "program", where='job="foresend"'),),
    ),
    Panel(
        "Processors, by program",
        "Processor time for each second of the clock: 1 is one core.",
        Unit.RATIO,
        (rate("process_cpu_seconds_total", "program", where='job="foresend"'),),
        stacked=True,
    ),
)
OVERVIEW = Board(
    "overview",
    "Overview",
    "Is it fresh, is it personal, is anything wrong? Start here.",
    (Row("Now", _NOW), Row("Over time", _FLOW)),
)
