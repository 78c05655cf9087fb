"""The topic `library` as people ask for it: what was released, what is in use, and what was refused."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from connectors.kafka.log_reader import read_log
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from schemas.codec import decode
from schemas.errors import ConfigError, SchemaError, StateError
from schemas.ids import ReleaseId, WorkspaceId
from schemas.keys import split_key
from schemas.library import Release
from schemas.topics import LIBRARY

Check = Callable[[Release], object]
"""Raises `ConfigError` for a release that the job would pass over; who renders knows (`templates.library`)."""


class ReleaseRecord(NamedTuple):
    """One record of the topic.

    release  None where it was refused, for the reason that `refused` tells
    is_used  whether events of just now are applied with it
    """

    offset: int
    at_ms: int
    size: int
    release: Release | None
    refused: str = ""
    is_used: bool = False

    @property
    def id(self) -> ReleaseId:
        """The hash of what was released; nothing where that cannot be read."""
        return self.release.id if self.release else ReleaseId("")


def release_records(settings: KafkaSettings, workspace: WorkspaceId, check: Check) -> list[ReleaseRecord]:
    """A workspace's releases, in the order in which they were published.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    found = []
    for record in read_log(settings, LIBRARY.name):
        if _owner(record.key) != workspace:
            continue
        release, refused = _read(workspace, record.value, check)
        found.append(ReleaseRecord(record.position.offset, record.position.log_ms, len(record.value), release, refused))
    used = max((one.offset for one in found if not one.refused), default=-1)
    return [one._replace(is_used=one.offset == used) for one in found]


def release_named(records: Sequence[ReleaseRecord], wanted: str) -> Release:
    """The release whose id is this, or begins with it.

    Raises:
        ConfigError: there is none, or there are several.
    """
    found = {one.id: one.release for one in records if one.release and one.id.startswith(wanted)}
    if len(found) != 1:
        known = ", ".join(dict.fromkeys(one.id for one in reversed(records) if one.release)) or "none"
        raise ConfigError(
            f"release {wanted}: expected the id of one release, or how it alone begins, got that of {len(found)}; "
            f"there are, newest first: {known}"
        )
    return found.popitem()[1]


def roll_back(settings: KafkaSettings, workspace: WorkspaceId, wanted: str, check: Check) -> tuple[Release, int]:
    """Publish an older release again; returns it and its new offset. Everything else goes on: only content goes back.

    wanted  the id of a release, or how it begins; empty: the newest usable one before what stands now

    Raises:
        ConfigError: there is no such release, or it cannot be used.
    """
    records = release_records(settings, workspace, check)
    if wanted:
        release = release_named(records, wanted)
        check(release)
    else:
        release = _before(workspace, records)
    return release, publish_release(settings, release)


def _before(workspace: WorkspaceId, records: Sequence[ReleaseRecord]) -> Release:
    """The newest release that can be used and is not the newest of all: that one is what is to go."""
    for one in reversed(records):
        if one.release and not one.refused and one.id != records[-1].id:
            return one.release
    raise ConfigError(
        f"workspace {workspace}: expected an earlier release to go back to, found none among {len(records)}: "
        "see `foresend release list`"
    )


def _read(workspace: WorkspaceId, packed: bytes, check: Check) -> tuple[Release | None, str]:
    try:
        release = decode(Release, packed)
    except StateError as error:
        return None, str(error)
    if release.workspace != workspace:
        return None, "expected the release of the key's workspace, got another one's"
    try:
        check(release)
    except ConfigError as error:
        return release, str(error)
    return release, ""


def _owner(key: bytes) -> str:
    try:
        return split_key(key, 2)[0]
    except SchemaError:
        return ""
