"""`foresend train --every` on a real broker: two cycles of both parts, the second from the first one's champions."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from connectors.kafka.clients import make_producer
from connectors.kafka.model_records import model_records
from connectors.kafka.publishing import publish_release
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.local.broker import Broker
from online_models.published import check_usable
from schemas.codec import encode
from schemas.examples import Example, RewardKind
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.keys import join_key
from schemas.models import ModelPart, PartKind, Standing
from schemas.topics import EXAMPLES
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load
from tests.support.people import shown_to

pytestmark = pytest.mark.stack

SLOTS = 5
"""Of the template that is shown."""
ROOT = Path(__file__).parents[2]
FORESEND = ROOT / ".venv" / "bin" / "foresend"
pytest.importorskip("pyflink", reason="this test runs in the environment of the job")


def produce_examples(kafka: KafkaSettings, workspace: WorkspaceId) -> None:
    """One of two variants of a slot of the sample, drawn evenly: people with tastes take to one of them."""
    producer = make_producer(kafka)
    release = compile_release(load(SAMPLE))
    template = next(one for one in release.templates if len(one.slots[0].variants) > 1)
    (jazz, folk), others = template.slots[0].variants[:2], [slot.variants[0] for slot in template.slots[1:]]
    publish_release(kafka, release)
    for number, one in enumerate(shown_to(people=60, each=25)):
        user, send = UserId(one.user.partition("|")[2]), SendId(str(number))
        shown = [jazz if one.ended.tags == shown_to(1, 1)[0].ended.tags else folk, *others]
        made = Example(
            workspace=workspace, user=user, send_id=send, template=template.name, at_ms=one.at_ms,
            ended_ms=one.ended.at_ms, slots=tuple(slot.name for slot in template.slots),
            variants=tuple(variant.id for variant in shown), affinities=(0.0,) * len(shown),
            vector=b"", propensity=0.5, kind=RewardKind.CLICK if one.label else RewardKind.NONE, reward=one.label,
            tags=tuple(variant.tags for variant in shown),
        )  # fmt: skip
        producer.send(EXAMPLES.name, key=join_key(workspace, user, send), value=encode(made))
    producer.flush()
    producer.close()


@pytest.mark.skipif(not (ROOT / ".venv-train" / "bin" / "foresend").exists(), reason="needs `make setup`")
def test_two_cycles_publish_two_parts(own_broker: Broker, tmp_path: Path) -> None:
    # given examples of people with tastes
    kafka, workspace = KafkaSettings(bootstrap=own_broker.bootstrap), load(SAMPLE).id
    ensure_topics(kafka)
    produce_examples(kafka, workspace)
    # when training goes round twice
    command = [FORESEND, "train", "--every", "1s", "--seed", "5", "--json", "--bootstrap", own_broker.bootstrap]
    with subprocess.Popen(
        [*map(str, command), "--workspace", str(SAMPLE), "--output", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        lines = [json.loads(running.stdout.readline()) for _ in range(4)]
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=120)
    # then both parts were trained in each cycle, and what was published is what was told
    assert [(line["kind"], line["number"]) for line in lines] == [
        ("collaborative", 1), ("sequence", 1), ("collaborative", 2), ("sequence", 2),
    ]  # fmt: skip
    first, second = (next(one for one in lines if (one["kind"], one["number"]) == ("sequence", n)) for n in (1, 2))
    assert first["passed"], first["reason"]
    records = model_records(kafka, workspace, check_usable)
    parts = [one.value for one in records if isinstance(one.value, ModelPart)]
    assert not any(one.refused for one in records)
    assert parts[0].standing is Standing.CHALLENGER
    assert first["checksum"] in {part.checksum.hex() for part in parts if part.standing is Standing.CHAMPION}
    by_number = {part.number: part for part in parts if part.kind is PartKind.SEQUENCE}
    assert by_number[2].settings["lineage"] == by_number[1].settings["lineage"]
    assert second["passed"] or second["reason"]
    # and each has a card, with what both judges said
    for line in lines:
        card = Path(line["card"])
        assert (card / "calibration.png").read_bytes().startswith(b"\x89PNG")
        assert "## Limits" in (card / "card.md").read_text()
        told = json.loads((card / "card.json").read_text())
        assert told["off_policy_rows"] > 100, told["off_policy_silent"]
        assert told["rewards"] == 1500 * SLOTS
        assert told["off_policy_lo"] <= told["off_policy_difference"] <= told["off_policy_hi"]
    assert not list((tmp_path / workspace).glob("run-*.json"))
    assert not list((tmp_path / workspace).rglob("*.npz"))
