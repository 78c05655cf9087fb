"""Metrics of `foresend train --every`."""

from connectors.metrics.metric import Kind, Metric, Program
from schemas.models import PartKind

_TRAIN = (Program.TRAIN,)

OF_TRAINING = (
    Metric(
        "foresend_train_runs_total",
        Kind.COUNTER,
        "trainings",
        _TRAIN,
        "Trainings, by what came of them: a part that is used, one that stays a challenger; without a part: there was "
        "nothing to train on, or Kafka was away",
        ("workspace", "part", "outcome"),
        {
            "part": ("", *(kind.value for kind in PartKind)),
            "outcome": ("champion", "challenger", "nothing", "failed"),
        },
    ),
    Metric(
        "foresend_train_run_seconds",
        Kind.GAUGE,
        "seconds",
        _TRAIN,
        "How long the last training took",
        ("workspace", "part"),
        {"part": tuple(kind.value for kind in PartKind)},
    ),
    Metric(
        "foresend_train_last_run_timestamp_seconds",
        Kind.GAUGE,
        "seconds",
        _TRAIN,
        "When trainings last came to their end without an error, in seconds since 1970; 0: not yet",
    ),
)
