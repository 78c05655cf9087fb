"""The serving process: one cache folder, one gateway, and the threads that keep both going."""

import gc
import logging
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import uvicorn
from prometheus_client import CollectorRegistry

from connectors.cache.applying import Applier
from connectors.cache.disk_sizes import DiskSizes
from connectors.cache.follower import Follower, now_ms
from connectors.cache.item_watch import Asker, ItemWatch
from connectors.cache.items import Items
from connectors.cache.meters import CacheMeters
from connectors.cache.outbox import Outbox
from connectors.cache.purging import Purger
from connectors.cache.quarantine import put_aside
from connectors.cache.releases import Releases
from connectors.cache.renewing import Pace, RenewalMeters, Renewer, newest_ids
from connectors.cache.rows import OutboxRow
from connectors.cache.store import SWEEP_ROWS, CacheStore
from connectors.cache.watching import Watch
from connectors.delivery.ledger_meters import LedgerMeters
from connectors.delivery.rights import Rights
from connectors.delivery.triggers import Triggers
from connectors.gateway.app import Gateway
from connectors.gateway.events import catalogue_refresh_row, release_refresh_row
from connectors.gateway.features import feature_routes
from connectors.gateway.keys import Door, Keyring, OpenDoor
from connectors.gateway.meters import ReadMeters
from connectors.gateway.nodes import Nodes
from connectors.gateway.reads import Reads
from connectors.gateway.routing import Route
from connectors.metrics.making import program_registry
from foresend.http_server import server_config
from foresend.serving_delivery import Base, Delivery, Signing
from foresend.serving_people import people_routes
from foresend.settings.installation import secret_of
from foresend.settings.serve import ServeSettings
from schemas.errors import ConfigError, StateCorrupt
from schemas.ids import WorkspaceId
from schemas.topics import DAY_MS
from schemas.worlds import WorldRef

SWEEP_EVERY_S = 60.0
SWITCH_S = 0.001
GRACE_S = 5
CONNECT_MS = 2_000
BACKLOG = 1024
QUARANTINES_MAX = 3
"""Of one process: a disk that damages its files again and again is not to be filled on and on."""

_log = logging.getLogger(__name__)


class Runs(Protocol):
    """What runs in a thread of its own until told to stop."""

    def run(self, stopping: threading.Event) -> None:
        """Run."""


