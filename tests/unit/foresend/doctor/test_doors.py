"""Ports that are free, taken, or taken by the program itself."""

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from foresend.doctor.doors import holder, port_finding

HERE = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which this process listens, and says nothing of use."""
    with socket.create_server((HERE, 0)) as door:
        stop = threading.Thread(target=_hang_up, args=(door,), daemon=True)
        stop.start()
        yield door.getsockname()[1]
        socket.create_connection(door.getsockname()).close()
        stop.join(10)


def _hang_up(door: socket.socket) -> None:
    while True:
        connection, _ = door.accept()
        with connection:
            if not connection.recv(1):
                return


class Metrics(BaseHTTPRequestHandler):
    """A program with metrics. `page`: of them."""

    page = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(params=[b"foresend_reads_total 1\n", b"nginx_up 1\n"], ids=["ours", "another's"])
def answering(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    handler = type("Page", (Metrics,), {"page": request.param})
    with HTTPServer((HERE, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.server_port, request.param.startswith(b"foresend")
        server.shutdown()
        thread.join(10)


def test_a_free_port() -> None:
    with socket.create_server((HERE, 0)) as door:
        port = door.getsockname()[1]

    assert port_finding("collect", HERE, port, "FORESEND_COLLECT_PORT").ok


def test_any_port_will_do() -> None:
    assert port_finding("collect", HERE, 0, "FORESEND_COLLECT_PORT").ok


def test_a_port_that_is_taken_is_told_with_who_has_it(taken: int) -> None:
    finding = port_finding("collect", HERE, taken, "FORESEND_COLLECT_PORT")

    assert not finding.ok
    assert finding.check == "port.collect"
    assert f"{HERE}:{taken} is taken by process {os.getpid()} (" in finding.found
    assert "FORESEND_COLLECT_PORT" in finding.mend


def test_who_has_a_port_may_be_hidden(taken: int, tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text("header\n")

    assert holder(taken, tmp_path) == ""


def test_our_own_program_may_have_its_port_and_no_other_may(answering: tuple[int, bool]) -> None:
    port, is_ours = answering

    assert port_finding("serve", HERE, port, "FORESEND_SERVE_PORT").ok is is_ours


def test_a_broker_that_is_known_to_answer(taken: int) -> None:
    assert port_finding("local", HERE, taken, "--port", is_ours=True).ok


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_of_another_machine(host: str) -> None:
    finding = port_finding("serve", host, 8090, "FORESEND_SERVE_PORT")

    assert not finding.ok
    assert "mend the host" in finding.mend
