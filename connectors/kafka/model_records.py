"""The topic `models` as people ask for it: what was published, what is in use, and what was refused."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_part
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.world_topics import Check, read_world_record
from schemas.errors import ConfigError, SchemaError, StateError
from schemas.ids import WorkspaceId
from schemas.keys import split_key
from schemas.models import ModelPart, ModelSnapshot, PartKind, Standing
from schemas.topics import MODELS

POPULATION = "population"


class ModelRecord(NamedTuple):
    """One record of the topic.

    value    None where it was refused, for the reason that `refused` tells
    is_used  whether events of just now are scored with it
    """

    offset: int
    at_ms: int
    size: int
    value: ModelPart | ModelSnapshot | None
    refused: str = ""
    is_used: bool = False

    @property
    def kind(self) -> str:
        """Of a trained part its kind, else `population`; nothing where the record was refused."""
        if self.value is None:
            return ""
        return self.value.kind if isinstance(self.value, ModelPart) else POPULATION


def model_records(settings: KafkaSettings, workspace: WorkspaceId, check: Check) -> list[ModelRecord]:
    """A workspace's records, in the order in which they were published.

    check  of what was learnt, as the job does it

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    found = []
    for record in read_log(settings, MODELS.name):
        if not record.key.startswith(workspace.encode()) or _owner(record.key) != workspace:
            continue
        value, refused = None, ""
        try:
            read, _ = read_world_record(record.key, record.value, ModelSnapshot, check)
            value = read if isinstance(read, (ModelPart, ModelSnapshot)) else None
        except (SchemaError, StateError) as error:
            refused = str(error)
        found.append(ModelRecord(record.position.offset, record.position.log_ms, len(record.value), value, refused))
    used = {one.kind: one.offset for one in found if _may_be_used(one)}
    return [one._replace(is_used=one.value is not None and used.get(one.kind) == one.offset) for one in found]


def promote(settings: KafkaSettings, workspace: WorkspaceId, offset: int, check: Check) -> tuple[ModelPart, int]:
    """Publish the trained part at an offset again, as champion; returns it and where it stands now.

    Raises:
        ConfigError: there is no part of this workspace that could be used.
    """
    records = model_records(settings, workspace, check)
    found = next((one for one in records if one.offset == offset), None)
    if found is None or not isinstance(found.value, ModelPart):
        refused = f": it was refused: {found.refused}" if found is not None and found.refused else ""
        raise ConfigError(f"offset {offset}: expected a trained part of workspace {workspace}, got none{refused}")
    return _crowned(settings, found.value)


def roll_back(settings: KafkaSettings, workspace: WorkspaceId, kind: PartKind, check: Check) -> tuple[ModelPart, int]:
    """Publish the champion before today's again; returns it and where it stands now.

    Raises:
        ConfigError: there is no other champion to go back to.
    """
    parts = _parts(model_records(settings, workspace, check), kind)
    champions = [part for part in parts if part.standing is Standing.CHAMPION]
    before = next((part for part in reversed(champions) if part.checksum != champions[-1].checksum), None)
    if before is None:
        raise ConfigError(
            f"workspace {workspace}: expected an earlier champion of kind {kind} to go back to, found "
            f"{len(champions)} with the same arrays: see `foresend models list`"
        )
    return _crowned(settings, before)


def _crowned(settings: KafkaSettings, part: ModelPart) -> tuple[ModelPart, int]:
    champion = replace(part, standing=Standing.CHAMPION)
    return champion, publish_part(settings, champion)


def _parts(records: Sequence[ModelRecord], kind: PartKind) -> list[ModelPart]:
    return [one.value for one in records if isinstance(one.value, ModelPart) and one.value.kind is kind]


def _may_be_used(record: ModelRecord) -> bool:
    value = record.value
    return value is not None and not (isinstance(value, ModelPart) and value.standing is not Standing.CHAMPION)


def _owner(key: bytes) -> str:
    for parts in (2, 4):
        try:
            return split_key(key, parts)[0]
        except SchemaError:
            continue
    return ""
