"""No alert is raised on recorded minutes of the demo; the recording is of everything that alerts look at."""

from pathlib import Path

from ruamel.yaml import YAML

from foresend.alerting.healthy import LOOKS, retell, write_recorded
from foresend.alerting.rules import HEALTHY, alerts, rules

MEGABYTE = 1_000_000
NOT_IN_THE_DEMO = {
    "foresend_train_last_run_timestamp_seconds": "the demo does not train",
    "foresend_cache_evictions_total": "told once something was evicted",
    "foresend_domains_rested_total": "told once a domain refused the sender",
    "foresend_events_refused_total": "told once input was refused",
    "foresend_dead_letters_total": "told once a node could not use a record",
    "foresend_sends_ended_total": "told once somebody in the demo has a mail sent, which nobody did in those minutes",
    "foresend_read_problems_total": "told once a read was answered with a problem",
}
"""What a healthy demo need not tell, and why."""


def test_it_asks_for_every_alert_as_it_is_now() -> None:
    (test,) = YAML(typ="safe").load(HEALTHY)["tests"]
    told = "run: python -m foresend.alerting retell"

    assert {look["alertname"] for look in test["alert_rule_test"]} == {rule.alert for rule in alerts()}, told
    assert [one["expr"] for one in test["promql_expr_test"]] == [rule.expression for rule in alerts() for _ in LOOKS], (
        told
    )
    assert not any(one["exp_samples"] for one in test["promql_expr_test"])
    assert not any(look["exp_alerts"] for look in test["alert_rule_test"])


def test_it_was_recorded_of_all_that_the_rules_look_at() -> None:
    (test,) = YAML(typ="safe").load(HEALTHY)["tests"]
    recorded = {one["series"].partition("{")[0] for one in test["input_series"]}
    wanted = {metric for rule in rules() for metric in rule.metrics}

    assert wanted - recorded <= set(NOT_IN_THE_DEMO)
    assert HEALTHY.stat().st_size < MEGABYTE


def test_what_was_recorded_stays_when_it_is_told_anew(tmp_path: Path) -> None:
    file = tmp_path / "healthy.yaml"
    write_recorded(file, [({"__name__": "up", "program": "serve"}, [1.0, 1.0, None])], alerts())
    before = file.read_text(encoding="utf-8")
    retell(file, alerts()[:1])
    after = YAML(typ="safe").load(file)["tests"][0]

    assert 'up{program="serve"}' in before
    assert after["input_series"] == [{"series": 'up{program="serve"}', "values": "1+0x1 _"}]
    assert [look["alertname"] for look in after["alert_rule_test"]] == [alerts()[0].alert]
