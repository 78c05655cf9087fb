"""Train the sequence part: histories in, arrays out; the same input and seed give the same bits."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.sequence.weights import TAGS_OF_INPUT_MAX, Floats
from schemas.events import MILLIS_END as END_MS
from schemas.examples import Example
from schemas.ids import WorkspaceId
from schemas.models import Array, ModelPart, PartKind, Standing, checksum_of
from training.checkpoints import Checkpoint, Checkpoints
from training.counts import Counts, counts_of
from training.examples import shown_of
from training.histories import History, histories_of
from training.network import NEGATIVES, Network, network_of
from training.parameters import Parameters, arrays_of, fresh, warm
from training.states import begins, terms
from training.vocabulary import Vocabulary, row_map, vocabulary_of
from training.windows import LENGTH, Rows, Windows, windows_of

KIND = PartKind.SEQUENCE
BATCH = 32
KEPT_SHARE = 0.1
OWN_ROW_MIN = 200
"""Times an item was met from which what a state says of its reward may be its own, beyond what its tags say: ten for
each number of the row: rows of rarer items would be learnt by heart."""
EPOCHS_FRESH = 20
EPOCHS_WARM = 4
"""Most is known already: more passes over the same examples only learn them by heart."""
UPDATES_MIN = 20
"""Updates for each of those passes, where there are few examples: more passes are made of them."""
EPOCHS_FACTOR_MAX = 4


class Told(NamedTuple):
    """How a training goes: told after each epoch."""

    epoch: int
    epochs: int
    loss: float


class Trained(NamedTuple):
    """Arrays of a part, its settings, the loss of the last epoch, and how many there were."""

    arrays: tuple[Array, ...]
    settings: dict[str, float]
    loss: float
    epochs: int


def train_histories(
    histories: Sequence[History],
    seed: int,
    champion: ModelPart | None = None,
    checkpoints: Checkpoints | None = None,
    tell: Callable[[Told], None] = lambda _: None,
) -> Trained:
    """Train on all of these histories.

    champion     to begin with; none: begin with nothing
    checkpoints  where each epoch is kept, and a training that was interrupted is found; none: nowhere

    Raises:
        ConfigError: the libraries of the extra `train` are not there.
        SchemaError: the champion's arrays are not those of a sequence model.
    """
    vocabulary = vocabulary_of(histories)
    parameters = fresh(vocabulary, seed) if champion is None else warm(vocabulary, champion, seed)
    course = _Course(histories, vocabulary, seed)
    epochs = course.epochs(EPOCHS_FRESH if champion is None else EPOCHS_WARM)
    done = Checkpoint(0, 0.0, parameters, [], parameters, course.kept_loss(parameters))
    if checkpoints is not None:
        done = checkpoints.newest() or done
    network = network_of(*vocabulary.sizes())
    network.put(done.parameters)
    if done.memory:
        network.remember(done.memory)
    for epoch in range(done.epoch, epochs):
        loss = course.epoch(network, done.parameters, epoch)
        done = _after(done, epoch + 1, loss, network, course)
        if checkpoints is not None:
            checkpoints.keep(done)
        tell(Told(epoch + 1, epochs, loss))
    lineage = seed_of(seed, vocabulary) if champion is None else champion.settings.get("lineage", 0.0)
    return Trained(arrays_of(done.best, vocabulary), {"lineage": float(lineage)}, done.loss, epochs)


def _after(done: Checkpoint, epoch: int, loss: float, network: Network, course: "_Course") -> Checkpoint:
    """What stands after an epoch: the best so far is what is published, so that no more is learnt by heart."""
    parameters = network.parameters()
    kept_loss = course.kept_loss(parameters)
    best, best_loss = (parameters, kept_loss) if kept_loss <= done.best_loss else (done.best, done.best_loss)
    return Checkpoint(epoch, loss, parameters, network.memory(), best, best_loss)


def seed_of(seed: int, vocabulary: Vocabulary) -> int:
    """Thirty-two bits that tell a training that begins with nothing from others."""
    return int(np.random.SeedSequence([seed, len(vocabulary.items), *vocabulary.items[:8]]).generate_state(1)[0])


def train_sequence(examples: list[Example], champion: ModelPart | None, seed: int) -> ModelPart:
    """Train on these examples alone: what an evaluation does when a training is due.

    Raises:
        ConfigError: the libraries of the extra `train` are not there.
    """
    trained = train_histories(histories_of([], shown_of(examples), END_MS), seed, champion)
    until_ms = max([one.ended_ms for one in examples], default=0)
    number = champion.number + 1 if champion else 1
    return part_of(trained, examples[0].workspace, Standing.CHAMPION, number, until_ms)


def part_of(
    trained: Trained, workspace: WorkspaceId, standing: Standing, number: int, until_ms: int, *, kind: PartKind = KIND
) -> ModelPart:
    """What is published of a training."""
    arrays, settings = trained.arrays, trained.settings
    checksum = checksum_of(arrays, settings)
    return ModelPart(workspace, kind, standing, number, until_ms, arrays, settings, checksum)


class _Course:
    """What an epoch goes through: windows, counts of items, and tags of what is drawn."""

    def __init__(self, histories: Sequence[History], vocabulary: Vocabulary, seed: int) -> None:
        self._windows = windows_of(histories, vocabulary)
        self._counts = counts_of(histories, vocabulary)
        self._seed = seed
        self._tags, self._shares = _tags_of_items(histories, vocabulary)
        self._items = len(vocabulary.items)
        self._often, self._target_often, self._moment = _often(self._windows, self._counts)
        own = np.concatenate([[False], np.expm1(vocabulary.often) > OWN_ROW_MIN - 0.5])
        self._windows.target_item[~own[self._windows.target_item]] = 0
        self._kept = _kept(self._windows)
        self._windows.weight[self._kept] = 0.0

    def epochs(self, wanted: int) -> int:
        """Passes over all windows, more where they are few."""
        batches = max(1, -(-len(self._windows.person) // BATCH))
        return wanted * min(EPOCHS_FACTOR_MAX, max(1, -(-UPDATES_MIN // batches)))

    def kept_loss(self, parameters: Parameters) -> float:
        """Log loss of the newest rewards, which are not trained on; 0 where there are none."""
        if not self._kept.any():
            return 0.0
        said = terms(parameters, self._windows, self._often, self._target_often)[self._kept]
        scores = (self._windows.offset[self._kept] + said).astype(np.float64)
        return float(np.mean(np.logaddexp(0.0, scores) - self._windows.label[self._kept] * scores))

    def epoch(self, network: Network, parameters: Parameters, epoch: int) -> float:
        """One pass over all windows in a new order; returns the mean loss."""
        chance = np.random.Generator(np.random.PCG64([self._seed, epoch]))
        windows = self._windows
        state = begins(parameters, windows, self._often)
        losses = [0.0]
        for rows in _batches(chance.permutation(len(windows.person))):
            inputs, expected, weights = self._batch(rows, state, chance)
            told = network.model.train_on_batch(inputs, expected, sample_weight=weights, return_dict=True)
            losses.append(float(told["loss"]))
            network.model.reset_metrics()
        return sum(losses) / max(1, len(losses) - 1)

    def _batch(
        self, rows: NDArray[np.intp], state: Floats, chance: np.random.Generator
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Floats]]:
        windows = self._windows.rows(rows)
        drawn = chance.integers(1, max(2, self._items + 1), (len(rows), NEGATIVES)).astype(np.int32)
        inputs = {
            "kind": windows.kind,
            "item": windows.item,
            "tags": windows.tags,
            "share": windows.share,
            "moment": windows.moment,
            "often": self._often[rows],
            "state": state[rows],
            "at": windows.at,
            "target_item": windows.target_item,
            "target_tags": windows.target_tags,
            "target_share": windows.target_share,
            "target_often": self._target_often[rows],
            "offset": windows.offset,
            "drawn_item": drawn,
            "drawn_tags": self._tags[drawn],
            "drawn_share": self._shares[drawn],
            "drawn_often": self._counts.often[self._moment[rows][:, None], drawn],
        }
        label: Floats = windows.label[..., None]
        expected = {"reward": label, "next": np.zeros((len(rows), LENGTH, 1), np.int32)}
        return inputs, expected, {"reward": _mean(windows.weight), "next": _mean(windows.follows)}


def _kept(windows: Windows) -> NDArray[np.bool_]:
    """The newest targets: they say when to stop."""
    is_target = windows.weight > 0
    times = windows.target_ms[is_target]
    if not len(times):
        return is_target
    found: NDArray[np.bool_] = is_target & (windows.target_ms > np.quantile(times, 1.0 - KEPT_SHARE))
    return found


def _batches(order: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Batches of one size, so that one compiled program fits all: the last is filled up from the first."""
    if len(order) == 0:
        return
    filled = np.resize(order, -(-len(order) // BATCH) * BATCH)
    yield from filled.reshape(-1, BATCH)


def _mean(weights: Floats) -> Floats:
    """Weights under which the mean over all places is that over those that count."""
    total = float(weights.sum())
    return weights if total == 0.0 else (weights * (weights.size / total)).astype(np.float32)


def _often(windows: Windows, counts: Counts) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """How often the items of steps and targets had been met then, and the moment in the middle of each window."""
    steps = counts.often[counts.before(windows.at_ms), windows.item]
    targets = counts.often[counts.before(windows.target_ms), windows.target_item]
    return steps, targets, counts.before(windows.at_ms.max(1, initial=0))


def _tags_of_items(histories: Sequence[History], vocabulary: Vocabulary) -> tuple[Rows, Floats]:
    """The tags that each row's item was met with last, and what each of them counts."""
    items, tags = row_map(vocabulary.items), row_map(vocabulary.tags)
    rows = vocabulary.sizes()[0]
    found, shares = np.zeros((rows, TAGS_OF_INPUT_MAX), np.int32), np.ones(rows, np.float32)
    for history in histories:
        for step in history.steps:
            if step.item in items and step.tags:
                known = step.tags[:TAGS_OF_INPUT_MAX]
                found[items[step.item]] = 0
                found[items[step.item], : len(known)] = [tags.get(tag, 0) for tag in known]
                shares[items[step.item]] = len(known) ** -0.5
    return found, shares
