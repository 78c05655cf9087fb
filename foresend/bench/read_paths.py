"""Other ways to answer the gateway's reads, each a process of its own: what the gateway is compared with.

`on-demand` and `recorded` score and render at the request; `recorded` also keeps the gateway's promises: sends are
remembered, exposures reach Kafka. `naive` is what tutorials show. `bare` does no more than fetch an answer's bytes.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
import uvicorn
import zstandard
from prometheus_client import CollectorRegistry

from connectors.cache.families import ENTRIES
from connectors.cache.meters import CacheMeters
from connectors.cache.outbox import Outbox
from connectors.cache.rocks import Database
from connectors.cache.store import CacheStore
from connectors.gateway.app import Gateway, Receive, Scope, Send
from connectors.gateway.communications import READS_PATH
from connectors.gateway.keys import KeyGrant, Keyring
from connectors.gateway.marks import MarkFiller
from connectors.gateway.meters import ReadMeters
from connectors.gateway.reads import Reads
from connectors.gateway.tokens import Signer
from connectors.kafka.settings import KafkaSettings
from foresend.bench.naive import NaiveReads
from foresend.bench.on_demand import OnDemandReads
from foresend.http_server import server_config
from foresend.local.ports import LOOPBACK
from schemas.codec import decode
from schemas.library import Release
from templates.workspace import load_marketing

SECRET = b"0123456789abcdef"
KINDS = ("on-demand", "recorded", "naive", "bare")
Application = Callable[[Scope, Receive, Send], Any]


class PathPlan(msgspec.Struct, frozen=True):
    """What one such process is to be.

    kind       one of `KINDS`
    rows       folder of the database it reads, filled beforehand
    release    file of the packed release
    workspace  folder of the workspace's sources
    own        folder for a store of its own
    key        who may draw, as the settings of the gateway say it
    """

    kind: str
    port: int
    rows: str
    release: str
    workspace: str
    own: str
    kafka: KafkaSettings
    key: str


@dataclass
class _Health:
    """A process that is up is ready."""

    is_ready: bool = True
    lag_records: int = 0


class Bare:
    """Fetches a compressed answer from RocksDB, opens it, sends it: the least that any cache does."""

    def __init__(self, rows: Database, release: Release) -> None:
        self._rows = rows
        self._zstd = zstandard.ZstdDecompressor(dict_data=answers_dictionary(release))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: bytes = scope["raw_path"]
        await receive()
        body = b"ok"
        if path.startswith(READS_PATH):
            body = self._zstd.decompress(self._rows.get(ENTRIES, path[len(READS_PATH) :]) or b"")
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def answers_dictionary(release: Release) -> zstandard.ZstdCompressionDict:
    """What the answers that `Bare` sends are compressed against: whole messages of each template and language."""
    whole = b"".join(fallback.html + fallback.text for fallback in release.fallbacks.values())
    return zstandard.ZstdCompressionDict(whole, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def bare_key(template: str, user: str) -> bytes:
    """The key under which `Bare` looks for an answer: the end of the request's path."""
    return f"{template}/{user}".encode()


def main(plan_file: str) -> None:
    """Serve as the plan says, until SIGTERM."""
    plan = msgspec.json.decode(Path(plan_file).read_bytes(), type=PathPlan)
    release = decode(Release, Path(plan.release).read_bytes())
    rows = Database(Path(plan.rows))
    if plan.kind == "bare":
        _serve(Bare(rows, release), plan.port)
        return
    marks = MarkFiller(f"http://{LOOPBACK}:{plan.port}", Signer({"local": SECRET}))
    if plan.kind == "naive":
        _serve(_gateway(NaiveReads(rows, release, load_marketing(Path(plan.workspace)), marks), plan), plan.port)
        return
    with _recording(plan) as store:
        _serve(_gateway(OnDemandReads(rows, release, marks, store), plan), plan.port)


@contextmanager
def _recording(plan: PathPlan) -> Iterator[CacheStore | None]:
    """Where sends are remembered and exposures drained from, as in `foresend serve`; None where nothing is."""
    if plan.kind != "recorded":
        yield None
        return
    store, stopping = CacheStore(Path(plan.own)), threading.Event()
    outbox = Outbox(store, plan.kafka, CacheMeters(CollectorRegistry()))
    thread = threading.Thread(target=outbox.run, args=(stopping,), name="outbox")
    thread.start()
    try:
        yield store
    finally:
        stopping.set()
        store.outbox_grew.set()
        thread.join()
        store.close()


def _gateway(reads: OnDemandReads | NaiveReads, plan: PathPlan) -> Gateway:
    """The gateway's own application around other reads: requests are parsed and answers written the same way."""
    registry = CollectorRegistry()
    digest, _, said = plan.key.partition(":")
    door = Keyring([KeyGrant.read(digest, said)])
    return Gateway(cast("Reads", reads), door, _Health(), ReadMeters(registry), registry)


def _serve(application: Application, port: int) -> None:
    """The same server as that of `foresend serve`."""
    config = server_config(application, host=LOOPBACK, port=port)
    # uvicorn raises the signal once more when it is done; by then it has been obeyed.
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
