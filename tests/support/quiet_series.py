"""Series that a healthy demo need not tell, each with the reason: expressions of them may be empty."""

_NO_PROVIDER = "the demo sends by its own relay, and no provider tells of it"
_NO_INBOUND = "the demo starts no `foresend inbound`: nothing bounces"
_NO_TRAINING = "the demo does not train: `foresend train` is another environment"
_HEALTHY = "counted from the first time on, and in a healthy demo there is none"

QUIET = {
    "foresend_cache_evictions_total": "the demo's cache has no limit that it could reach",
    "foresend_cache_rebuilds_total": _HEALTHY,
    "foresend_read_problems_total": _HEALTHY,
    "foresend_dead_letters_total": _HEALTHY,
    "foresend_deliver_node_errors_total": _HEALTHY,
    "foresend_domains_rested_total": _HEALTHY,
    "foresend_webhooks_total": _NO_PROVIDER,
    "workspace:foresend_complaints:ratio1d": _NO_PROVIDER,
    "workspace:foresend_hard_bounces:ratio1d": _NO_PROVIDER,
    "foresend_kafka_in_records_total": "the demo's people speak to the collector, not by a topic of their own",
    "foresend_inbound_mails_total": _NO_INBOUND,
    "foresend_inbound_bounces_total": _NO_INBOUND,
    "foresend_train_runs_total": _NO_TRAINING,
    "foresend_train_run_seconds": _NO_TRAINING,
    "foresend_train_last_run_timestamp_seconds": _NO_TRAINING,
    "foresend_job_snapshots_total": "the first snapshot comes after minutes",
    "foresend_model_log_loss_sum_total": "an example is judged once its reward is known: minutes after the send",
    "foresend_model_baseline_log_loss_sum_total": "as the log loss beside it",
    "foresend_model_examples_total": "as the log loss beside it",
    "foresend_model_rewarded_total": "as the log loss beside it",
    "foresend_model_predicted_sum_total": "as the log loss beside it",
    "foresend_model_drift_alarms_total": "a slot is known to the learner with its first example",
    "slot:foresend_model_examples:increase6h": "as the examples that it counts",
    "slot:foresend_model_examples:before6h": "the demo is younger than six hours",
    "slot:foresend_model_log_loss:ratio6h": "as the log loss that it divides",
    "slot:foresend_model_calibration:ratio6h": "as the examples that it divides",
}
