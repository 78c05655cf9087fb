"""The deliver worker as a process: nodes, channels, and a small door for health and metrics, from start to stop."""

import asyncio
import binascii
import contextlib
import logging
import signal
import socket
import time
from base64 import b64decode
from collections.abc import Mapping

import uvicorn
import uvloop

from connectors.delivery.channels.files import FileChannel
from connectors.delivery.channels.interface import Channel
from connectors.delivery.channels.outbound import Outbound
from connectors.delivery.channels.sendgrid import SendGridChannel
from connectors.delivery.channels.smtp import SmtpChannel
from connectors.delivery.channels.webhook import Endpoint, WebhookChannel
from connectors.delivery.mime import Stationery
from connectors.delivery.node_client import NodeClient
from connectors.delivery.worker import Pace, Worker
from connectors.delivery.worker_meters import WorkerMeters
from foresend.http_server import MetricsDoor, server_config
from foresend.settings.deliver import DeliverSettings, EndpointSettings
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId

GRACE_S = 2
SECRET_START = "whsec_"  # noqa: S105  how Standard Webhooks begins a secret, not one
_log = logging.getLogger(__name__)


def deliver(settings: DeliverSettings) -> None:
    """Deliver until SIGTERM or SIGINT; then finish what is under way, in a bounded time, and tell it.

    Raises:
        ConfigError: the port is taken, or a key cannot be read.
    """
    # uvicorn raises the signal once more when it is done; by then it has been obeyed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _obeyed)
    meters = WorkerMeters()
    channels = channels_of(settings, meters)
    with _listening(settings.host, settings.port) as listener:
        _log.info(
            "delivering by %s from %s; metrics on http://%s:%d",
            *(", ".join(channels), ", ".join(settings.gateways), settings.host, listener.getsockname()[1]),
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, channels, meters, listener))


def channels_of(settings: DeliverSettings, meters: WorkerMeters) -> dict[str, Channel]:
    """Every channel that there are settings of; only `file` where real people may not be written to.

    Raises:
        ConfigError: a key cannot be read.
    """
    stationery = settings.stationery()
    found: dict[str, Channel] = {"file": FileChannel(settings.folder, stationery)}
    others: dict[str, Channel] = {}
    if settings.smtp.host:
        others["smtp"] = SmtpChannel(settings.smtp.relay(), stationery, meters.unsigned)
    if settings.sendgrid.key:
        allowed = frozenset(settings.endpoints.allowed)
        outbound = Outbound(allowed)
        sendgrid = settings.sendgrid
        others["api"] = SendGridChannel(
            sendgrid.key, outbound, stationery, url=sendgrid.url, connections=sendgrid.connections
        )
    if settings.endpoints.urls:
        others["webhook"] = _webhooks(settings.endpoints, stationery)
    if others and not settings.live:
        _log.warning("only files are written: deliver.live is off, so %s wait", ", ".join(others))
        return found
    return found | others


def _webhooks(endpoints: EndpointSettings, stationery: Stationery) -> WebhookChannel:
    return WebhookChannel(
        {
            WorkspaceId(workspace): Endpoint(url, secret_of(endpoints.secrets[workspace]))
            for workspace, url in endpoints.urls.items()
        },
        Outbound(frozenset(endpoints.allowed)),
        stationery,
        _now_ms,
        endpoints.connections,
    )


def secret_of(text: str) -> bytes:
    """A secret as it goes into an HMAC: base64 after `whsec_`, as Standard Webhooks writes it, or the text itself.

    Raises:
        ConfigError: what follows is no base64.
    """
    if not text.startswith(SECRET_START):
        return text.encode()
    try:
        return b64decode(text.removeprefix(SECRET_START), validate=True)
    except binascii.Error:
        raise ConfigError("endpoints.secrets: expected base64 after whsec_") from None


def clients_of(settings: DeliverSettings) -> list[NodeClient]:
    """One for each node and key."""
    return [NodeClient(url, key) for url in settings.gateways for key in settings.keys or ("",)]


async def _run(
    settings: DeliverSettings, channels: Mapping[str, Channel], meters: WorkerMeters, listener: socket.socket
) -> None:
    clients = clients_of(settings)
    worker = Worker(clients, channels, meters, clock_ms=_now_ms, pace=Pace(stop_s=settings.stop_s))
    door = MetricsDoor(meters.page, meters.is_ready)
    server = uvicorn.Server(server_config(door, loop="none", timeout_graceful_shutdown=GRACE_S))
    stopping = asyncio.Event()
    working = asyncio.create_task(worker.run(stopping))
    # A worker that ended by an error must not look alive.
    working.add_done_callback(lambda _: setattr(server, "should_exit", True))
    try:
        await server.serve(sockets=[listener])
    finally:
        stopping.set()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        for client in clients:
            client.close()


def _obeyed(_number: int, _frame: object) -> None:
    """Nothing is left to do."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"deliver.port: cannot listen on {host} port {port}: {error.strerror}; choose another by --port"
        ) from error
