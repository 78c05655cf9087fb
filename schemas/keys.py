"""Kafka and cache keys: parts joined by `|`, which is escaped inside a part, so that no two keys collide."""

from schemas.errors import Reason, SchemaError
from schemas.ids import RecordId, TemplateName, UserId, WorkspaceId

_SEPARATOR = "|"

SYSTEM_WORKSPACE = WorkspaceId("-")
"""Owner of records that belong to no workspace; no workspace may take this name."""
HEARTBEAT_USER = UserId("heartbeat")


def join_key(*parts: str) -> bytes:
    r"""Join parts into one key; `|` and `%` inside a part are percent-encoded.

    >>> join_key("shop", "a|b%")
    b'shop|a%7Cb%25'
    """
    joined = _SEPARATOR.join(parts)
    if "%" not in joined and joined.count(_SEPARATOR) == len(parts) - 1:
        # Nothing to escape, as nearly always: a third of the time.
        return joined.encode()
    return _SEPARATOR.join([p.replace("%", "%25").replace("|", "%7C") for p in parts]).encode()


def split_key(key: bytes, parts: int) -> tuple[str, ...]:
    r"""Undo `join_key`.

    Raises:
        SchemaError: the key is not UTF-8 or has not that many parts.

    >>> split_key(b"shop|a%7Cb%25", 2)
    ('shop', 'a|b%')
    """
    try:
        found = key.decode().split(_SEPARATOR)
    except UnicodeDecodeError:
        raise SchemaError(Reason.KEY_MISMATCH, "expected a UTF-8 key, got other bytes") from None
    if len(found) != parts:
        raise SchemaError(Reason.KEY_MISMATCH, f"expected a key of {parts} parts, got {len(found)}")
    return tuple(p.replace("%7C", "|").replace("%25", "%") for p in found)


def event_key(workspace: WorkspaceId, user: UserId, record: RecordId) -> bytes:
    """The key of a record in `events`: unique for each record, so that each can be erased by a tombstone."""
    return join_key(workspace, user, record)


def webhook_key(workspace: WorkspaceId, provider: str, record: RecordId) -> bytes:
    """The key of a record in `webhooks`."""
    return join_key(workspace, provider, record)


def user_key(workspace: WorkspaceId, user: UserId) -> bytes:
    """What `events` is partitioned by and Flink's state is keyed by."""
    return join_key(workspace, user)


def communication_key(workspace: WorkspaceId, template: TemplateName, user: UserId) -> bytes:
    """The key of a user's communication in the topic `communications` and in the cache."""
    return join_key(workspace, template, user)
