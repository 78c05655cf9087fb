"""One training from the log to the topic `models`, and what is on disk meanwhile."""

import logging
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from connectors.kafka.model_records import model_records
from connectors.kafka.publishing import publish_part
from connectors.kafka.settings import KafkaSettings
from foresend.training.reading import Log
from online_models.published import check_usable
from schemas.events import MILLIS_END
from schemas.ids import WorkspaceId
from schemas.models import ModelPart, PartKind, Standing
from training.card import Data, summary_of, write_card
from training.checkpoints import Checkpoints
from training.examples import shown_of
from training.gate import Verdict, judge
from training.histories import History, histories_of
from training.sequence import Told, part_of, train_histories

JUDGED_SHARE = 0.15
"""The newest rewards are kept apart, to judge by."""
RUN_FILE = "run.json"
_log = logging.getLogger(__name__)


class Run(msgspec.Struct, frozen=True):
    """A training that has begun: what there was then, so that it goes on with the same when it is interrupted.

    since_ms  log time from which on records are kept to judge by
    until_ms  log time of what came too late for it
    """

    workspace: str
    seed: int
    number: int
    champion: str
    since_ms: int
    until_ms: int


class Result(NamedTuple):
    """What came of a training.

    offset  of the champion in `models`, or of the challenger where it did not pass
    """

    part: ModelPart
    verdict: Verdict
    offset: int
    epochs: int
    seconds: float
    card: Path

    def figures(self) -> dict[str, Any]:
        """What `--json` prints."""
        card: dict[str, Any] = msgspec.json.decode(self.part.card)
        return {
            "workspace": self.part.workspace,
            "kind": self.part.kind,
            "number": self.part.number,
            "standing": self.part.standing,
            "offset": self.offset,
            "checksum": self.part.checksum.hex(),
            **card,
            "epochs": self.epochs,
            "seconds": round(self.seconds, 3),
            "card": str(self.card),
        }


class Training:
    """Trains the sequence part of one workspace, again and again."""

    def __init__(self, kafka: KafkaSettings, workspace: WorkspaceId, seed: int, output: Path) -> None:
        self._kafka = kafka
        self._workspace = workspace
        self._seed = seed
        self._output = output

    def once(self, read: Callable[[], Log]) -> Result | None:
        """Train on what the log holds, judge, publish; nothing where there is nothing to train on.

        Raises:
            BrokerUnavailable: Kafka does not answer.
        """
        began = time.monotonic()
        log = read()
        champion, number = self._champion()
        run = self._run(log, champion, number)
        if run is None:
            return None
        known = self._histories(log, run.until_ms)
        before = self._histories(log, run.since_ms)
        checkpoints = Checkpoints(self._output / "checkpoints", self._digest(before, champion))
        trained = train_histories(before, self._seed, champion, checkpoints, _tell)
        part = part_of(trained, self._workspace, Standing.CHALLENGER, run.number, run.until_ms)
        part, verdict = judge(part, champion, known, run.since_ms)
        data = _data(known, log, run)
        part = replace(part, card=msgspec.json.encode(summary_of(data, verdict, trained.loss, self._seed)).decode())
        part, offset = self._publish(part, verdict)
        card = write_card(self._output, part, verdict)
        checkpoints.forget()
        (self._output / RUN_FILE).unlink(missing_ok=True)
        return Result(part, verdict, offset, trained.epochs, time.monotonic() - began, card)

    def _publish(self, part: ModelPart, verdict: Verdict) -> tuple[ModelPart, int]:
        """As challenger first, so that what did not pass can be looked at and promoted by hand."""
        offset = publish_part(self._kafka, part)
        if not verdict.passed:
            _log.warning("part %d stays a challenger: %s", part.number, verdict.reason)
            return part, offset
        champion = replace(part, standing=Standing.CHAMPION)
        return champion, publish_part(self._kafka, champion)

    def _champion(self) -> tuple[ModelPart | None, int]:
        """The part that is in use, and the number of the next one."""
        parts = [
            one for one in model_records(self._kafka, self._workspace, check_usable) if one.kind == PartKind.SEQUENCE
        ]
        used = [one.value for one in parts if one.is_used and isinstance(one.value, ModelPart)]
        numbers = [one.value.number for one in parts if isinstance(one.value, ModelPart)]
        return (used[0] if used else None), max(numbers, default=0) + 1

    def _run(self, log: Log, champion: ModelPart | None, number: int) -> Run | None:
        """The interrupted training, where it is this one; else a new one, noted on disk."""
        file = self._output / RUN_FILE
        used = champion.checksum.hex() if champion else ""
        try:
            found = msgspec.json.decode(file.read_bytes(), type=Run)
            if (found.workspace, found.seed, found.champion) == (self._workspace, self._seed, used):
                _log.info("going on with an interrupted training")
                return found
        except (FileNotFoundError, msgspec.DecodeError):
            pass
        if not log.examples:
            return None
        ended = sorted(one.ended_ms for one in log.examples)
        since_ms = ended[int(len(ended) * (1 - JUDGED_SHARE))]
        run = Run(self._workspace, self._seed, number, used, since_ms, min(log.newest_ms + 1, MILLIS_END))
        self._output.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix(".half")
        half.write_bytes(msgspec.json.encode(run))
        half.replace(file)
        return run

    def _histories(self, log: Log, until_ms: int) -> list[History]:
        """What had happened, and was known, before a moment."""
        known = [one for one in log.examples if one.ended_ms < until_ms]
        return histories_of(log.did, shown_of(known), until_ms)

    def _digest(self, histories: list[History], champion: ModelPart | None) -> str:
        told = blake2b(digest_size=12)
        told.update(msgspec.msgpack.encode((self._workspace, self._seed, champion.checksum if champion else b"")))
        told.update(msgspec.msgpack.encode(histories))
        return told.hexdigest()


def _data(known: list[History], log: Log, run: Run) -> Data:
    times = [step.at_ms for history in known for step in history.steps[:1]]
    return Data(
        persons=len(known),
        events=sum(one.step.at_ms < run.until_ms for one in log.did),
        rewards=sum(len(history.targets) for history in known),
        from_ms=min(times, default=0),
        since_ms=run.since_ms,
        until_ms=run.until_ms,
    )


def _tell(told: Told) -> None:
    _log.info("epoch %d of %d: loss %.5f", told.epoch, told.epochs, told.loss)
