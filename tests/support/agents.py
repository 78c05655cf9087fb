"""Agents that were collected, with the family each is of."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).parents[3] / "shared/data/bots-and-domains"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.6099.199 Safari/537.36"
)


def agents_of(whose: str) -> Iterator[tuple[str, str]]:
    """Family and agent: of `machines`, or of `people`."""
    if whose == "machines":
        for entry in json.loads((DATA / "crawler-user-agents.json").read_text(encoding="utf-8")):
            yield from ((entry["pattern"], agent) for agent in entry["instances"])
    tables = {
        "machines": (("isbot_bot.csv", "group"),),
        "people": (("isbot_human.csv", "group"), ("mail_clients_uap.csv", "family")),
    }
    for name, column in tables[whose]:
        with (DATA / name).open(encoding="utf-8", newline="") as lines:
            yield from ((row[column], row["user_agent"]) for row in csv.DictReader(lines))
