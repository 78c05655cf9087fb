"""Replay through a running collector, as any client of it would send."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import msgspec

from connectors.replay.figures import ReplayFigures
from connectors.replay.recorded import Recorded, Recording, Watcher
from schemas.errors import BrokerUnavailable, ConfigError
from schemas.events import Event, EventKind, decode_event

BATCH_EVENTS = 500
BATCH_BYTES = 1_000_000
PATIENCE_S = 60.0
"""How long one batch is tried again while the collector cannot take it."""
TIMEOUT_S = 30.0
_PAGES = (EventKind.PAGE, EventKind.SCREEN)


def replay_to_collector(url: str, write_key: str, recording: Recording, watcher: Watcher) -> ReplayFigures:
    """Send all events of a recording in batches, one after the other.

    Rows that are no events are told to the watcher and stay where they are; events that the
    collector refuses are in its dead letters. Both are counted.

    Raises:
        BrokerUnavailable: the collector did not take a batch in time.
        ConfigError: files or columns are missing, or the collector does not know the key.
    """
    started = time.monotonic()
    sent = refused = unusable = 0
    with closing(_Client(url, write_key)) as client:
        for item in _batches(recording, watcher):
            if isinstance(item, int):
                unusable += item
                continue
            answer = client.post(item)
            sent += len(item)
            refused += len(answer.get("refused", ()))
            watcher.sent(sent)
    return ReplayFigures(
        events_read=sent + unusable,
        events_sent=sent - refused,
        seconds=time.monotonic() - started,
        dead_letters=refused + unusable,
    )


def _batches(recording: Recording, watcher: Watcher) -> Iterator[list[bytes] | int]:
    """Calls in batches; a number stands for rows that are no events."""
    batch: list[bytes] = []
    size = 0
    for item in recording.read(watcher):
        if not isinstance(item, Recorded):
            yield 1
            continue
        call = msgspec.json.encode(call_of(decode_event(item.record.value)))
        if batch and (len(batch) == BATCH_EVENTS or size + len(call) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(call)
        size += len(call)
    if batch:
        yield batch


def call_of(event: Event) -> dict[str, Any]:
    """The event as a call of Segment's spec."""
    moment = datetime.fromtimestamp(event.at_ms // 1000, UTC).replace(microsecond=event.at_ms % 1000 * 1000)
    call = {
        "type": event.kind.value,
        "messageId": event.id,
        "userId": event.user,
        "timestamp": moment.isoformat(timespec="milliseconds"),
        "properties": event.properties,
        "traits": event.traits,
        "context": event.context,
        "event": event.name if event.kind is EventKind.TRACK else "",
        "name": event.name if event.kind in _PAGES else "",
    }
    return {name: value for name, value in call.items() if value}


class _Client:
    """One connection, kept; a lost one is made again."""

    def __init__(self, url: str, write_key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"--through-collector: expected http://host:port, got {url!r}")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
        self._path = f"{parts.path.rstrip('/')}/v1/batch"
        token = base64.b64encode(f"{write_key}:".encode()).decode()
        self._headers = {"Content-Type": "application/json", "Authorization": f"Basic {token}"}

    def post(self, calls: list[bytes]) -> dict[str, Any]:
        """Send one batch, again and again until it is taken or the patience is over."""
        body = b'{"batch":[' + b",".join(calls) + b"]}"
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status, wait_s, answer = self._try(body)
            if status == 202:
                found: dict[str, Any] = json.loads(answer)
                return found
            if 400 <= status < 500 and status != 429:
                raise ConfigError(f"the collector refuses the batch with status {status}: {_detail(answer)}")
            if time.monotonic() + wait_s > deadline:
                raise BrokerUnavailable(
                    f"expected the collector to take a batch within {PATIENCE_S:.0f} s, got status {status}"
                )
            time.sleep(wait_s)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _try(self, body: bytes) -> tuple[int, float, bytes]:
        """Status (0: no answer), how long to wait before the next attempt, and the answer."""
        try:
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            return response.status, _retry_after_s(response), response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return 0, 1.0, b""


def _retry_after_s(response: HTTPResponse) -> float:
    value = response.getheader("Retry-After", "1")
    return float(value) if value.isdigit() else 1.0


def _detail(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["detail"])
    except (ValueError, KeyError, TypeError):
        return "no detail"
