"""Rows of the table for the Flink job: what its steps count by Flink's own metrics (docs/metrics-of-the-job.md).

Flink's reporter names a metric by where it stands, `flink_taskmanager_job_task_operator_…_foresend_job_…`; one rule of
`metric_relabel_configs` cuts all before `foresend_`.
"""

from connectors.metrics.metric import Kind, Metric, Program
from schemas.decisions import CAUSES
from schemas.errors import Reason
from schemas.examples import RewardKind

SLOT = ("workspace", "template", "slot")
STEP_SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)
"""Of a histogram: most events take 0.1 ms, one that renders some ms, the first of a release as long as it loads."""
TOLD = ("0.01", "0.02", "0.05", "0.1", "0.2", "0.35", "0.5", "0.75", "0.9", "1.0")
"""Upper bounds of told probabilities: narrow where the rates of clicks are."""
DROPPED = ("repeated", "erased", "no_consent")
"""Why an event that is whole teaches nothing: it came already, is from before an erasure, or may not be used."""
STEPS = ("personalize", "population")
PARTS = ("person", "prior", "weights")
EVENTS = "foresend_job_events_total"
DROPPED_EVENTS = "foresend_job_dropped_total"
DEAD_LETTERS = "foresend_job_dead_letters_total"
DECISIONS = "foresend_job_decisions_total"
EXPOSURES = "foresend_job_exposures_total"
REWARDS = "foresend_job_rewards_total"
SNAPSHOTS = "foresend_job_snapshots_total"
STEP_TIME = "foresend_job_step_seconds"
EXAMPLES = "foresend_model_examples_total"
REWARDED = "foresend_model_rewarded_total"
PREDICTED = "foresend_model_predicted_sum_total"
LOG_LOSS = "foresend_model_log_loss_sum_total"
BASELINE_LOG_LOSS = "foresend_model_baseline_log_loss_sum_total"
DRIFT_ALARMS = "foresend_model_drift_alarms_total"
RESETS = "foresend_model_resets_total"
_JOB = (Program.JOB,)


def _counter(name: str, unit: str, meaning: str, labels: tuple[str, ...], **values: tuple[str, ...]) -> Metric:
    return Metric(name, Kind.COUNTER, unit, _JOB, meaning, labels, values)


JOB = (
    _counter(EVENTS, "events", "Events of people that the job took, whatever became of them.", ("workspace",)),
    _counter(DROPPED_EVENTS, "events", "Events that taught nothing.", ("workspace", "reason"), reason=DROPPED),
    _counter(
        DEAD_LETTERS,
        "records",
        "Records that nobody could use, by the step that refused them.",
        ("step", "reason"),
        step=STEPS,
        reason=tuple(Reason),
    ),
    _counter(
        DECISIONS,
        "messages",
        "Messages that were decided and rendered anew, by cause; `shift`: the person's distribution moved.",
        ("workspace", "template", "reason"),
        reason=CAUSES,
    ),
    _counter(EXPOSURES, "sends", "Sends that were told, and so wait for a reward.", ("workspace", "template")),
    _counter(
        REWARDS,
        "exposures",
        "Exposures that ended, by what ended them.",
        ("workspace", "template", "kind"),
        kind=tuple(RewardKind),
    ),
    _counter(SNAPSHOTS, "snapshots", "Snapshots of the population's models that were published.", ("workspace",)),
    Metric(
        STEP_TIME,
        Kind.HISTOGRAM,
        "seconds",
        _JOB,
        "Time that a step takes for one record or timer, without writing what comes of it.",
        ("step",),
        {"step": STEPS},
        STEP_SECONDS,
    ),
    _counter(
        EXAMPLES,
        "examples",
        "Shown variants whose reward is known, by the probability that the decision told of them (upper bound).",
        (*SLOT, "bucket"),
        bucket=TOLD,
    ),
    _counter(REWARDED, "examples", "Those that were rewarded.", (*SLOT, "bucket"), bucket=TOLD),
    _counter(
        PREDICTED,
        "examples",
        "Sum of the told probabilities: divided by the rewarded, calibration in the large.",
        (*SLOT, "bucket"),
        bucket=TOLD,
    ),
    _counter(LOG_LOSS, "nats", "Sum of the log loss of what was told, before it was learnt.", SLOT),
    _counter(
        BASELINE_LOG_LOSS,
        "nats",
        "The same of the slot's own rate of rewards so far: a model that knows nothing else.",
        SLOT,
    ),
    _counter(
        DRIFT_ALARMS,
        "alarms",
        "Drift seen: rewards come at another rate than told (`rate`), or surprises are worse than told (`worse`).",
        (*SLOT, "kind"),
        kind=("worse", "rate"),
    ),
    _counter(
        RESETS,
        "resets",
        "Models that ran away and began anew: a person's own, a slot's prior, or the weights of its terms.",
        ("workspace", "part"),
        part=PARTS,
    ),
)
"""Sums are counted in whole ones, what is less is carried over: Flink's counters know no fractions."""
