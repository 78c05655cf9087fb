"""A server tells a new price while all runs: shown within seconds where the item is, and nobody else is rendered."""

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import end_offsets, ensure_topics
from flink_jobs.catalogues import Catalogues
from foresend.cli import main
from foresend.jobs import job_order
from foresend.local.broker import Broker
from foresend.local.mini_cluster import MiniCluster
from foresend.local.ports import free_port
from schemas.catalogue import ItemId, items_of_slate
from schemas.codec import decode
from schemas.decisions import Communication, Decision
from schemas.ids import WorkspaceId
from schemas.topics import CATALOGUE, EVENTS
from templates.compiler import compile_release
from templates.workspace import load
from tests.support.catalogues import PICKS, workspace_of_films
from tests.support.collector_process import CollectorProcess
from tests.support.logs import written_communications
from tests.support.serving import ServeProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
SHOWN_S = 10.0
"""The freshness bound of a live system is a second, and here it takes 0.2 s; a loaded machine gets more."""
WAIT_S = 90.0


class Programs:
    """Collector, job and serve on one broker."""

    def __init__(self, kafka: KafkaSettings, collector: CollectorProcess, serving: ServeProcess) -> None:
        self.kafka, self.collector, self.serving = kafka, collector, serving

    def tell(self, user: str, name: str, **properties: Any) -> None:
        body = {"userId": user, "event": name, "properties": properties}
        assert self.collector.post("/v1/track", json.dumps(body).encode()).status == 202

    def item(self, number: int, price: str, genre: str) -> None:
        url = f"https://www.lantern-reel.example/f{number}"
        words = {"title": f"Film {number}", "price": price, "url": url, "genres": [genre]}
        self.tell("shop", "Product Updated", product_id=f"f{number}", **words)

    def decisions(self, user: str) -> list[Decision]:
        found = written_communications(self.kafka).get(f"sample|newsletter|{user}".encode(), [])
        entries = [decode(Communication, value) for value in found if value]
        return [entry.decision for entry in entries if entry.decision is not None]

    def has_message(self, user: str) -> bool:
        return bool(self.decisions(user))

    def page(self, user: str, candidate: int) -> str:
        path = f"/v1/communications/newsletter/{user}?format=json&candidate={candidate}"
        status, body = self.serving.request("GET", path)
        return str(json.loads(body)["html"]) if status == 200 else ""


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Broker(tmp_path / "broker") as broker:
        kafka = KafkaSettings(broker.bootstrap)
        ensure_topics(kafka)
        publish_release(kafka, compile_release(load(workspace_of_films(tmp_path))))
        collector = CollectorProcess(
            tmp_path / "collect.log", free_port(), broker.bootstrap, "--workspace-id", "sample"
        )
        serving = ServeProcess(tmp_path / "node", free_port(), broker.bootstrap, "sample")
        with MiniCluster(tmp_path / "job", {"execution.checkpointing.interval": "1 s"}) as flink:
            try:
                collector.start()
                serving.start()
                flink.run(job_order(kafka, EVENTS.name, tmp_path / "job"))
                collector.wait_ready()
                serving.wait_ready()
                yield Programs(kafka, collector, serving)
            finally:
                serving.kill()
                collector.kill()


def held(decision: Decision) -> set[ItemId]:
    picks = next(slot for slot in decision.slots if slot.slot == PICKS)
    return {item for slate in picks.variants for item in items_of_slate(slate)}


def test_a_changed_price_is_shown_where_the_item_is_and_renders_nobody_else(programs: Programs) -> None:
    # given comedies and many horrors, and somebody for each
    for number in range(2):
        programs.item(number, "£12", "comedy")
    for number in range(10, 40):
        programs.item(number, "£12", "horror")
    # The collector stamps what it has read of the catalogue.
    time_to_know = time.monotonic() + WAIT_S
    for user, genre in (("ana", "comedy"), ("ben", "horror")):
        programs.tell(user, "Content Rated", genres=[genre], rating=5)
        wait_until(partial(programs.has_message, user), WAIT_S, f"a message for {user}")
    while "f1" not in held(programs.decisions("ana")[-1]) and time.monotonic() < time_to_know:
        programs.tell("ana", "Content Rated", genres=["comedy"], rating=5)
        wait_until(lambda: bool(held(programs.decisions("ana")[-1])), 5, "another message")
    ana, ben = programs.decisions("ana"), programs.decisions("ben")
    assert ItemId("f1") in held(ana[-1])
    assert ItemId("f1") not in held(ben[-1])
    candidates = range(len(ana[-1].candidates))
    # when the price is changed
    programs.item(1, "£99", "comedy")

    def is_shown() -> bool:
        return any("£99" in programs.page("ana", candidate) for candidate in candidates)

    wait_until(is_shown, SHOWN_S, "the new price")
    assert programs.decisions("ana")[len(ana)].cause == "catalogue"
    # when it is removed
    programs.tell("shop", "Product Removed", product_id="f1")
    wait_until(lambda: "f1" not in held(programs.decisions("ana")[-1]), SHOWN_S, "a message without it")
    assert not any("Film 1<" in programs.page("ana", candidate) for candidate in candidates)
    assert programs.decisions("ben") == ben


def test_a_file_of_items_is_loaded(own_broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kafka = KafkaSettings(own_broker.bootstrap)
    ensure_topics(kafka)
    publish_release(kafka, compile_release(load(workspace_of_films(tmp_path))))
    file = tmp_path / "films.jsonl"
    url = "https://www.lantern-reel.example"
    rows = [{"product_id": f"f{n}", "title": f"Film {n}", "price": "£1", "url": f"{url}/f{n}"} for n in range(2_000)]
    file.write_text("\n".join([*map(json.dumps, rows), "{}"]), encoding="utf-8")
    # when it is imported, one line being no item
    assert (
        main(["catalogue", "import", str(file), "--catalogue", "films", "--json", "--bootstrap", kafka.bootstrap]) == 1
    )
    figures = json.loads(capsys.readouterr().out)
    assert (figures["items"], figures["refused"]) == (2_000, 1)
    # then all others stand in the topic
    catalogues = Catalogues.of(kafka)
    assert len(catalogues.view(WorkspaceId("sample"), end_offsets(kafka, CATALOGUE)[0]).items("films")) == 2_000
    catalogues.close()
