"""A collector's application in process, on a log that remembers."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.collector.app import CollectorApp
from connectors.collector.event_log import Outgoing
from connectors.collector.keys import WriteKeys
from connectors.collector.meters import Meters
from connectors.collector.reduction import Rules
from connectors.collector.rights_used import Owner
from schemas.codec import decode
from schemas.dead_letters import DeadLetter
from schemas.errors import BrokerUnavailable
from schemas.events import Event, decode_event
from schemas.ids import WorkspaceId
from schemas.worlds import WorldRef
from tests.support.asgi import Response, request

NOW_MS = 1_700_000_000_000
NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
SHOP = WorkspaceId("shop")
KEY = "Basic " + base64.b64encode(b"secret:").decode()


class MemoryLog:
    """Acknowledges everything, unless it is away."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.is_writable = True
        self.is_failing = False
        self.pending_bytes = 0

    async def write(self, records: Sequence[Outgoing]) -> None:
        if self.is_failing:
            raise BrokerUnavailable("expected an acknowledgement, got none")
        self.records += records

    @property
    def events(self) -> list[Event]:
        return [decode_event(record.value) for record in self.records if record.topic == "events"]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [decode(DeadLetter, one.value) for one in self.records if one.topic == "dead_letters"]


class FixedWorld:
    def __init__(self) -> None:
        self.world: WorldRef | None = WorldRef(3, 7)


class Rig:
    """An application with what it stands on."""

    def __init__(self, owner: Owner | None = None) -> None:
        self.log = MemoryLog()
        self.world = FixedWorld()
        self.meters = Meters()
        self.rules = Rules(kept=("plan", "size"))
        self.app = CollectorApp(
            WriteKeys({"secret": SHOP}),
            self.log,
            self.world,
            self.meters,
            clock=lambda: NOW_MS,
            rules_of=lambda _: self.rules,
            owner=owner,
        )

    def post(self, path: str, body: Any, **headers: str) -> Response:
        data = body if isinstance(body, (bytes, list)) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return request(self.app, "POST", path, data, {"authorization": KEY, **named})
