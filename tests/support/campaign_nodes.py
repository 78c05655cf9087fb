"""Nodes with campaigns behind sockets of their own, in this process: what `foresend campaign` asks."""

import asyncio
import shutil
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from prometheus_client import CollectorRegistry

from connectors.gateway.app import Gateway
from connectors.gateway.meters import ReadMeters
from foresend.http_server import server_config
from tests.support.campaigning import CampaignsInProcess
from tests.support.messages import NEWS, WORKSPACE
from tests.support.workspaces import sample_with


@contextmanager
def served(nodes: Sequence[CampaignsInProcess]) -> Iterator[list[str]]:
    """Each node on a port of its own; tells their addresses."""
    servers, threads, urls = [], [], []
    for node in nodes:
        registry = CollectorRegistry()
        gateway = Gateway(
            node.node.reads, node.node.door, node.node.progress, ReadMeters(registry), registry, node.desk.routes()
        )
        server = uvicorn.Server(server_config(gateway))
        listener = socket.create_server(("127.0.0.1", 0))
        urls.append(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
        thread.start()
        servers.append(server)
        threads.append(thread)
    try:
        yield urls
    finally:
        for server in servers:
            server.should_exit = True
        for thread in threads:
            thread.join()


def shop_workspace(folder: Path, **settings: object) -> Path:
    """A workspace's folder as the nodes' release has it, as far as campaigns go, with a campaign `sale`."""
    found = sample_with(folder, ("foresend.yaml", "workspace: sample ", f"workspace: {WORKSPACE} "))
    shutil.move(found / "templates/newsletter", found / "templates" / NEWS)
    (found / "campaigns/friday-reel.yaml").unlink()
    text = f"template: {NEWS}\ncontrol: 0\n" + "".join(f"{name}: {value}\n" for name, value in settings.items())
    (found / "campaigns/sale.yaml").write_text(text, "utf-8")
    return found


def nobody_listens() -> str:
    """An address where nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
