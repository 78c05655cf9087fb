"""The sequence part is trained in Keras: the same bits again, in another process too, and what use computes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from online_models.sequence.state import opened, step
from online_models.sequence.term import Outputs, SequenceTerm
from online_models.sequence.weights import SequenceWeights
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation, SlotTable
from schemas.ids import SlotName, Tag, TemplateName, VariantId, WorkspaceId
from schemas.library import Variant
from schemas.models import ModelPart, Standing, checksum_of
from tests.support.people import BEGIN_MS, DAY_MS, shown_to
from training.checkpoints import Checkpoint, Checkpoints
from training.gate import judge
from training.histories import histories_of
from training.sequence import Told, Trained, part_of, train_histories

pytest.importorskip("jax", reason="needs the environment of foresend train")

ROOT = Path(__file__).parents[3]
END_MS = 1 << 46
SHOWN = shown_to(people=100, each=30)
SINCE_MS = BEGIN_MS + 22 * DAY_MS
KNOWN = histories_of([], SHOWN, SINCE_MS)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train_histories(KNOWN, seed=3)


def as_part(trained: Trained, number: int = 1) -> ModelPart:
    return part_of(trained, WorkspaceId("w"), Standing.CHALLENGER, number, SINCE_MS)


def test_two_processes_make_the_same_arrays(trained: Trained) -> None:
    program = (
        "from tests.unit.training.test_sequence_training import KNOWN, train_histories, checksum_of\n"
        "trained = train_histories(KNOWN, seed=3)\n"
        "print(checksum_of(trained.arrays, trained.settings).hex())"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split()[-1] == checksum_of(trained.arrays, trained.settings).hex()


def test_another_seed_makes_others(trained: Trained) -> None:
    assert train_histories(KNOWN, seed=4).arrays != trained.arrays


def test_changing_the_future_changes_no_array(trained: Trained) -> None:
    shifted = [one if one.ended.at_ms < SINCE_MS else one._replace(label=1.0 - one.label) for one in SHOWN]
    again = train_histories(histories_of([], shifted, SINCE_MS), seed=3)
    assert again.arrays == trained.arrays


def test_a_training_that_was_interrupted_goes_on_to_the_same_arrays(trained: Trained, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(told: Told) -> None:
        if told.epoch == 2:
            raise Killed

    checkpoints = Checkpoints(tmp_path, "one")
    with pytest.raises(Killed):
        train_histories(KNOWN, seed=3, checkpoints=checkpoints, tell=kill)
    heard: list[int] = []
    again = train_histories(KNOWN, seed=3, checkpoints=checkpoints, tell=lambda told: heard.append(told.epoch))
    assert heard[0] == 3
    assert again.arrays == trained.arrays


def test_the_job_computes_what_keras_does(trained: Trained) -> None:
    """Every state and term, step by step in numpy, against the model that was trained."""
    from training.network import network_of  # noqa: PLC0415
    from training.parameters import warm  # noqa: PLC0415
    from training.sequence import _Course  # noqa: PLC0415
    from training.vocabulary import vocabulary_of  # noqa: PLC0415
    from training.windows import windows_of  # noqa: PLC0415

    # given what Keras says of each target, its counts as they were published
    vocabulary = vocabulary_of(KNOWN)
    course, network = _Course(KNOWN, vocabulary, 3), network_of(*vocabulary.sizes())
    windows = course._windows
    often = np.concatenate([np.zeros(1, np.float32), vocabulary.often])
    course._often[...], course._target_often[...] = (
        often[windows.item],
        often[windows_of(KNOWN, vocabulary).target_item],
    )
    network.put(warm(vocabulary, as_part(trained), 3))
    first = np.flatnonzero(windows.place == 0)[:8]
    rows = np.resize(first, 32)
    inputs, _, _ = course._batch(rows, np.zeros((len(windows.person), 16), np.float32), np.random.default_rng(1))
    said = np.array(network.model(inputs)["reward"])[..., 0]
    # when the job steps the same persons
    part = as_part(trained)
    weights = SequenceWeights.of(part)
    for place, window in enumerate(first):
        history, hidden, done = KNOWN[windows.person[window]], b"", 0
        for column, target in enumerate(history.targets[:16]):
            while done < target.before:
                hidden = step(hidden, weights, history.steps[done])
                done += 1
            parts = weights.parts("reward", target.item, target.tags)
            value = sum(float(one[:-1] @ opened(hidden, weights).values + one[-1]) for one in parts)
            # then
            assert value == pytest.approx(float(said[place, column]), abs=1e-5)


def test_it_learns_what_people_like(trained: Trained) -> None:
    part, verdict = judge(as_part(trained), None, histories_of([], SHOWN, END_MS), SINCE_MS)
    assert verdict.passed, verdict.reason
    assert verdict.challenger.logloss < verdict.champion.logloss - 0.03
    weights = SequenceWeights.of(part)
    # Who was rewarded by jazz ten times is foretold to be again.
    hidden = b""
    for one in [one for one in SHOWN if one.label == 1.0 and one.ended.tags == SHOWN[0].ended.tags][:10]:
        hidden = step(hidden, weights, one.ended)
    name = "jazz" if "jazz" in str(_name_of(SHOWN[0].ended.tags)) else "folk"
    other = "folk" if name == "jazz" else "jazz"
    table = SlotTable(
        TemplateName("t"), SlotName("s"), [Variant(VariantId(one), (Tag(one),), {}) for one in (name, other)]
    )
    liked, unliked = (
        SequenceTerm(Outputs(table, weights)).score(Person({}, Situation(), UserModels(), hidden, 1)).values
    )
    assert liked > unliked + 0.3


def _name_of(tags: tuple[int, ...]) -> str:
    from online_models.terms import hash_of_name  # noqa: PLC0415

    return next(name for name in ("jazz", "folk") if hash_of_name(name) in tags)


def test_a_warm_start_keeps_the_lineage_and_a_state_goes_on(trained: Trained) -> None:
    champion = as_part(trained)
    again = train_histories(histories_of([], SHOWN, END_MS), seed=3, champion=champion)
    assert again.settings["lineage"] == champion.settings["lineage"]
    assert again.epochs < trained.epochs
    old, new = SequenceWeights.of(champion), SequenceWeights.of(as_part(again))
    hidden = step(b"", old, SHOWN[0].ended)
    assert (opened(hidden, new).values == opened(hidden, old).values).all()


def test_a_checkpoint_that_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "one")
    assert checkpoints.newest() is None
    checkpoints.keep(Checkpoint(2, 0.5, {"kernel": np.ones(3, np.float32)}, [np.zeros(2, np.float32)], {}, 0.25))
    newest = checkpoints.newest()
    assert newest is not None
    assert (newest.epoch, newest.loss, newest.parameters["kernel"].tolist()) == (2, 0.5, [1.0, 1.0, 1.0])
    (tmp_path / "one.npz").write_bytes(b"PK\x03\x04 half")
    assert checkpoints.newest() is None
    checkpoints.forget()
    checkpoints.forget()
    assert not list(tmp_path.iterdir())
