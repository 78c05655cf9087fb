"""`foresend release`: compile a workspace and publish it; list what was published, tell what differs, roll it back."""

import json
from argparse import ArgumentParser, Namespace, _SubParsersAction
from datetime import UTC, datetime
from typing import Any

from connectors.kafka.publishing import publish_release
from connectors.kafka.release_records import ReleaseRecord, release_named, release_records, roll_back
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from flink_jobs.worlds import World, make_world
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from foresend.settings.workspace import add_workspace_argument, workspace_folder
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from schemas.library import Release
from templates.compiler import compile_release
from templates.release_diff import differences, unified
from templates.workspace import load

_IDS_MAX = {"publish": 0, "list": 0, "diff": 2, "rollback": 1}
"""What can be done, and how many releases it may be told."""


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("release", help="publish a workspace; list releases, tell what differs, roll back")
    parser.add_argument(
        "action",
        nargs="?",
        choices=tuple(_IDS_MAX),
        default="publish",
        help="publish the workspace (the default); list what was published; diff: what differs from release OLD (the "
        "one in use) to release NEW (the workspace as it is here); rollback: publish release ID again (the one before)",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="of releases, or how they begin: see `release list`")
    add_workspace_argument(parser)
    parser.add_argument(
        "--workspace-id", help="list, rollback and diff of two releases: whose, where there is no folder"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_kafka_arguments(parser)


def run(arguments: Namespace) -> int:
    """Do what was asked.

    Raises:
        ConfigError: more releases are named than that takes, or one that there is not.
    """
    kafka, action, ids = kafka_settings(arguments), arguments.action, arguments.ids
    if len(ids) > _IDS_MAX[action]:
        raise ConfigError(f"release {action}: expected at most {_IDS_MAX[action]} ids of releases, got {len(ids)}")
    if action == "publish":
        _publish(kafka, arguments)
    elif action == "list":
        _list(release_records(kafka, _workspace_id(arguments), usable), as_json=arguments.json)
    elif action == "diff":
        _diff(kafka, arguments)
    else:
        wanted = ids[0] if ids else ""
        _tell(arguments, "published again", *roll_back(kafka, _workspace_id(arguments), wanted, usable))
    return 0


def usable(release: Release) -> World:
    """A release as the job takes it.

    Raises:
        ConfigError: the job would pass it over.
    """
    return make_world(release, None)


def _publish(kafka: KafkaSettings, arguments: Namespace) -> None:
    release = compile_release(load(workspace_folder(arguments)))
    ensure_topics(kafka)
    _tell(arguments, "published", release, publish_release(kafka, release))


def _tell(arguments: Namespace, done: str, release: Release, offset: int) -> None:
    if arguments.json:
        print(json.dumps({"workspace": release.workspace, "release": release.id, "offset": offset}))
    else:
        print(f"workspace {release.workspace}: {done} release {release.id} at offset {offset}")


def _diff(kafka: KafkaSettings, arguments: Namespace) -> None:
    records = release_records(kafka, _workspace_id(arguments), usable)
    older = release_named(records, arguments.ids[0]) if arguments.ids else _in_use(records)
    if len(arguments.ids) > 1:
        newer = release_named(records, arguments.ids[1])
    else:
        newer = compile_release(load(workspace_folder(arguments)))
    if not arguments.json:
        print("\n".join(unified(older, newer)) or f"release {newer.id} says what {older.id} says")
        return
    for one in differences(older, newer):
        print(json.dumps({"older": older.id, "newer": newer.id, **one._asdict()}))


def _in_use(records: list[ReleaseRecord]) -> Release:
    for one in records:
        if one.is_used and one.release:
            return one.release
    raise ConfigError("expected a release to compare with, found none that is in use: see `foresend release list`")


def _list(records: list[ReleaseRecord], *, as_json: bool) -> None:
    """Newest last, as they were published; a release that was published again stands there again."""
    for one in records:
        told = _in_words(one)
        print(json.dumps(told) if as_json else "  ".join(f"{name} {value}" for name, value in told.items() if value))


def _in_words(record: ReleaseRecord) -> dict[str, Any]:
    templates = record.release.templates if record.release else ()
    return {
        "offset": record.offset,
        "release": record.id,
        "used": record.is_used,
        "published": datetime.fromtimestamp(record.at_ms / 1000, UTC).isoformat(timespec="seconds"),
        "bytes": record.size,
        "templates": len(templates),
        "variants": sum(len(slot.variants) for template in templates for slot in template.slots),
        "refused": record.refused,
    }


def _workspace_id(arguments: Namespace) -> WorkspaceId:
    """Whose releases are meant. In need, a roll-back must not depend on a folder without mistakes."""
    given: str | None = arguments.workspace_id
    return WorkspaceId(given) if given else load(workspace_folder(arguments)).id
