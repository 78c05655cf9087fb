"""Campaigns of documents that their schema allows."""

import re
from typing import Any

from schemas.campaigns import Campaign, Pace
from schemas.ids import TemplateName, WorkspaceId
from templates.times import minutes_of, time_ms
from templates.values import plain
from templates.yaml_files import Document

CAMPAIGNS_FOLDER = "campaigns"
CAMPAIGN_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
NOW = "now"
OWN_WORDS = frozenset({"list"})
"""What `foresend campaign` itself means by a word is no campaign's name."""


def build_campaign(name: str, workspace: WorkspaceId, document: Document) -> Campaign:
    """A campaign of a document that its schema allows."""
    value: dict[str, Any] = document.value
    at = value.get("at", NOW)
    return Campaign(
        name=name,
        workspace=workspace,
        template=TemplateName(value["template"]),
        audience=plain(value.get("audience", "")),
        at_ms=0 if at == NOW else time_ms(at),
        local_time=minutes_of(value["local_time"]) if "local_time" in value else -1,
        best_hour=value.get("best_hour", False),
        until_ms=time_ms(value.get("until")),
        limit=value.get("limit", 0),
        holdout=float(value.get("holdout", 0.0)),
        control=float(value.get("control", -1.0)),
        pace=Pace(value.get("throttle", 0), tuple(value.get("warm_up", ()))),
    )
