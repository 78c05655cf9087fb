"""The part `delivery` of a `foresend.yaml`: as a shape, and what its schema cannot say of it."""

from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.library import DeliverySettings, Sender
from templates.problems import Problem, Severity
from templates.times import minutes_of
from templates.yaml_files import Document


def build_delivery(value: dict[str, Any]) -> DeliverySettings:
    """How messages are sent, of a whole `foresend.yaml` that its schema allows."""
    told, sender, default = value.get("delivery", {}), value["sender"], DeliverySettings()
    quiet, tracking = told.get("quiet_hours", {}), told.get("tracking", {})
    caps = tuple((cap["days"], cap["messages"]) for cap in told["caps"]) if "caps" in told else default.caps
    return DeliverySettings(
        sender=Sender(sender["name"], sender["email"], sender.get("reply_to", "")),
        home_url=value["home_url"],
        live=told.get("live", default.live),
        channel=told.get("channel", default.channel),
        quiet_from=minutes_of(quiet["from"]) if quiet else default.quiet_from,
        quiet_until=minutes_of(quiet["until"]) if quiet else default.quiet_until,
        caps=caps,
        control=float(told.get("control", default.control)),
        clicks=tracking.get("clicks", default.clicks),
        pixel=tracking.get("pixel", default.pixel),
    )


def delivery_problems(document: Document) -> Iterator[Problem]:
    """What is wrong between settings."""
    told = document.value.get("delivery", {})
    known: dict[int, int] = {}
    for index, cap in enumerate(told.get("caps", ())):
        path = ("delivery", "caps", index)
        days, messages = cap["days"], cap["messages"]
        if days in known:
            yield document.problem((*path, "days"), f"a cap of {days} days stands above", "Leave one of them out.")
        for other, fewer in known.items():
            if (other < days and fewer > messages) or (other > days and fewer < messages):
                mend = "Allow at least as many messages in more days."
                yield document.problem(
                    (*path, "messages"), f"{messages} in {days} days and {fewer} in {other} cannot both bind", mend
                )
        known[days] = messages
    if told.get("channel", "file") != "file" and not told.get("live", False):
        found = document.problem(
            ("delivery", "channel"),
            f"nothing is sent by {told['channel']} yet: messages become files",
            "Set live: true once real people may be written to.",
        )
        yield msgspec.structs.replace(found, severity=Severity.WARNING)
