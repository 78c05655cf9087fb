"""The page's server, in a thread and an event loop of its own, so that nobody's click waits for the traffic."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

import uvicorn

from connectors.http.client import HttpClient
from foresend.demo.inbox.desk import Desk
from foresend.demo.inbox.erasures import Erasures
from foresend.demo.inbox.kills import Kills
from foresend.demo.inbox.mailbox import Mailbox
from foresend.demo.playground.inbox_page import InboxPage
from foresend.demo.playground.named import NamedPerson
from foresend.demo.playground.page import Page
from foresend.demo.playground.playing import Playing
from foresend.demo.programs import DemoPrograms, preferred_port
from foresend.http_server import server_config
from foresend.local.ports import LOOPBACK
from schemas.library import Release

PAGE_PORT = 8070
STOP_S = 3.0


@contextmanager
def serving_page(
    release: Release, people: Sequence[NamedPerson], day_s: float, programs: DemoPrograms, mailbox: Mailbox
) -> Iterator[str]:
    """The page's address, for the length of a `with` block."""
    with socket.create_server((LOOPBACK, preferred_port(PAGE_PORT))) as listener:
        collector = HttpClient(LOOPBACK, programs.collect_port)
        gateway = HttpClient(LOOPBACK, programs.serve_port)
        erasures = Erasures(programs.run_command, release.workspace, programs.gateway)
        desk = Desk(release, mailbox, collector, gateway, programs.gateway)
        kills = Kills(programs.kill_task_manager if programs.has_task_manager else None, gateway)
        inbox = InboxPage(release, people, desk, erasures, kills)
        page = Page(Playing(release, people, collector, gateway), release, day_s, inbox)
        config = server_config(page, loop="asyncio", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        # Its own thread never gets a signal, so it leaves those of the demo alone.
        thread = Thread(target=server.run, args=([listener],), name="page", daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(STOP_S)
            erasures.close()
