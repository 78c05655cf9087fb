"""The way of an event: collector, Kafka, Flink."""

from foresend.dashboards.panel import INTERVAL, OF, Board, Panel, Query, Row, Unit, quantiles, rate, sums

_BUSY = "flink_taskmanager_job_task_busyTimeMsPerSecond"
_TASKS = f'label_replace({_BUSY}, "task", "$1", "task_name", "(?:Source: )?(\\\\w+).*")'
"""Flink's names of tasks list all that is chained in them; the first word tells which it is."""
_COLLECTOR = (
    Panel(
        "Requests to the collector, by status",
        "503: Kafka did not acknowledge in time, and the client is to send again.",
        Unit.REQUESTS,
        (rate("foresend_collect_requests_total", "status"),),
        stacked=True,
    ),
    Panel(
        "Acknowledged after",
        "From a request's last byte to Kafka's acknowledgement.",
        Unit.SECONDS,
        quantiles("foresend_collect_acknowledge_seconds", 0.5, 0.99),
    ),
    Panel(
        "Waiting for Kafka",
        "Bytes that were written to Kafka and not acknowledged.",
        Unit.BYTES,
        (Query("sum(foresend_collect_pending_bytes)", "pending"),),
    ),
    Panel(
        "Refused, by reason",
        "Input that is no event. Where it came in a batch it lies in dead_letters.",
        Unit.EVENTS,
        (rate("foresend_events_refused_total", "reason"),),
        stacked=True,
        runbook="ForesendUnusableInput",
    ),
    Panel(
        "Webhooks of mail providers, by outcome",
        "Requests whose signature is not believed are among them.",
        Unit.EVENTS,
        (rate("foresend_webhooks_total", "outcome"),),
        stacked=True,
    ),
    Panel(
        "Records from your own topics, by outcome",
        "Of `collect` with a mapping.",
        Unit.PER_SECOND,
        (rate("foresend_kafka_in_records_total", "outcome"),),
        stacked=True,
    ),
)
_STEP = (
    Panel(
        "Events taken by the job",
        "By workspace; beside Events accepted on Overview it tells whether the job keeps up.",
        Unit.EVENTS,
        (rate("foresend_job_events_total", "workspace", where=OF),),
    ),
    Panel(
        "Time of one step",
        "In Python, from Flink's call to the last output; of the step that keeps the person.",
        Unit.SECONDS,
        quantiles("foresend_job_step_seconds", 0.5, 0.99, where='step="personalize"'),
    ),
    Panel(
        "Decisions, by cause",
        "Messages that were decided anew; `shift`: the person's distribution moved enough.",
        Unit.PER_SECOND,
        (rate("foresend_job_decisions_total", "reason", where=OF),),
        stacked=True,
    ),
    Panel(
        "Events that moved nothing, by reason",
        "Repeated, from before an erasure, or of somebody who has not agreed.",
        Unit.EVENTS,
        (rate("foresend_job_dropped_total", "reason", where=OF),),
        stacked=True,
    ),
    Panel(
        "Dead letters of the job, by reason",
        "Kept whole for 7 days; `foresend replay` after a mend.",
        Unit.PER_SECOND,
        (rate("foresend_job_dead_letters_total", "reason"),),
        stacked=True,
        runbook="ForesendUnusableInput",
    ),
    Panel(
        "Exposures and rewards",
        "Sends that were told, and what ended their wait.",
        Unit.PER_SECOND,
        (
            Query(f"sum(rate(foresend_job_exposures_total{{{OF}}}[{INTERVAL}]))", "exposures"),
            rate("foresend_job_rewards_total", "kind", where=OF),
        ),
    ),
)
_FLINK = (
    Panel(
        "Not read yet",
        "Records that Flink's sources have still to read; the collector and the job are apart by so much.",
        Unit.NUMBER,
        (Query("sum(flink_taskmanager_job_task_operator_pendingRecords)", "pending"),),
        warn=10_000,
        bad=100_000,
        runbook="ForesendJobLag",
    ),
    Panel(
        "Last checkpoint took",
        "Exactly-once output waits for it.",
        Unit.MILLISECONDS,
        (Query("max by (job_name) (flink_jobmanager_job_lastCheckpointDuration)", "{{job_name}}"),),
        warn=30_000,
        bad=60_000,
        runbook="ForesendCheckpointsFailing",
    ),
    Panel(
        "Size of the last checkpoint",
        "What an incremental checkpoint had to write is less.",
        Unit.BYTES,
        (Query("max by (job_name) (flink_jobmanager_job_lastCheckpointSize)", "{{job_name}}"),),
    ),
    Panel(
        "Failed checkpoints and restarts",
        "In the last quarter of an hour.",
        Unit.NUMBER,
        (
            Query("sum(increase(flink_jobmanager_job_numberOfFailedCheckpoints[15m]))", "failed checkpoints"),
            Query("sum(increase(flink_jobmanager_job_numRestarts[15m]))", "restarts"),
        ),
        warn=1,
        bad=3,
        runbook="ForesendCheckpointsFailing",
    ),
    Panel(
        "Busy, by task",
        "Time of a second that a task works. At 1 s it is at its limit, and the task before it waits.",
        Unit.MILLISECONDS,
        (Query(f"max by (task) ({_TASKS})", "{{task}}"),),
        warn=800,
        bad=950,
        runbook="ForesendJobSaturated",
        top=1000,
    ),
    Panel(
        "Memory of Flink",
        "Heap in use, by host.",
        Unit.BYTES,
        (
            Query("sum(flink_taskmanager_Status_JVM_Memory_Heap_Used)", "task managers"),
            Query("sum(flink_jobmanager_Status_JVM_Memory_Heap_Used)", "job manager"),
        ),
    ),
)
_BEHIND = (
    Panel(
        "Not applied by the nodes, by topic",
        "End of the topic less what the cache has taken in, of the node's own partitions.",
        Unit.NUMBER,
        (sums("foresend_topic_lag_records", "topic"),),
        warn=10_000,
        bad=100_000,
        runbook="ForesendJobLag",
    ),
    Panel(
        "Records read by the nodes, by topic",
        "What they read to keep the cache.",
        Unit.PER_SECOND,
        (rate("foresend_cache_records_total", "topic"),),
        stacked=True,
    ),
    Panel(
        "Outbox",
        "Records of the nodes (exposures, outcomes) that Kafka has not acknowledged; they lie on disk.",
        Unit.NUMBER,
        (Query("sum(foresend_outbox_pending_records)", "pending"),),
        runbook="ForesendOutboxGrowing",
    ),
)
PIPELINE = Board(
    "pipeline",
    "Pipeline",
    "The way of an event: collector, the job's step, Flink, and into the cache.",
    (
        Row("Collector", _COLLECTOR),
        Row("The job's steps", _STEP),
        Row("Flink", _FLINK),
        Row("Into the cache", _BEHIND),
    ),
)
