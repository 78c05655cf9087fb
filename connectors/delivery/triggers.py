"""Triggers that come by Kafka: asked for in the same batch that moves the offset, so none is lost or repeated."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from connectors.cache.rocks import Batch
from connectors.delivery.send_rows import SendErased, SendIdTaken
from schemas.errors import Reason, SchemaError
from schemas.events import why_not_json
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.keys import split_key
from schemas.sending import Trigger

_decoder = msgspec.json.Decoder(Trigger)


class Asks(Protocol):
    """What is needed of the ledger."""

    def ask_once(self, batch: Batch, workspace: WorkspaceId, trigger: Trigger) -> bool:
        """Ask for a send in a batch, holding the lock; False: it was asked for before. Raises as `Ledger.request`."""


class Triggers:
    """Takes triggers of one batch after the other, in the follower's thread.

    is_own  whether this node acts for a person
    """

    def __init__(self, asks: Asks, is_own: Callable[[WorkspaceId, UserId], bool]) -> None:
        self._asks = asks
        self._is_own = is_own
        self._seen: dict[tuple[WorkspaceId, SendId], Trigger] = {}

    def begin(self) -> None:
        """A batch begins."""
        self._seen.clear()

    def read(self, key: bytes, value: bytes | None) -> tuple[WorkspaceId, Trigger]:
        """What a record asks for.

        Raises:
            SchemaError: it is no trigger, or of another person than its key or partition says.
        """
        try:
            trigger = _decoder.decode(value or b"")
        except msgspec.ValidationError as error:
            raise SchemaError(Reason.WRONG_TYPE, f"a trigger: {error}") from None
        except UnicodeDecodeError:
            raise SchemaError(Reason.BAD_UTF8, "expected UTF-8") from None
        except RecursionError:
            raise SchemaError(Reason.TOO_DEEP, "expected a trigger, got far deeper nesting") from None
        except msgspec.DecodeError as error:
            raise SchemaError(why_not_json(value or b""), str(error)) from None
        workspace, user = split_key(key, 2)
        if user != trigger.user or not workspace:
            raise SchemaError(Reason.KEY_MISMATCH, "expected the key workspace|user of the trigger's own person")
        if not self._is_own(WorkspaceId(workspace), trigger.user):
            raise SchemaError(Reason.KEY_MISMATCH, "expected the partition of the key workspace|user by murmur2")
        return WorkspaceId(workspace), trigger

    def ask(self, batch: Batch, workspace: WorkspaceId, trigger: Trigger) -> bool:
        """Ask for it in this batch, holding the lock; False: it was asked for before, or of somebody erased since.

        Raises:
            SendIdTaken: the id names another send.
        """
        known = self._seen.setdefault((workspace, trigger.send_id), trigger)
        if known is not trigger:
            if (known.user, known.template) != (trigger.user, trigger.template):
                raise SendIdTaken
            return False
        try:
            return self._asks.ask_once(batch, workspace, trigger)
        except SendErased:
            return False
