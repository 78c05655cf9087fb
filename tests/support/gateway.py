"""A cache and a gateway in this process, without Kafka and without a server: records in by hand, requests by call."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from connectors.cache.applying import Applier, LogRecord
from connectors.cache.items import Items
from connectors.cache.meters import CacheMeters
from connectors.cache.releases import Releases
from connectors.cache.rows import OutboxRow
from connectors.cache.store import CacheStore
from connectors.gateway.app import Gateway
from connectors.gateway.features import feature_routes
from connectors.gateway.keys import Door, OpenDoor
from connectors.gateway.marks import MarkFiller
from connectors.gateway.meters import ReadMeters
from connectors.gateway.reads import Reads
from connectors.gateway.routing import Handler, Route
from connectors.gateway.tokens import Signer
from schemas.codec import encode
from schemas.decisions import Communication
from schemas.events import Event, decode_event
from schemas.keys import join_key
from schemas.library import Release
from schemas.topics import COMMUNICATIONS, EVENTS, LIBRARY, PARTITIONS
from schemas.worlds import WorldRef
from tests.support.messages import START_MS, record_of

PUBLIC_URL = "https://mail.example"


class Reply(NamedTuple):
    """What a request was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Clock:
    """A clock that moves by hand."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        return self.now_ms


class GatewayInProcess:
    """One node: what `foresend.serving` puts together, but for threads and sockets."""

    def __init__(
        self,
        folder: Path,
        door: Door | None = None,
        partitions: Iterable[int] = range(PARTITIONS),
        routes: Sequence[Route] = (),
        elsewhere: Handler | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self.clock = Clock()
        self.progress = SimpleNamespace(is_ready=True, lag_records=0, world=WorldRef(3, 2))
        self.store = CacheStore(folder)
        self.releases = Releases(self.store)
        self.meters = CacheMeters(self.registry)
        self.items = Items()
        self.applier = Applier(self.store, self.releases, self.meters, items=self.items)
        self.signer = Signer({"k1": b"0123456789abcdef"})
        self.reads = reads = Reads(
            self.store,
            self.releases,
            self.progress,
            MarkFiller(PUBLIC_URL, self.signer),
            partitions=tuple(partitions),
            clock_ms=self.clock,
            items=self.items,
        )
        self.door = chosen_door = door or OpenDoor(None, self.releases.workspaces)
        meters = ReadMeters(self.registry)
        own = feature_routes(reads)
        self.gateway = Gateway(reads, chosen_door, self.progress, meters, self.registry, [*own, *routes], elsewhere)
        self._offset = 0

    def close(self) -> None:
        self.store.close()

    def release(self, release: Release) -> None:
        """A release arrives."""
        self.record(LIBRARY.name, join_key(release.workspace, f"{self._offset}"), encode(release))

    def entry(self, entry: Communication) -> None:
        """A communication arrives."""
        self.record(COMMUNICATIONS.name, *record_of(entry))

    def record(self, topic: str, key: bytes, value: bytes | None, partition: int = 0) -> None:
        """Any record arrives."""
        self._offset += 1
        record = LogRecord(topic, partition, self._offset, START_MS, key, value)
        self.applier.apply([record], {(topic, partition): self._offset + 1}, self.clock.now_ms)

    def get(self, path: str, **headers: str) -> Reply:
        """A look."""
        return self.request("GET", path, headers=headers)

    def post(self, path: str, send_id: str, marks: dict[str, str] | None = None, **headers: str) -> Reply:
        """A draw."""
        body = {"send_id": send_id} | ({} if marks is None else {"marks": marks})
        return self.request("POST", path, json.dumps(body).encode(), headers)

    def request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        """Any request, through the ASGI interface."""
        return asyncio.run(self._request(method, path, body, headers or {}))

    async def _request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        raw, _, query = path.encode().partition(b"?")
        scope = {
            "type": "http",
            "method": method,
            "raw_path": raw,
            "query_string": query,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        sent: list[dict[str, Any]] = []
        # In two parts, as a server may hand them over.
        parts = [
            {"type": "http.request", "body": body[:10], "more_body": True},
            {"type": "http.request", "body": body[10:], "more_body": False},
        ]

        async def receive() -> dict[str, Any]:
            if not parts:
                await asyncio.Event().wait()
            return parts.pop(0)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.gateway(scope, receive, send)
        start, *rest = sent
        headers_given = {k.decode(): v.decode() for k, v in start["headers"]}
        return Reply(start["status"], headers_given, b"".join(part["body"] for part in rest))

    def outbox(self) -> list[OutboxRow]:
        """What waits for Kafka, oldest first."""
        return [row for _, row in self.store.outbox_head(1_000_000)]

    def told(self) -> list[Event]:
        """The events among it."""
        return [decode_event(row.value) for row in self.outbox() if row.topic == EVENTS.name]

    def metric(self, name: str, **labels: str) -> float:
        """A sample's value; 0 where it was never counted."""
        return self.registry.get_sample_value(name, labels) or 0.0
