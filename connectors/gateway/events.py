"""What the gateway tells the job beside exposures: refreshes, and what became of sends, as records of the outbox."""

from collections.abc import Mapping

from connectors.cache.exposures import event_row, number_of, own_event
from connectors.cache.rows import OutboxRow, Served
from connectors.gateway.refreshes import REFRESH_EVERY_MS
from schemas.decisions import CATALOGUE_ASKED, RELEASE_ASKED
from schemas.events import EventKind
from schemas.ids import DecisionId, ReleaseId, UserId, WorkspaceId
from schemas.keys import communication_key, split_key
from schemas.profiles import FEATURES_ASKED
from schemas.worlds import WorldRef


def mail_row(
    workspace: WorkspaceId, user: UserId, name: str, told: Mapping[str, str], at_ms: int, world: WorldRef
) -> OutboxRow:
    """What became of a send, by the names of Segment's spec. Of one send each name is told once.

    told  properties; `send_id` among them
    """
    number = f"{name.rpartition(' ')[2].lower()}-{number_of(workspace, told['send_id'])}"
    return event_row(
        own_event(workspace, user, number, EventKind.TRACK, at_ms, world, name=name, properties=dict(told))
    )


def refresh_row(workspace: WorkspaceId, served: Served, world: WorldRef) -> OutboxRow:
    """Asks for a new render of what was not there. One id a minute, so that a restart does not ask twice."""
    key = communication_key(workspace, served.template, served.user)
    number = number_of(key.decode(), str(served.at_ms // REFRESH_EVERY_MS))
    told = {"template": served.template, "reason": served.reason}
    return _refresh_row(workspace, served.user, f"refresh-{number}", served.at_ms, world, told)


def features_refresh_row(workspace: WorkspaceId, user: UserId, at_ms: int, world: WorldRef) -> OutboxRow:
    """Asks for a person's features to be told as they stand. One id a minute, as of every refresh."""
    number = number_of(workspace, user, str(at_ms // REFRESH_EVERY_MS))
    return _refresh_row(workspace, user, f"features-{number}", at_ms, world, {"reason": FEATURES_ASKED})


def release_refresh_row(key: bytes, release: ReleaseId, at_ms: int, world: WorldRef) -> OutboxRow:
    """Asks for all messages of a person to be of a release. One id a minute, as of every refresh."""
    workspace, _, user = split_key(key, 3)
    number = number_of(workspace, user, release, str(at_ms // REFRESH_EVERY_MS))
    told = {"reason": RELEASE_ASKED, "release": release}
    return _refresh_row(WorkspaceId(workspace), UserId(user), f"release-{number}", at_ms, world, told)


def catalogue_refresh_row(key: bytes, offset: int, at_ms: int, world: WorldRef) -> OutboxRow:
    """Asks for another look at a person's messages after the change of an item at an offset. One id for each change."""
    workspace, _, user = split_key(key, 3)
    number = number_of(workspace, user, str(offset))
    told = {"reason": CATALOGUE_ASKED}
    return _refresh_row(WorkspaceId(workspace), UserId(user), f"catalogue-{number}", at_ms, world, told)


NO_DECISION = DecisionId("")
"""Stands in an exposure of the fallback where there was no entry at all."""


def _refresh_row(
    workspace: WorkspaceId, user: UserId, number: str, at_ms: int, world: WorldRef, told: dict[str, str]
) -> OutboxRow:
    return event_row(own_event(workspace, user, number, EventKind.REFRESH, at_ms, world, properties=told))
