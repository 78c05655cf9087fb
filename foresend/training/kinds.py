"""The kinds of parts that `foresend train` makes: how each is trained on a log, and judged on the newest rewards."""

import logging
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from flink_jobs.worlds import Shelf
from foresend.training.people import owner_of
from foresend.training.reading import Log
from online_models.collaborative import CollaborativePart
from online_models.terms import SlotTable
from schemas.ids import SlotName, TemplateName, VariantId
from schemas.library import Variant
from schemas.models import ModelPart, PartKind
from training.catalogue import train_catalogue
from training.checkpoints import Checkpoints
from training.examples import shown_of
from training.factors import train_factors
from training.gate import Said, Verdict, judge, verdict_on
from training.histories import History, histories_of
from training.sequence import Told, Trained, train_histories
from training.tastes import choices_known, foretold_by, met_of, offered_of

_log = logging.getLogger(__name__)


class Kind(Protocol):
    """One kind of part."""

    def train(self, log: Log, before_ms: int, champion: ModelPart | None, seed: int, checkpoints: Path) -> Trained:
        """Train on what was known before a moment, warm from the champion; an interrupted training is gone on with.

        checkpoints  folder where it is kept meanwhile
        """
        ...

    def judge(
        self, part: ModelPart, champion: ModelPart | None, log: Log, since_ms: int, until_ms: int
    ) -> tuple[ModelPart, Verdict]:
        """The part, scaled where it can be, and the progressive verdict on it, on what was served from a time on."""
        ...


class Sequence:
    """The recurrent part, by Keras."""

    def train(self, log: Log, before_ms: int, champion: ModelPart | None, seed: int, checkpoints: Path) -> Trained:
        """See `Kind`."""
        histories = _histories(log, before_ms)
        kept = Checkpoints(checkpoints, _digest(histories, seed, champion))
        return train_histories(histories, seed, champion, kept, _tell)

    def judge(
        self, part: ModelPart, champion: ModelPart | None, log: Log, since_ms: int, until_ms: int
    ) -> tuple[ModelPart, Verdict]:
        """See `Kind`."""
        return judge(part, champion, _histories(log, until_ms), since_ms)


class Collaborative:
    """Neighbours and factors of items; and, where the release has catalogues, what they are ranked by.

    It is trained in seconds, so an interrupted training begins again: from the same log, to the same bytes.
    """

    def __init__(self, shelf: Shelf | None) -> None:
        self._shelf = shelf

    def train(self, log: Log, before_ms: int, champion: ModelPart | None, seed: int, checkpoints: Path) -> Trained:  # noqa: ARG002
        """See `Kind`."""
        met = met_of(log.examples, log.did)
        choices = choices_known(met, before_ms, lambda user, at_ms: owner_of(log.links, user, at_ms, before_ms))
        before = None if champion is None else CollaborativePart.of(champion)
        table = _catalogue(self._shelf)
        _log.info("neighbours and factors of %d choices", len(choices.users))
        made = train_factors(choices, seed, before) if table is None else train_catalogue(choices, table, seed, before)
        return Trained(*made, loss=float("nan"), epochs=1)

    def judge(
        self, part: ModelPart, champion: ModelPart | None, log: Log, since_ms: int, until_ms: int
    ) -> tuple[ModelPart, Verdict]:
        """See `Kind`. Its arrays have no scale: it is judged by the weight that the stack gives to it."""
        known = [one for one in log.examples if one.ended_ms < until_ms]
        met = met_of(known, [one for one in log.did if one.step.at_ms < until_ms])
        offered, weight = offered_of(known, since_ms)
        said = Said(
            np.array([one.at_ms for one in offered], np.int64),
            foretold_by(part, met, offered),
            np.array([one.label for one in offered], np.float64),
            np.array([one.offset for one in offered], np.float64),
        )
        others = None if champion is None else foretold_by(champion, met, offered)
        return part, verdict_on(said, others, weight, weight)


KINDS: Mapping[PartKind, Callable[[Shelf | None], Kind]] = {
    PartKind.COLLABORATIVE: Collaborative,
    PartKind.SEQUENCE: lambda _: Sequence(),
}


def _catalogue(shelf: Shelf | None) -> SlotTable | None:
    """The items of all catalogues of a release; None where it has none."""
    if shelf is None:
        return None
    slots = [slot for template in shelf.library.release.templates for slot in template.slots if slot.items]
    items = {variant.id: variant for slot in slots if not slot.catalogue for variant in slot.variants}
    for name_of in dict.fromkeys(slot.catalogue for slot in slots if slot.catalogue):
        told = shelf.catalogue.items(name_of)
        items |= {VariantId(item.id): Variant(VariantId(item.id), item.tags, {}) for item in told}
    name = TemplateName("all"), SlotName("all")
    return SlotTable(*name, list(items.values()), is_catalog=True) if items else None


def _histories(log: Log, until_ms: int) -> list[History]:
    """What had happened, and was known, before a moment."""
    known = [one for one in log.examples if one.ended_ms < until_ms]
    return histories_of(log.did, shown_of(known), until_ms)


def _digest(histories: list[History], seed: int, champion: ModelPart | None) -> str:
    told = blake2b(digest_size=12)
    told.update(msgspec.msgpack.encode((seed, champion.checksum if champion else b"")))
    told.update(msgspec.msgpack.encode(histories))
    return told.hexdigest()


def _tell(told: Told) -> None:
    _log.info("epoch %d of %d: loss %.5f", told.epoch, told.epochs, told.loss)
