"""How well the engine ranks what a person chose next among items that the person could have chosen.

At each decision the true item is ranked among others, drawn uniformly from the items of the catalogue that this
person has not chosen so far; only then is it learnt. Whatever is learnt, batch-trained parts too, has seen earlier
decisions only.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from time import perf_counter

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.mappings.files import read_join
from connectors.mappings.model import ColumnValue, Evaluation, Mapping
from connectors.mappings.values import value_reader
from foresend.evaluate.rows import LoggedDecision, read_decisions
from online_models.collaborative import CollaborativePart, Ranker, take, taste_of
from online_models.collaborative.part import Rows
from online_models.terms import SlotTable, hash_of_name
from schemas.errors import ConfigError
from schemas.ids import SlotName, Tag, TemplateName, VariantId
from schemas.library import Variant
from schemas.models import PartKind
from training.factors import Choices, train_factors

TOP = 10
"""Places that count."""
TOLD_EVERY = 500
Told = Callable[[int, int], None]


class Ranking(msgspec.Struct, frozen=True):
    """How the true items ranked.

    hr10, ndcg10  share of true items among the first ten, and their mean 1 / log2(1 + rank) (0 beyond the tenth), over
                  decisions after a person's first ones; `cold_`: over the first ones
    us_per_event  microseconds to rank and learn, training of parts left out
    train_s       seconds of that training
    """

    dataset: str
    n: int
    hr10: float
    ndcg10: float
    n_cold: int
    cold_hr10: float
    cold_ndcg10: float
    us_per_event: float
    train_s: float
    trainings: int


def evaluate_ranking(
    data: Path, mapping: Mapping, told: Told | None = None, ablate: Sequence[str] = (), seed: int | None = None
) -> Ranking:
    """Rank the true item of each decision of a folder.

    told    is told how many decisions are done, and of how many
    ablate  names of signals or of terms (`online_models.collaborative.signals`) that count for nothing
    seed    of what is drawn; None: the mapping's

    Raises:
        ConfigError: the mapping names no catalogue, or a file of the folder cannot be used.
    """
    evaluation = mapping.evaluation
    if evaluation is None or not evaluation.is_catalog:
        raise ConfigError(f"file {mapping.path}: expected an `evaluation` with `catalog: true`, got none")
    decisions = read_decisions(data, evaluation)
    judge = _Judge(
        evaluation, catalogue_of(data, evaluation, decisions), ablate, evaluation.seed if seed is None else seed
    )
    for done, decision in enumerate(decisions):
        if told is not None and not done % TOLD_EVERY:
            told(done, len(decisions))
        judge.judge(decision)
    return judge.result(data.name)


def catalogue_of(folder: Path, evaluation: Evaluation, decisions: Sequence[LoggedDecision]) -> tuple[Variant, ...]:
    """All items: those of the file that is joined by the variant's column, else those that decisions name.

    Raises:
        ConfigError: the file is missing or cannot be read.
    """
    found = {decision.variant: decision.tags for decision in decisions}
    column = evaluation.variant[0] if len(evaluation.variant) == 1 else None
    for join in evaluation.joins:
        if isinstance(column, ColumnValue) and join.on == column.column:
            table = {join.name: read_join(folder, join)}
            readers = [(name, value_reader(value, table)) for name, value in evaluation.tags.items()]
            for key in table[join.name][1]:
                values = [(name, read({join.on: key})) for name, read in readers]
                tags = [(name, one) for name, many in values for one in (many if isinstance(many, list) else [many])]
                item_tags = tuple(Tag(f"{name}:{one}") for name, one in tags if one is not None)
                found.setdefault(VariantId(key), item_tags)
    return tuple(Variant(id=item, tags=found[item], content={}) for item in sorted(found))


class _Judge:
    """Ranks and learns, decision by decision."""

    def __init__(self, evaluation: Evaluation, items: Sequence[Variant], ablate: Sequence[str], seed: int) -> None:
        self._evaluation, self._seed = evaluation, seed
        self._table = SlotTable(TemplateName("evaluation"), SlotName("items"), items)
        if len(items) <= evaluation.negatives:
            raise ConfigError(f"expected more than {evaluation.negatives} items to rank among, got {len(items)}")
        self._ranker = Ranker(self._table)
        self._ranker.leave_out(ablate)
        self._tastes: dict[str, bytes] = {}
        self._chosen: dict[str, set[int]] = defaultdict(set)
        self._users: dict[str, int] = {}
        self._log: list[tuple[int, int, float, float]] = []
        self._trained_at = self._trainings = 0
        self._part: CollaborativePart | None = None
        self._ranks: list[float] = []
        self._is_cold: list[bool] = []
        self._spent = self._train_s = 0.0

    def judge(self, decision: LoggedDecision) -> None:
        """Rank the item of a decision among others, then learn it."""
        self._train_if_due()
        item, packed = hash_of_name(decision.variant), self._tastes.get(decision.user, b"")
        chosen, row = self._chosen[decision.user], self._table.row_of[hash_of_name(decision.variant)]
        rows = self._drawn(row, chosen | {row})
        begun = perf_counter()
        taste = taste_of(packed)
        view = self._ranker.view(taste)
        self._ranks.append(_rank_of_first(self._ranker.score(taste, rows, view)))
        self._ranker.take(taste, item, decision.outcomes[self._evaluation.learn], view=view)
        self._tastes[decision.user] = take(packed, item, decision.at_ms, liked=1.0)
        self._spent += perf_counter() - begun
        self._is_cold.append(taste.total < self._evaluation.cold)
        chosen.add(row)
        self._log.append((self._users.setdefault(decision.user, len(self._users)), item, decision.at_ms / 1000, 1.0))

    def result(self, dataset: str) -> Ranking:
        """What it came to."""
        ranks, cold = np.array(self._ranks), np.array(self._is_cold)
        hits = ranks < TOP
        gains = np.where(hits, 1.0 / np.log2(ranks + 2.0), 0.0)
        return Ranking(
            dataset=dataset,
            n=int((~cold).sum()),
            hr10=_mean(hits[~cold]),
            ndcg10=_mean(gains[~cold]),
            n_cold=int(cold.sum()),
            cold_hr10=_mean(hits[cold]),
            cold_ndcg10=_mean(gains[cold]),
            us_per_event=1e6 * self._spent / len(ranks),
            train_s=self._train_s,
            trainings=self._trainings,
        )

    def _drawn(self, row: int, chosen: set[int]) -> Rows:
        """The true row, then those drawn: uniform without repetition among the rows that were not chosen."""
        chance, count = Random(f"{self._seed}|{len(self._ranks)}"), len(self._table)
        wanted = min(self._evaluation.negatives, count - len(chosen))
        drawn: dict[int, None] = {}
        while len(drawn) < wanted:
            other = chance.randrange(count)
            if other not in chosen:
                drawn[other] = None
        return np.array([row, *drawn])

    def _train_if_due(self) -> None:
        times = self._evaluation.train
        if times is None or PartKind.COLLABORATIVE not in times.parts:
            return
        if not times.is_due(len(self._log), self._trained_at):
            return
        begun = perf_counter()
        self._part = CollaborativePart.read(*train_factors(_choices(self._log), self._seed, self._part))
        self._ranker.use(self._part)
        self._trained_at, self._trainings = len(self._log), self._trainings + 1
        self._train_s += perf_counter() - begun


def _choices(log: Sequence[tuple[int, int, float, float]]) -> Choices:
    users, items, at_s, liked = zip(*log, strict=True)
    return Choices(np.array(users, np.int64), np.array(items, np.uint32), np.array(at_s), np.array(liked, np.float32))


def _rank_of_first(scores: NDArray[np.float32]) -> float:
    """How many of the others rank before the first; equals count half."""
    return float((scores[1:] > scores[0]).sum() + 0.5 * (scores[1:] == scores[0]).sum())


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
