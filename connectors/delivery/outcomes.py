"""What becomes of a send when the outcome of an attempt is told, or none is."""

from hashlib import blake2b
from typing import NamedTuple

import msgspec

from connectors.cache.exposures import shown_row
from connectors.delivery import caps
from connectors.delivery.granting import TOO_LATE, Told, ended, waiting
from connectors.delivery.queue import AMBIGUOUS
from connectors.delivery.send_rows import REST_MS, SendRow, Turn
from connectors.gateway.events import mail_row
from connectors.metrics.mail import mail_event
from schemas.library import MessageClass
from schemas.sending import Outcome, SendRecord, SendState
from schemas.sending import Told as Result
from schemas.worlds import WorldRef

SENT_EVENT, BOUNCED_EVENT = "Email Sent", "Email Bounced"
UNHEARD = "unheard"
"""Detail of a send whose worker told nothing."""
ATTEMPTS_MAX = "attempts"
"""Detail of one that was put off too often."""


class Backoff(NamedTuple):
    """How long to wait before the next attempt: twice as long each time, up to a bound, and a part more by chance.

    most     attempts that may be put off
    again_ms after one that was not begun
    """

    first_ms: int = 60_000
    longest_ms: int = 4 * 3_600_000
    most: int = 12
    again_ms: int = 1_000

    def wait_ms(self, send: bytes, failures: int) -> int:
        """Milliseconds after so many failures. Chance is of the send and the attempt alone: a repeat gives the same."""
        base = min(self.longest_ms, self.first_ms << min(failures - 1, 32)) if failures > 0 else self.again_ms
        return base + int(base * _chance(send, failures) / 2)


class Outcomes:
    """Applies what is told. Called under the store's lock `drawing` only."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff

    def apply(self, turn: Turn, row: SendRow, result: Result, now_ms: int) -> None:
        """Let an outcome act, once: of an attempt that is not the newest, or was told before, nothing happens.

        Mutant: look at no state; then `test_an_outcome_that_is_told_again_changes_nothing` fails.
        """
        record = row.record
        is_open = record.state in (SendState.GRANTED, SendState.AMBIGUOUS)
        # Taken for lost and queued again, and now it turns out that it was sent.
        is_late = record.state is SendState.QUEUED and result.outcome is Outcome.SENT and record.granted_ms > 0
        if record.attempt != result.attempt or not (is_open or is_late):
            return
        record = msgspec.structs.replace(record, status=result.status)
        at_ms = min(result.at_ms, now_ms) or now_ms
        if result.outcome is Outcome.SENT:
            self.sent(turn, row, record, at_ms)
        elif result.outcome is Outcome.UNKNOWN:
            self.unknown(turn, row, record, now_ms)
        elif result.outcome in (Outcome.HARD, Outcome.REFUSED):
            self._refused(turn, row, record, result, at_ms)
        else:
            self._put_off(turn, row, record, result.outcome, now_ms)

    def sent(self, turn: Turn, row: SendRow, record: SendRecord, at_ms: int) -> None:
        """It was sent at a time: from then on it is learnt from."""
        if record.exposure:
            told = msgspec.msgpack.decode(record.exposure, type=Told)
            turn.rows.append(shown_row(row.workspace, record.user, told.exposure, at_ms, told.world))
            _tell(turn, row, record, SENT_EVENT, at_ms, told.world)
        turn.change(row, ended(record, SendState.SENT, at_ms))

    def unknown(self, turn: Turn, row: SendRow, record: SendRecord, now_ms: int, detail: str = "") -> None:
        """Nobody knows whether it arrived: marketing is never sent twice, all else at least once.

        Mutant: requeue marketing too; then `test_marketing_in_doubt_waits_for_a_person` fails.
        """
        if record.message_class is MessageClass.MARKETING:
            doubtful = msgspec.structs.replace(
                record, state=SendState.AMBIGUOUS, lane=AMBIGUOUS, due_ms=now_ms, ended_ms=now_ms, detail=detail
            )
            if record.state is not SendState.AMBIGUOUS:
                turn.change(row, doubtful)
            return
        failed = msgspec.structs.replace(record, failures=record.failures + 1)
        self._again(turn, row, failed, now_ms + self._backoff.wait_ms(row.send, failed.failures), now_ms, keeps=True)

    def _refused(self, turn: Turn, row: SendRow, record: SendRecord, result: Result, at_ms: int) -> None:
        if result.outcome is Outcome.HARD:
            _tell(turn, row, record, BOUNCED_EVENT, at_ms, _world(record), "hard")
        self._give_back(turn, row)
        turn.change(row, ended(record, SendState.BOUNCED, at_ms, detail=result.outcome.value))

    def _put_off(self, turn: Turn, row: SendRow, record: SendRecord, outcome: Outcome, now_ms: int) -> None:
        self._give_back(turn, row)
        if outcome is Outcome.NOT_BEGUN:
            self._again(turn, row, record, now_ms + self._backoff.wait_ms(row.send, 0), now_ms)
            return
        record = msgspec.structs.replace(record, failures=record.failures + 1)
        wait_ms = self._backoff.wait_ms(row.send, record.failures)
        if outcome is Outcome.POLICY:
            turn.rest(row.workspace, record.domain, now_ms + REST_MS)
            wait_ms = REST_MS + int(self._backoff.first_ms * _chance(row.send, record.failures))
        self._again(turn, row, record, now_ms + wait_ms, now_ms)

    def _again(
        self, turn: Turn, row: SendRow, record: SendRecord, due_ms: int, now_ms: int, *, keeps: bool = False
    ) -> None:
        """Another attempt, unless there were too many, or it would come too late."""
        is_late = 0 < record.until_ms < due_ms
        if not is_late and record.failures < self._backoff.most:
            again = waiting(record, due_ms, SendState.QUEUED)
            # Of one that may have been sent, what is told then is kept until that is known.
            turn.change(row, msgspec.structs.replace(again, exposure=record.exposure) if keeps else again)
            return
        if record.failures and not keeps:
            _tell(turn, row, record, BOUNCED_EVENT, now_ms, _world(record), "soft")
        turn.change(row, ended(record, SendState.FAILED, now_ms, detail=TOO_LATE if is_late else ATTEMPTS_MAX))

    def _give_back(self, turn: Turn, row: SendRow) -> None:
        """What was never handed over does not count for caps."""
        if row.record.message_class is MessageClass.MARKETING:
            turn.count(row.person, caps.given_back(turn.counted(row.person), row.send))


def _tell(
    turn: Turn, row: SendRow, record: SendRecord, name: str, at_ms: int, world: WorldRef, bounce_type: str = ""
) -> None:
    told = {
        "send_id": record.send_id,
        "template": record.template,
        "campaign_id": record.campaign,
        "bounce_type": bounce_type,
        "code": record.status if bounce_type else "",
    }
    stated = {key: value for key, value in told.items() if value}
    turn.rows.append(mail_row(row.workspace, record.user, name, stated, at_ms, world))
    turn.mails.append((row.workspace, mail_event(name, stated)))


def _world(record: SendRecord) -> WorldRef:
    """What was known when it was drawn."""
    return msgspec.msgpack.decode(record.exposure, type=Told).world if record.exposure else WorldRef()


def _chance(send: bytes, failures: int) -> float:
    """A number in [0, 1)."""
    digest = blake2b(send + failures.to_bytes(4, "big"), digest_size=4, person=b"fs.backoff").digest()
    return int.from_bytes(digest, "big") / 2**32
