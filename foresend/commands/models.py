"""`foresend models`: what is learnt over all users: list it, promote it, roll it back, publish weights by hand."""

import json
from argparse import ArgumentParser, Namespace, _SubParsersAction
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.kafka.model_records import POPULATION, ModelRecord, model_records, promote, roll_back
from connectors.kafka.publishing import publish_snapshot
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from foresend.settings.workspace import add_workspace_argument, workspace_folder
from online_models.published import check_usable
from schemas.errors import ConfigError, SchemaError
from schemas.ids import WorkspaceId
from schemas.models import ModelPart, ModelSnapshot, PartKind, SlotPrior
from templates.workspace import load

SNAPSHOTS_SHOWN = 5
CHECKSUM_SHOWN = 12


class _SlotWeights(msgspec.Struct, forbid_unknown_fields=True):
    bias: float = 0.0
    weights: dict[str, float] = {}


class _SnapshotFile(msgspec.Struct, forbid_unknown_fields=True):
    """A snapshot as people write it: fields by name, where the topic has them by place."""

    workspace: WorkspaceId
    number: int
    slots: dict[str, _SlotWeights]


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("models", help="population weights and trained parts: list, promote, roll back")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="what was published, what is in use, and what was refused")
    promote = actions.add_parser("promote", help="make a trained part the champion: it is used from then on")
    promote.add_argument("offset", type=int, metavar="OFFSET", help="of the part, as `models list` shows it")
    back = actions.add_parser("rollback", help="make the champion before today's the champion again")
    back.add_argument("kind", choices=[kind.value for kind in PartKind], help="of the trained part")
    publish = actions.add_parser("publish", help="publish a JSON model snapshot to the topic models")
    publish.add_argument("file", type=Path, metavar="FILE", help="{workspace, number, slots: {template/slot: …}}")
    for name, action in actions.choices.items():
        action.add_argument("--json", action="store_true", help="print one JSON object a line")
        add_kafka_arguments(action)
        if name != "publish":
            add_workspace_argument(action)


def run(arguments: Namespace) -> int:
    """Do what was asked, and tell under which offset."""
    kafka = kafka_settings(arguments)
    if arguments.action == "publish":
        return _publish(kafka, arguments)
    workspace = load(workspace_folder(arguments)).id
    if arguments.action == "list":
        _print_all(model_records(kafka, workspace, check_usable), arguments.json)
        return 0
    part, offset = (
        promote(kafka, workspace, arguments.offset, check_usable)
        if arguments.action == "promote"
        else roll_back(kafka, workspace, PartKind(arguments.kind), check_usable)
    )
    if arguments.json:
        print(json.dumps({"workspace": workspace, "kind": part.kind, "number": part.number, "offset": offset}))
    else:
        print(f"workspace {workspace}: {part.kind} {part.number} is the champion from offset {offset} on")
    return 0


def _publish(kafka: KafkaSettings, arguments: Namespace) -> int:
    snapshot = read_snapshot(arguments.file)
    ensure_topics(kafka)
    offset = publish_snapshot(kafka, snapshot)
    if arguments.json:
        print(json.dumps({"workspace": snapshot.workspace, "number": snapshot.number, "offset": offset}))
    else:
        print(f"workspace {snapshot.workspace}: published snapshot {snapshot.number} at offset {offset}")
    return 0


def _print_all(records: list[ModelRecord], as_json: bool) -> None:
    """Trained parts whole; of the population's snapshots, which come by the hundred, the newest ones."""
    snapshots = [one for one in records if one.kind == POPULATION]
    hidden = {one.offset for one in snapshots[:-SNAPSHOTS_SHOWN]}
    for one in records:
        if one.offset in hidden:
            continue
        told = _in_words(one)
        print(json.dumps(told) if as_json else "  ".join(f"{name} {value}" for name, value in told.items() if value))
    if hidden and not as_json:
        print(f"and {len(hidden)} older snapshots of the population")


def _in_words(record: ModelRecord) -> dict[str, Any]:
    value = record.value
    part = value if isinstance(value, ModelPart) else None
    return {
        "offset": record.offset,
        "kind": record.kind,
        "number": 0 if value is None else value.number,
        "standing": part.standing if part else "",
        "used": record.is_used,
        "published": datetime.fromtimestamp(record.at_ms / 1000, UTC).isoformat(timespec="seconds"),
        "bytes": record.size,
        "checksum": part.checksum.hex()[:CHECKSUM_SHOWN] if part else "",
        "card": part.card if part else "",
        "refused": record.refused,
    }


def read_snapshot(file: Path) -> ModelSnapshot:
    """The snapshot in a JSON file.

    Raises:
        ConfigError: the file cannot be read, or is none.
    """
    try:
        found = msgspec.json.decode(file.read_bytes(), type=_SnapshotFile)
        snapshot = ModelSnapshot(
            workspace=found.workspace,
            number=found.number,
            slots={name: SlotPrior(slot.bias, slot.weights) for name, slot in found.slots.items()},
        )
        snapshot.check()
    except OSError as error:
        raise ConfigError(f"snapshot {file}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, SchemaError) as error:
        raise ConfigError(f"snapshot {file}: {error}") from error
    return snapshot
