"""A node, a worker and a receiving server, as processes that may be killed and are started again."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from foresend import processes
from foresend.bench.mail_people import SENDER
from foresend.bench.mail_sink import Kill, SinkPlan
from foresend.bench.programs import LOOK_S, READY_S, NotInTime, ask
from foresend.local import ports

DOMAIN = SENDER.email.rpartition("@")[2]
SELECTOR = "bench"
NODE, WORKER, SINK = "node", "worker", "sink"
LEASE_S, UNHEARD_S, RETRY_S = 2.0, 4.0, 0.5
"""Where somebody is killed: what nobody told of is settled soon."""


class Site:
    """All of it on loopback, in one folder, for the length of a `with` block.

    kills  whom the receiving server is to kill, and when
    """

    def __init__(self, folder: Path, cache: Path, bootstrap: str, kills: Sequence[Kill], connections: int) -> None:
        self._folder = folder
        self._kills = kills
        self._connections = connections
        self.port = ports.free_port()
        self._sink_port = ports.free_port()
        self.mails = folder / "mails"
        self.restarts = 0
        self._children: dict[str, processes.Child] = {}
        own = {name: value for name, value in os.environ.items() if not name.startswith("FORESEND_")}
        words = ["foresend.cli", "serve", "--port", str(self.port), "--folder", str(cache), "--bootstrap", bootstrap]
        # A node by itself waits minutes for a worker that may be at it.
        quick = {"LEASE_S": LEASE_S, "UNHEARD_S": UNHEARD_S, "RETRY_S": RETRY_S} if kills else {}
        self._words: dict[str, tuple[list[str], Mapping[str, str]]] = {
            SINK: (["foresend.bench.mail_sink", str(folder / "sink.json")], own),
            NODE: (words, own | {f"FORESEND_SERVE_{name}": str(value) for name, value in quick.items()}),
            WORKER: (
                ["foresend.cli", "deliver", "--gateway", f"http://{ports.LOOPBACK}:{self.port}", "--port", "0"],
                own | self._worker_settings(),
            ),
        }
        self.public_key = b""

    def __enter__(self) -> Self:
        pids = self._folder / "pids"
        pids.mkdir()
        self._make_key()
        self.mails.touch()
        plan = SinkPlan(self._sink_port, str(self.mails), str(pids), list(self._kills))
        (self._folder / "sink.json").write_bytes(msgspec.json.encode(plan))
        for name in (SINK, NODE):
            self._start(name)
        processes.wait_ready(self._children[SINK], SINK, lambda: ports.is_open(self._sink_port), READY_S)
        processes.wait_ready(self._children[NODE], NODE, self.is_ready, READY_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with processes.uninterrupted():
            for name in (WORKER, NODE, SINK):
                if name in self._children:
                    self._children[name].end()

    def is_ready(self) -> bool:
        """Whether the node answers."""
        return ask(self.port, "/readyz")[0] == 200

    def begin(self) -> None:
        """Start the worker, if it was not started yet: from here on mails are sent."""
        if WORKER not in self._children:
            self._start(WORKER)

    def keep_up(self) -> None:
        """Start again who was killed."""
        for name, child in tuple(self._children.items()):
            if not child.is_running:
                self.restarts += 1
                self._start(name)

    def wait_for(self, is_so: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Keep everybody up until it is so.

        Raises:
            NotInTime: it is not, for so long.
        """
        deadline = monotonic() + timeout_s
        while not is_so():
            self.keep_up()
            if monotonic() > deadline:
                raise NotInTime(f"expected {what} within {timeout_s:g} s, waited in vain; {self._said()}")
            sleep(LOOK_S)

    def _start(self, name: str) -> None:
        words, environment = self._words[name]
        program = processes.Program(
            [sys.executable, "-m", *words], log=self._folder / f"{name}.log", environment=environment
        )
        self._children[name] = processes.start(program)
        fresh = self._folder / "pids" / f".{name}"
        fresh.write_text(str(self._children[name].pid), "ascii")
        fresh.replace(self._folder / "pids" / name)

    def _said(self) -> str:
        return "; ".join(f"{name}: {processes.last_lines(one.said())}" for name, one in self._children.items())

    def _make_key(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self._folder / "dkim.pem").write_bytes(pem)
        self.public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def _worker_settings(self) -> dict[str, str]:
        return {
            "FORESEND_DELIVER_LIVE": "true",
            "FORESEND_DELIVER_FOLDER": str(self._folder / "files"),
            "FORESEND_DELIVER_RETURN_ADDRESS": f"bounces@in.{DOMAIN}",
            "FORESEND_DELIVER_UNSUBSCRIBE_ADDRESS": f"unsubscribe@in.{DOMAIN}",
            "FORESEND_DELIVER_DKIM": f"{DOMAIN}:{SELECTOR}:{self._folder / 'dkim.pem'}",
            "FORESEND_SMTP_HOST": ports.LOOPBACK,
            "FORESEND_SMTP_PORT": str(self._sink_port),
            "FORESEND_SMTP_TLS": "none",
            "FORESEND_SMTP_CONNECTIONS": str(self._connections),
        }
