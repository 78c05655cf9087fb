"""One training from the log to the topic `models`, and what is on disk meanwhile."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from connectors.kafka.publishing import publish_part
from connectors.kafka.settings import KafkaSettings
from foresend.training.kinds import KINDS
from foresend.training.policies import value_of
from foresend.training.published import Published
from foresend.training.reading import Log
from schemas.events import MILLIS_END
from schemas.examples import RewardKind
from schemas.ids import WorkspaceId
from schemas.models import ModelPart, PartKind, Standing
from training.card import Data, summary_of, write_card
from training.gate import Verdict
from training.sequence import part_of

JUDGED_SHARE = 0.15
"""The newest rewards are kept apart, to judge by."""
_log = logging.getLogger(__name__)


class Run(msgspec.Struct, frozen=True):
    """A training that has begun: what there was then, so that it goes on with the same when it is interrupted.

    since_ms  log time from which on records are kept to judge by
    until_ms  log time of what came too late for it
    """

    workspace: str
    kind: PartKind
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
    """Trains parts of one workspace, again and again."""

    def __init__(
        self, kafka: KafkaSettings, workspace: WorkspaceId, seed: int, output: Path, kinds: Sequence[PartKind]
    ) -> None:
        self._kafka = kafka
        self._workspace = workspace
        self._seed = seed
        self._output = output
        self._kinds = kinds

    def once(self, read: Callable[[], Log]) -> Iterator[Result]:
        """Train each kind on what the log holds, judge, publish; nothing where there is nothing to train on.

        Each kind is judged beside the champions that are in use by then.

        Raises:
            BrokerUnavailable: Kafka does not answer.
        """
        log = read()
        for kind in self._kinds:
            result = self._one(log, kind)
            if result is not None:
                yield result

    def _one(self, log: Log, kind: PartKind) -> Result | None:
        began = time.monotonic()
        published = Published.read(self._kafka, self._workspace)
        champion = published.champion(kind)
        run = self._run(log, kind, champion, published.next_number(kind))
        if run is None:
            return None
        maker, folder = KINDS[kind](published.shelf), self._output / "checkpoints" / kind
        _log.info("%s part %d: training", kind, run.number)
        trained = maker.train(log, run.since_ms, champion, self._seed, folder)
        part = part_of(trained, self._workspace, Standing.CHALLENGER, run.number, run.until_ms, kind=kind)
        _log.info("%s part %d: judging", kind, run.number)
        part, verdict = maker.judge(part, champion, log, run.since_ms, run.until_ms)
        background = published.background(verdict.since_ms)
        verdict = verdict.with_policy(value_of(part, champion, background, _until(log, run), verdict.since_ms))
        summary = summary_of(_data(log, run), verdict, trained.loss, self._seed)
        part = replace(part, card=msgspec.json.encode(summary).decode())
        part, offset = self._publish(part, verdict)
        card = write_card(self._output, part, verdict)
        for file in folder.glob("*.npz"):
            file.unlink()
        self._run_file(kind).unlink(missing_ok=True)
        return Result(part, verdict, offset, trained.epochs, time.monotonic() - began, card)

    def _publish(self, part: ModelPart, verdict: Verdict) -> tuple[ModelPart, int]:
        """As challenger first, so that what did not pass can be looked at and promoted by hand."""
        offset = publish_part(self._kafka, part)
        if not verdict.passed:
            _log.warning("%s part %d stays a challenger: %s", part.kind, part.number, verdict.reason)
            return part, offset
        champion = replace(part, standing=Standing.CHAMPION)
        return champion, publish_part(self._kafka, champion)

    def _run(self, log: Log, kind: PartKind, champion: ModelPart | None, number: int) -> Run | None:
        """The interrupted training, where it is this one; else a new one, noted on disk."""
        file = self._run_file(kind)
        used = champion.checksum.hex() if champion else ""
        try:
            found = msgspec.json.decode(file.read_bytes(), type=Run)
            if (found.workspace, found.kind, found.seed, found.champion) == (self._workspace, kind, self._seed, used):
                _log.info("going on with an interrupted training of the %s part", kind)
                return found
        except (FileNotFoundError, msgspec.DecodeError):
            pass
        if not log.examples:
            return None
        ended = sorted(one.ended_ms for one in log.examples)
        since_ms = ended[int(len(ended) * (1 - JUDGED_SHARE))]
        run = Run(self._workspace, kind, self._seed, number, used, since_ms, min(log.newest_ms + 1, MILLIS_END))
        self._output.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix(".half")
        half.write_bytes(msgspec.json.encode(run))
        half.replace(file)
        return run

    def _run_file(self, kind: PartKind) -> Path:
        return self._output / f"run-{kind}.json"


def _until(log: Log, run: Run) -> Log:
    """What was there when the training began: an interrupted one is judged on the same."""
    examples = [one for one in log.examples if one.ended_ms < run.until_ms]
    return log._replace(examples=examples, did=[one for one in log.did if one.step.at_ms < run.until_ms])


def _data(log: Log, run: Run) -> Data:
    known = _until(log, run)
    rewards = [one for one in known.examples if one.kind is not RewardKind.BOUNCE]
    did = [(one.user, one.step.at_ms) for one in known.did]
    seen = [*did, *[(f"{one.workspace}|{one.user}", one.ended_ms) for one in rewards]]
    return Data(
        persons=len({user for user, _ in seen}),
        events=len(did),
        rewards=sum(len(one.variants) for one in rewards),
        from_ms=min([at_ms for _, at_ms in seen], default=0),
        since_ms=run.since_ms,
        until_ms=run.until_ms,
    )