def serve(settings: ServeSettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was begun, in a bounded time.

    A cache whose files are damaged, or gone, is moved aside and rebuilt; requests wait meanwhile, or are answered 503.

    Raises:
        ConfigError: the port is taken, or the topics are not what the table says.
        CacheBusy: another process has the cache's folder.
        StateError: stored bytes cannot be read, again and again.
    """
    # What was imported stays: collections of garbage need not walk through it, for which all requests would wait.
    gc.collect()
    gc.freeze()
    # A thread that has much to do gives the interpreter back so soon: requests wait for it.
    sys.setswitchinterval(SWITCH_S)
    listener = _listen(settings.host, settings.port)
    url = _url_of(settings.host, listener.getsockname()[1])
    with closing(listener):
        node = _Node(settings, listener, url)
        while (damage := _damage(node)) is not None:
            node.put_aside(damage)


def _damage(node: "_Node") -> StateCorrupt | None:
    """Run a node until it was told to stop, or until its cache turns out to be damaged, and say how.

    By then nothing holds the cache open. An error holds the frames that it came through, and one of them, by the
    threads' results, the error: a circle, in which RocksDB's iterators, and with them its lock, would live until some
    later day.
    Mutant: leave the circle; then `test_a_flipped_byte_is_never_served_and_the_node_rebuilds_while_it_runs` fails.
    """
    try:
        node.run()
    except StateCorrupt as error:
        if node.told.is_set():
            raise
        told = str(error)
    else:
        return None
    gc.collect()
    return StateCorrupt(told)


class _Node:
    """One serving process, which may have to begin again with an empty cache.

    told  to stop, by a signal
    """

    def __init__(self, settings: ServeSettings, listener: socket.socket, url: str) -> None:
        self._settings = settings
        self._listener = listener
        self._url = url
        self._secrets = settings.secrets
        self._quarantines = 0
        self._lost = 0
        self._outbox_rows = 0
        self._saved: list[OutboxRow] = []
        self.told = threading.Event()

    def run(self) -> None:
        """Serve until told to stop, or until the cache turns out to be damaged."""
        settings = self._settings
        with closing(CacheStore(settings.folder, settings.cache_bytes)) as store:
            registry = program_registry()
            meters = CacheMeters(registry)
            meters.quarantines.inc(self._quarantines)
            meters.outbox_lost.inc(self._lost)
            store.commit(store.batch(), self._saved)
            self._saved = []
            self._secrets = self._secrets or {"local": _own_secret(settings.folder / "signing.key")}
            gateway, runs = _put_together(settings, store, meters, registry, Signing(self._public_url, self._secrets))
            _log.info("serving on %s from %s", self._url, settings.folder)
            try:
                # uvicorn closes what it is given.
                _run(gateway, self._listener.dup(), store, runs, self.told)
            finally:
                self._outbox_rows = store.outbox_rows

    def put_aside(self, error: StateCorrupt) -> None:
        """Move the damaged cache aside, and save of its outbox what can be read.

        Raises:
            StateCorrupt: it was damaged again and again: the disk needs looking after.
        """
        self._quarantines += 1
        if self._quarantines > QUARANTINES_MAX:
            raise error
        _log.error("%s", error)
        saved = put_aside(self._settings.folder, now_ms())
        # What was saved before is not stored yet where the files that came after them were damaged at once.
        self._saved = [*self._saved, *saved.rows]
        lost = 0 if saved.is_whole else max(0, self._outbox_rows - len(self._saved))
        self._lost += lost
        if not saved.is_whole:
            known = "at least " if not self._outbox_rows else ""
            _log.error(
                "outbox: %d records saved, %s%d lost: exposures that Kafka had not", len(saved.rows), known, lost
            )
        self._outbox_rows = len(self._saved)
        if "local" in self._secrets and not self._settings.signing_keys:
            _keep_secret(self._settings.folder / "signing.key", self._secrets["local"])

    @property
    def _public_url(self) -> str:
        return self._settings.public_url.rstrip("/") or self._url


def _put_together(
    settings: ServeSettings, store: CacheStore, meters: CacheMeters, registry: CollectorRegistry, signing: Signing
) -> tuple[Gateway, Sequence[Runs]]:
    """The gateway, and what runs beside it."""
    # Both threads try again for ever, and a stop waits for the attempt that they are at.
    kafka = replace(settings.kafka, connect_ms=CONNECT_MS)
    releases = Releases(store)
    nodes = Nodes(settings.nodes, settings.node, settings.partition_numbers)
    partitions = nodes.partitions
    items = Items()
    applier = Applier(store, releases, meters, settings.cache_bytes, items)
    follower = Follower(
        *(store, releases, applier, meters, kafka),
        partitions=partitions, clock_ms=now_ms, items=items, acts_for=nodes.primary_partitions,
    )  # fmt: skip
    asker = Asker(store, items, partial(_item_row, follower, items), now_ms)
    item_watch = ItemWatch(items, asker, kafka, may_ask=lambda: follower.is_ready)
    outbox = Outbox(store, kafka, meters, settings.give_way_s)
    purger = Purger(store, meters, may_rest=lambda: follower.is_ready, clock_ms=now_ms)
    watch = Watch(store, settings.folder, clock_ms=now_ms)
    reads = Reads(
        *(store, releases, follower, signing.marks),
        partitions=partitions, clock_ms=now_ms, items=items, not_here=nodes.not_here,
    )  # fmt: skip
    secret = secret_of(settings.installation)
    base = Base(store, releases, follower, reads, nodes, now_ms, signing, secret)
    ledger_meters = LedgerMeters(registry)
    delivery = Delivery(base, settings.times, ledger_meters)
    applier.triggers = Triggers(delivery.ledger, nodes.is_primary)
    applier.told_of_suppressed = delivery.campaigns.told_of_suppressed
    people = people_routes(base, delivery.ledger, delivery.sent, delivery.campaigns.told_of_click, ledger_meters.mail)
    routes = [*_routes(reads), *delivery.routes, *people]
    elsewhere = nodes.elsewhere if settings.nodes else None
    gateway = Gateway(reads, _door(settings, releases), follower, ReadMeters(registry), registry, routes, elsewhere)
    _watch(meters, settings, store, follower, purger)
    renewer = _renewer(settings, store, releases, follower, registry)
    return gateway, (follower, outbox, purger, watch, item_watch, renewer, *delivery.runs)


def _watch(meters: CacheMeters, settings: ServeSettings, store: CacheStore, follower: Follower, purger: Purger) -> None:
    """Gauges that are asked for at each scrape."""
    disk = DiskSizes(settings.folder)
    meters.watch("foresend_ready", lambda: follower.is_ready)
    meters.watch("foresend_cache_behind_seconds", lambda: follower.behind_s)
    meters.watch("foresend_cache_entries", lambda: store.live.entries)
    meters.watch("foresend_cache_live_bytes", lambda: store.live.size)
    meters.watch("foresend_cache_limit_bytes", lambda: settings.cache_bytes)
    meters.watch("foresend_cache_disk_bytes", lambda: disk.used_bytes)
    meters.watch("foresend_cache_disk_free_bytes", lambda: disk.free_bytes)
    meters.watch("foresend_cache_disk_size_bytes", lambda: disk.size_bytes)
    meters.watch("foresend_outbox_pending_records", lambda: store.outbox_rows)
    meters.watch("foresend_erasures_open", lambda: len(purger.open_since_ms))
    meters.watch("foresend_erasure_oldest_seconds", lambda: purger.oldest_s)


def _routes(reads: Reads) -> list[Route]:
    """Every path of the API but draws, looks, health and metrics: the one place where a part adds its own.

    A part has a function that gives `Route`s (`connectors.gateway.routing` tells what they are), and a line here.
    """
    return [
        *feature_routes(reads),
    ]


def _renewer(
    settings: ServeSettings, store: CacheStore, releases: Releases, follower: Follower, registry: CollectorRegistry
) -> Renewer:
    return Renewer(
        store,
        follower,
        RenewalMeters(registry),
        Pace(settings.renew_per_s, settings.renew_active_days * DAY_MS),
        newest=lambda: newest_ids(releases),
        row_of=lambda key, release, at_ms: release_refresh_row(key, release, at_ms, follower.world),
        clock_ms=now_ms,
    )


def _item_row(follower: Follower, items: Items, key: bytes, offset: int, at_ms: int) -> OutboxRow:
    """Asks for another look, with all that is known of items: what the follower tells may be a moment older."""
    return catalogue_refresh_row(key, offset, at_ms, follower.world.join(WorldRef(catalogue=items.end)))


def _run(
    gateway: Gateway, listener: socket.socket, store: CacheStore, runs: Sequence[Runs], told: threading.Event
) -> None:
    """Run the server in this thread and the rest in threads of their own; the first that ends, ends all."""
    config = server_config(gateway, timeout_graceful_shutdown=GRACE_S)
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    def obey(*_: object) -> None:
        told.set()
        server.should_exit = True

    # uvicorn has handlers of its own while it runs, and afterwards raises what it got once more.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, obey)
    stopping = threading.Event()
    # Each has a thread for good: one that waited for another's would never run.
    with ThreadPoolExecutor(len(runs) + 1, thread_name_prefix="serve") as threads:
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
    _raise_first(workers)


def _raise_first(workers: Sequence[Future[None]]) -> None:
    """Raise why a worker ended, damage of the cache before all else: what fails next to it may have its cause there."""
    errors = [error for error in (worker.exception() for worker in workers) if error is not None]
    for error in sorted(errors, key=lambda error: not isinstance(error, StateCorrupt)):
        raise error


def _sweep(store: CacheStore, stopping: threading.Event) -> None:
    while not stopping.wait(SWEEP_EVERY_S):
        while store.sweep_sends(now_ms()) == SWEEP_ROWS:
            pass
        # Before the graves, by which it is told that the job has answered.
        Rights(store).sweep(now_ms())
        store.sweep_graves(now_ms())


def _door(settings: ServeSettings, releases: Releases) -> Door:
    if settings.keys:
        return Keyring(settings.key_grants, settings.rate_per_s)
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
    _keep_secret(file, secrets.token_bytes(32))
    return file.read_bytes()


def _keep_secret(file: Path, secret: bytes) -> None:
    """Keep a key, unless one is kept already."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(secret)
    fresh.replace(file)
