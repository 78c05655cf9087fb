"""What a serving process keeps while its cache turns out to be damaged, again and again."""

import socket
from contextlib import closing
from pathlib import Path

from connectors.cache.places import database_path
from connectors.cache.rows import OutboxRow
from connectors.cache.store import CacheStore
from connectors.kafka.settings import KafkaSettings
from foresend.serving import _Node
from foresend.settings.serve import ServeSettings
from schemas.errors import StateCorrupt


def test_what_was_saved_of_an_outbox_outlives_a_second_damage_before_it_was_stored(tmp_path: Path) -> None:
    row = OutboxRow("events", 3, b"key", b"value")
    with closing(CacheStore(tmp_path)) as store:
        store.commit(store.batch(), [row])
    with closing(socket.socket()) as listener:
        node = _Node(ServeSettings(KafkaSettings("localhost:9092"), folder=tmp_path), listener, "http://127.0.0.1:1")
        node.put_aside(StateCorrupt("damaged"))
        database_path(tmp_path).mkdir()
        node.put_aside(StateCorrupt("damaged before it was opened"))
        assert node._saved == [row]
