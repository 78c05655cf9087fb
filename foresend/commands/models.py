"""`foresend models`: publish population weights."""

import json
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

import msgspec

from connectors.kafka.publishing import publish_snapshot
from connectors.kafka.topics import ensure_topics
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from schemas.errors import ConfigError, SchemaError
from schemas.ids import WorkspaceId
from schemas.models import ModelSnapshot, SlotPrior


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
    parser = subparsers.add_parser("models", help="population weights")
    publish = parser.add_subparsers(dest="action", required=True, metavar="ACTION").add_parser(
        "publish", help="publish a JSON model snapshot to the topic models"
    )
    publish.add_argument("file", type=Path, metavar="FILE", help="{workspace, number, slots: {template/slot: …}}")
    publish.add_argument("--json", action="store_true", help="print what was published as one JSON object")
    add_kafka_arguments(publish)


def run(arguments: Namespace) -> int:
    """Publish, and tell under which offset."""
    kafka = kafka_settings(arguments)
    snapshot = read_snapshot(arguments.file)
    ensure_topics(kafka)
    offset = publish_snapshot(kafka, snapshot)
    if arguments.json:
        print(json.dumps({"workspace": snapshot.workspace, "number": snapshot.number, "offset": offset}))
    else:
        print(f"workspace {snapshot.workspace}: published snapshot {snapshot.number} at offset {offset}")
    return 0


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
