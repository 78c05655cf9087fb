"""Are the models any good: progressive quality, calibration, drift, shifts."""

from foresend.dashboards.panel import OF, Board, Kind, Panel, Query, Row, Unit, rate, share

_LONG = "15m"
"""Quality is of rare rewards: over less it is noise."""
_SLOT = "template, slot"


def _over(metric: str, by: str = _SLOT) -> str:
    return f"sum by ({by}) (rate({metric}{{{OF}}}[{_LONG}]))"


def _ratio(part: str, whole: str, by: str = _SLOT) -> str:
    return f"{_over(part, by)} / {_over(whole, by)}"


_NAMES = "{{template}} {{slot}}"
_QUALITY = (
    Panel(
        "Log loss less than of the plain rate",
        "Progressive: each told probability is judged by the reward that came after it. 10 % is a model that is a "
        "tenth better than to tell everybody the slot's own rate; below 0 it is worse than that.",
        Unit.SHARE,
        (
            Query(
                f"1 - {_ratio('foresend_model_log_loss_sum_total', 'foresend_model_baseline_log_loss_sum_total')}",
                _NAMES,
            ),
        ),
        runbook="ForesendModelWorse",
        signed=True,
    ),
    Panel(
        "Log loss of an example",
        "Lower is better; how low it can be depends on how rare rewards are.",
        Unit.NATS,
        (Query(_ratio("foresend_model_log_loss_sum_total", "foresend_model_examples_total"), _NAMES),),
    ),
    Panel(
        "Rate of rewards",
        "Of shown variants whose reward is known.",
        Unit.SHARE,
        (Query(_ratio("foresend_model_rewarded_total", "foresend_model_examples_total"), _NAMES),),
    ),
)
_CALIBRATION = (
    Panel(
        "Calibration: told for each reward that came",
        "1 is right; above, the model promises more than comes.",
        Unit.RATIO,
        (Query(_ratio("foresend_model_predicted_sum_total", "foresend_model_rewarded_total"), _NAMES),),
        warn=1.5,
        bad=2,
        runbook="ForesendModelUncalibrated",
    ),
    Panel(
        "Rewards that came, by told probability",
        "Of examples whose told probability was at most this, and more than the one before: each bar should be as "
        "long as its own name says.",
        Unit.SHARE,
        (
            Query(
                _ratio("foresend_model_rewarded_total", "foresend_model_examples_total", "bucket"),
                "up to {{bucket}}",
            ),
        ),
        Kind.BARS,
        top=1,
    ),
    Panel(
        "Examples, by told probability",
        "Where the model's probabilities lie.",
        Unit.PER_SECOND,
        (Query(_over("foresend_model_examples_total", "bucket"), "up to {{bucket}}"),),
        Kind.BARS,
    ),
)
_CHANGE = (
    Panel(
        "Shifts for each event",
        "How often an event moves a person's distribution so far that the message is rendered anew.",
        Unit.SHARE,
        (
            share(
                f'foresend_job_decisions_total{{{OF}, reason="shift"}}',
                f"foresend_job_events_total{{{OF}}}",
                legend="shifts",
            ),
        ),
    ),
    Panel(
        "Shifts, by template",
        "Messages rendered anew because the distribution moved.",
        Unit.PER_SECOND,
        (rate("foresend_job_decisions_total", "template", where=f'{OF}, reason="shift"'),),
        stacked=True,
    ),
    Panel(
        "Drift alarms",
        "In the last hour, by kind. worse: surprises grow; rate: rewards come at another rate than told.",
        Unit.NUMBER,
        (
            Query(
                f"sum by (template, slot, kind) (increase(foresend_model_drift_alarms_total{{{OF}}}[1h]))",
                "{{template}} {{slot}} {{kind}}",
            ),
        ),
        warn=1,
        bad=5,
        runbook="ForesendModelDrift",
    ),
    Panel(
        "Models begun anew",
        "In the last hour, by part: a model that ran away is thrown away, and begins from its prior.",
        Unit.NUMBER,
        (Query(f"sum by (part) (increase(foresend_model_resets_total{{{OF}}}[1h]))", "{{part}}"),),
        warn=1,
        runbook="ForesendModelsReset",
    ),
    Panel(
        "Snapshots published",
        "Of the population's models; every person's step takes the newest.",
        Unit.PER_SECOND,
        (rate("foresend_job_snapshots_total", "workspace", where=OF),),
    ),
    Panel(
        "Exposures that ended, by what ended them",
        "A reward, or the end of the attribution window.",
        Unit.PER_SECOND,
        (rate("foresend_job_rewards_total", "kind", where=OF),),
        stacked=True,
    ),
)
_TRAINING = (
    Panel(
        "Training runs, by outcome",
        "Of `foresend train --every`, in the last day. kept: what was trained is not better than what is there.",
        Unit.NUMBER,
        (
            Query(
                f"sum by (outcome) (increase(foresend_train_runs_total{{{OF}}}[1d]))",
                "{{outcome}}",
            ),
        ),
    ),
    Panel(
        "Age of the last training run",
        "The prior of new people comes from it.",
        Unit.SECONDS,
        (Query("time() - max(foresend_train_last_run_timestamp_seconds)", "age"),),
    ),
    Panel(
        "Training run took",
        "The last one.",
        Unit.SECONDS,
        (Query("max(foresend_train_run_seconds)", "last run"),),
    ),
)
MODELS = Board(
    "models",
    "Models",
    "Are the models any good: progressive quality, calibration, drift, shifts.",
    (
        Row("Progressive quality", _QUALITY),
        Row("Calibration", _CALIBRATION),
        Row("Drift and shifts", _CHANGE),
        Row("Training", _TRAINING),
    ),
)
