"""The serving process: one cache folder, one gateway, and the threads that keep both going."""

import logging
import secrets
import signal
import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import uvicorn
from prometheus_client import CollectorRegistry

from connectors.cache.applying import Applier
from connectors.cache.follower import Follower, now_ms
from connectors.cache.meters import CacheMeters
from connectors.cache.outbox import Outbox
from connectors.cache.purging import Purger
from connectors.cache.releases import Releases
from connectors.cache.store import SWEEP_ROWS, CacheStore
from connectors.gateway.app import Gateway
from connectors.gateway.keys import Door, Keyring, OpenDoor
from connectors.gateway.marks import MarkFiller
from connectors.gateway.meters import ReadMeters
from connectors.gateway.reads import Reads
from connectors.gateway.tokens import Signer
from foresend.http_server import server_config
from foresend.settings.serve import ServeSettings
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId

SWEEP_EVERY_S = 60.0
GRACE_S = 5
CONNECT_MS = 2_000
BACKLOG = 1024

_log = logging.getLogger(__name__)


def serve(settings: ServeSettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was begun, in a bounded time.

    Raises:
        ConfigError: the port is taken, or the topics are not what the table says.
        CacheBusy: another process has the cache's folder.
        StateError: stored bytes cannot be read.
    """
    listener = _listen(settings.host, settings.port)
    with closing(listener), closing(CacheStore(settings.folder)) as store:
        url = _url_of(settings.host, listener.getsockname()[1])
        registry = CollectorRegistry()
        meters = CacheMeters(registry)
        # Both threads try again for ever, and a stop waits for the attempt that they are at.
        kafka = replace(settings.kafka, connect_ms=CONNECT_MS)
        releases = Releases(store)
        partitions = settings.partition_numbers
        applier = Applier(store, releases, meters)
        follower = Follower(store, releases, applier, meters, kafka, partitions=partitions, clock_ms=now_ms)
        outbox = Outbox(store, kafka, meters)
        purger = Purger(store, meters, may_rest=lambda: follower.is_ready, clock_ms=now_ms)
        signer = Signer(settings.secrets or {"local": _own_secret(settings.folder / "signing.key")})
        marks = MarkFiller(settings.public_url.rstrip("/") or url, signer)
        reads = Reads(store, releases, follower, marks, partitions=partitions, clock_ms=now_ms)
        gateway = Gateway(reads, _door(settings, releases), follower, ReadMeters(registry), registry)
        meters.gauge("foresend_cache_lag_records", "Records not read yet", lambda: follower.lag_records)
        meters.gauge("foresend_cache_entries", "About how many entries are cached", store.estimated_entries)
        meters.gauge("foresend_outbox_rows", "Records Kafka has not acknowledged", lambda: store.outbox_rows)
        _log.info("serving on %s from %s", url, settings.folder)
        _run(gateway, listener, store, (follower, outbox, purger))


def _run(gateway: Gateway, listener: socket.socket, store: CacheStore, runs: tuple[Follower, Outbox, Purger]) -> None:
    """Run the server in this thread and the rest in threads of their own; the first that ends, ends all."""
    config = server_config(gateway, timeout_graceful_shutdown=GRACE_S)
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn has handlers of its own while it runs, and afterwards raises what it got once more.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    stopping = threading.Event()
    with ThreadPoolExecutor(thread_name_prefix="serve") as threads:
        workers: list[Future[None]] = [
            *(threads.submit(one.run, stopping) for one in runs),
            threads.submit(_sweep, store, stopping),
        ]
        for worker in workers:
            worker.add_done_callback(stop)
        try:
            server.run(sockets=[listener])
        finally:
            # Only now, so that the outbox's last drain sees the last draw.
            stopping.set()
            store.outbox_grew.set()
            store.purges_grew.set()
    for worker in workers:
        worker.result()


def _sweep(store: CacheStore, stopping: threading.Event) -> None:
    while not stopping.wait(SWEEP_EVERY_S):
        while store.sweep_sends(now_ms()) == SWEEP_ROWS:
            pass
        store.sweep_graves(now_ms())


def _door(settings: ServeSettings, releases: Releases) -> Door:
    if settings.keys:
        return Keyring(settings.workspace_by_key)
    workspace = WorkspaceId(settings.workspace_id) if settings.workspace_id else None
    return OpenDoor(workspace, releases.workspaces)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken before the cache is opened so that a taken port is told at once."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
        )
    except OSError as error:
        raise ConfigError(
            f"serve.port: cannot listen on {host} port {port}: {error.strerror}; choose another by --port"
        ) from error


def _url_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _own_secret(file: Path) -> bytes:
    """The signing key of an installation that was given none: made once, kept where only we can read it."""
    if not file.exists():
        fresh = file.with_name(f"{file.name}.new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(32))
        fresh.replace(file)
    return file.read_bytes()
