"""The section `evaluation` of a mapping file: how decisions with known outcomes are made of a folder."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from connectors.mappings.model import DecisionOrder, Evaluation, Moments, Outcome, TrainingTimes
from connectors.mappings.reading import day_ms, format_of, joins_of, table_of, time_of, value_of, values_of

DAY_MS = 86_400_000
Tell = Callable[[tuple[str | int, ...], str], None]


def evaluation_of(value: dict[str, Any]) -> Evaluation:
    """What the section `evaluation` says."""
    train = value.get("train")
    return Evaluation(
        table=table_of(value) if "file" in value else None,
        joins=joins_of(value),
        moments=_moments(value["moments"]) if "moments" in value else None,
        order=DecisionOrder(value.get("order", DecisionOrder.TIME)),
        ties=tuple(value.get("ties", ())),
        user=value.get("user", ""),
        at=time_of(value["at"]) if "at" in value else None,
        variant=tuple(map(value_of, value["variant"]))
        if isinstance(value["variant"], list)
        else (value_of(value["variant"]),),
        is_catalog=value.get("catalog", False),
        tags=values_of(value, "tags"),
        facts=values_of(value, "facts"),
        numbers=values_of(value, "numbers"),
        features=tuple(value.get("features", ())),
        propensity=float(value.get("propensity", 0.0)),
        outcomes={name: Outcome(**outcome) for name, outcome in value["outcomes"].items()},
        learn=value["learn"],
        grade=value_of(value["grade"]) if "grade" in value else None,
        label_delay_days=value.get("label_delay_days", 0),
        cold=value.get("cold", 0),
        blocks=value.get("blocks", 0),
        negatives=value.get("negatives", 99),
        folds=value.get("folds", 5),
        seed=value.get("seed", 1),
        settings=value.get("settings", {}),
        train=TrainingTimes(tuple(train["parts"]), train["first"], train["growth"], train.get("every", 0))
        if train
        else None,
    )


def _moments(value: dict[str, Any]) -> Moments:
    from_ms = day_ms(value["from"])
    judged_ms = day_ms(value["judged_from"]) if "judged_from" in value else from_ms
    return Moments(from_ms, day_ms(value["to"]), value["every_days"] * DAY_MS, judged_ms)


def check_evaluation(tell: Tell, value: dict[str, Any]) -> None:
    """Tell what a schema cannot say."""
    path = ("evaluation",)
    check_expressions(tell, path, value, ("tags", "facts", "numbers"))
    if value["learn"] not in value["outcomes"]:
        tell((*path, "learn"), f"expected one of the outcomes, {', '.join(value['outcomes'])}, got {value['learn']}")
    if "file" in value and format_of(value) is None:
        tell((*path, "file"), "expected a name that ends in .csv or .jsonl, or a `format`")
    if value.get("order") == "rounds" and "user" not in value:
        tell((*path, "order"), "rounds need a `user`: without one each row is a person of its own")
    if value.get("order") == "time" and "at" not in value:
        tell((*path, "order"), "an order by time needs `at`: the column that tells it")
    for name, outcome in value["outcomes"].items():
        if ("event" in outcome) != ("moments" in value):
            tell((*path, "outcomes", name), "an event is the outcome of moments, a column that of rows")


def check_expressions(tell: Tell, path: tuple[str | int, ...], value: dict[str, Any], parts: Sequence[str]) -> None:
    """Tell of regular expressions that are none, or that have no group to be the value."""
    for part in parts:
        for name, told in value.get(part, {}).items():
            if not isinstance(told, dict) or "match" not in told:
                continue
            try:
                groups = re.compile(told["match"]).groups
            except re.error as error:
                tell((*path, part, name, "match"), f"expected a regular expression: {error}")
            else:
                if not groups:
                    tell((*path, part, name, "match"), "expected a group in parentheses: it is the value")
