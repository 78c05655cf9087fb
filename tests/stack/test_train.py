"""`foresend train --every` on a real broker: two cycles, the second from the first one's champion."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from connectors.kafka.clients import make_producer
from connectors.kafka.model_records import model_records
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import ensure_topics
from foresend.local.broker import Broker
from online_models.published import check_usable
from schemas.codec import encode
from schemas.examples import Example, RewardKind
from schemas.ids import SendId, SlotName, Tag, TemplateName, UserId, VariantId, WorkspaceId
from schemas.keys import join_key
from schemas.models import ModelPart, Standing
from schemas.topics import EXAMPLES
from templates.workspace import SAMPLE, load
from tests.support.people import shown_to

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
FORESEND = ROOT / ".venv" / "bin" / "foresend"
pytest.importorskip("pyflink", reason="this test runs in the environment of the job")


def produce_examples(kafka: KafkaSettings, workspace: WorkspaceId) -> None:
    producer = make_producer(kafka)
    for number, one in enumerate(shown_to(people=60, each=25)):
        user, send = UserId(one.user), SendId(str(number))
        name = "jazz" if one.ended.tags == shown_to(1, 1)[0].ended.tags else "folk"
        made = Example(
            workspace=workspace, user=user, send_id=send, template=TemplateName("t"), at_ms=one.at_ms,
            ended_ms=one.ended.at_ms, slots=(SlotName("headline"),), variants=(VariantId(name),), affinities=(0.0,),
            vector=b"", propensity=0.5, kind=RewardKind.CLICK if one.label else RewardKind.NONE, reward=one.label,
            tags=((Tag(name),),),
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
        first, second = (json.loads(running.stdout.readline()) for _ in range(2))
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=120)
    # then what was published is what was told, and the second goes on from the first
    assert (first["number"], second["number"]) == (1, 2)
    assert first["passed"], first["reason"]
    parts = [one.value for one in model_records(kafka, workspace, check_usable) if isinstance(one.value, ModelPart)]
    assert parts[0].standing is Standing.CHALLENGER
    assert first["checksum"] in {part.checksum.hex() for part in parts if part.standing is Standing.CHAMPION}
    by_number = {part.number: part for part in parts}
    assert by_number[2].settings["lineage"] == by_number[1].settings["lineage"]
    card = Path(first["card"])
    assert (card / "calibration.png").read_bytes().startswith(b"\x89PNG")
    assert "## Limits" in (card / "card.md").read_text()
    assert json.loads((card / "card.json").read_text())["rewards"] == 1500
    assert not (tmp_path / workspace / "run.json").exists()
