"""The how-tos, word for word, against stand-ins for the other side."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from liquid import Environment

from connectors.kafka.clients import make_producer
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.local.broker import Broker
from foresend.local.ports import LOOPBACK, free_port
from schemas.ids import TemplateName, WorkspaceId
from schemas.topics import COMMUNICATIONS
from tests.support import braze
from tests.support.documents import ROOT
from tests.support.messages import communication, record_of, release
from tests.support.serving import ServeProcess

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
SHOP = WorkspaceId("how-tos")
NEWSLETTER = TemplateName("newsletter")
ANA, UNKNOWN = "ana/1", "who"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of these tests' own: their person is nobody of the others'."""
    with Broker(tmp_path_factory.mktemp("how-tos-broker")) as running:
        yield running


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[ServeProcess]:
    """A node with one message that is somebody's own."""
    kafka = KafkaSettings(broker.bootstrap)
    ensure_topics(kafka)
    publish_release(kafka, release(1, templates=(NEWSLETTER,), workspace=SHOP))
    producer = make_producer(kafka)
    key, value = record_of(communication(ANA, 1, template=NEWSLETTER, workspace=SHOP))
    producer.send(COMMUNICATIONS.name, key=key, value=value)
    producer.close()
    node = ServeProcess(tmp_path_factory.mktemp("how-tos"), free_port(), broker.bootstrap, SHOP)
    node.start()
    node.wait_ready()
    yield node
    node.kill()


def blocks(name: str, kind: str) -> list[str]:
    text = (ROOT / f"docs/how-to/{name}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_braze_shows_the_parts_of_one_draw_in_each_field(serve: ServeProcess) -> None:
    subject, html = blocks("braze", "liquid")
    at = f"{LOOPBACK}:{serve.port}"

    parts = [braze.rendered(field, at, {"user_id": ANA}, "d1") for field in (subject, html, subject)]

    status, answer = serve.request("POST", "/v1/communications/newsletter/ana%2F1", {"send_id": f"d1-{ANA}"})
    drawn = json.loads(answer)
    assert (status, drawn["source"]) == (200, "entry")
    assert parts == [drawn["subject"], drawn["html"].strip(), drawn["subject"]]


def test_braze_shows_the_templates_own_fallback_to_somebody_unknown(serve: ServeProcess) -> None:
    subject, _ = blocks("braze", "liquid")

    assert "fallback newsletter" in braze.rendered(subject, f"{LOOPBACK}:{serve.port}", {"user_id": UNKNOWN}, "d2")


def test_braze_shows_its_own_fallback_when_no_answer_comes_in_time() -> None:
    subject, html = blocks("braze", "liquid")
    with closing(socket.create_server((LOOPBACK, 0))) as silent:
        at = f"{LOOPBACK}:{silent.getsockname()[1]}"

        assert braze.rendered(subject, at, {"user_id": ANA}, "d3") == "What is new at Lantern & Reel"
        assert braze.rendered(html, at, {"user_id": ANA}, "d3").startswith("<p>See what is new")


def rendered(node: Any, known: Any) -> Any:
    """What Dittofeed makes of a webhook's template: every text in it is Liquid."""
    if isinstance(node, dict):
        return {name: rendered(value, known) for name, value in node.items()}
    return Environment().from_string(node).render(**known) if isinstance(node, str) else node


def test_dittofeeds_webhook_asks_for_one_message_however_often_it_comes(serve: ServeProcess) -> None:
    (block,) = blocks("dittofeed", "json")
    known = {"user": {"id": ANA}, "secrets": {"GATEWAY_KEY": "key-of-a-webhook"}}

    told = rendered(json.loads(block), known)

    config, secret = told["config"], told["secret"]
    assert secret["headers"]["Authorization"] == "Bearer key-of-a-webhook"
    assert config["url"].startswith("https://gateway.example/")
    path = urlsplit(config["url"]).path
    answers = [serve.request(config["method"], path, config["data"]) for _ in range(2)]
    assert [status for status, _ in answers] == [202, 202]
    status, sends = serve.request("GET", "/v1/users/ana%2F1/sends")
    assert status == 200
    assert [send["send_id"] for send in json.loads(sends)["sends"]] == [f"{ANA}-autumn-journey"]


class Listmonk(BaseHTTPRequestHandler):
    """Takes what listmonk's `POST /api/tx` takes, and refuses what it refuses."""

    sent: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_known = self.path == "/api/tx" and self.headers["Authorization"] == "token api_user:secret"
        is_whole = isinstance(body.get("template_id"), int) and bool(body.get("subscriber_email"))
        is_shaped = body.get("content_type") in {"html", "plain", "markdown"} and all(
            isinstance(header, dict) for header in body.get("headers", [])
        )
        status = 200 if is_known and is_whole and is_shaped else 400
        if status == 200:
            self.sent.append(body)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b'{"data": true}')

    def log_message(self, *_: object) -> None:
        """Nothing is told."""


@pytest.fixture
def listmonk() -> Iterator[str]:
    """Its address."""
    Listmonk.sent.clear()
    server = HTTPServer((LOOPBACK, 0), Listmonk)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{LOOPBACK}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_listmonk_is_handed_the_drawn_message_and_the_same_one_again(
    serve: ServeProcess, listmonk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = {"GATEWAY": f"http://{LOOPBACK}:{serve.port}", "GATEWAY_KEY": "none", "LISTMONK": listmonk}
    for name, value in {**told, "LISTMONK_TOKEN": "api_user:secret", "LISTMONK_TEMPLATE": "5"}.items():
        monkeypatch.setenv(name, value)
    (code,) = blocks("listmonk", "python")
    shown: dict[str, Any] = {}
    exec(compile(code, "docs/how-to/listmonk.md", "exec"), shown)  # noqa: S102 - the how-to's own code

    for _ in range(2):
        shown["send"](ANA, "ana@example.org", "autumn-1")

    status, answer = serve.request("POST", "/v1/communications/newsletter/ana%2F1", {"send_id": "autumn-1"})
    assert status == 200
    first, second = Listmonk.sent
    assert first == second
    assert first["data"]["html"] == json.loads(answer)["html"]
    assert (first["subscriber_email"], first["subject"]) == ("ana@example.org", json.loads(answer)["subject"])
