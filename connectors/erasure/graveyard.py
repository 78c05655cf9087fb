"""Who was erased, as a job needs to know it: nothing of such a person is in its state, and nothing may come back."""

from collections.abc import Callable
from hashlib import blake2b

from connectors.erasure.erased import read_erased_at, user_hmac
from connectors.kafka.log_reader import read_log
from connectors.kafka.settings import KafkaSettings
from schemas.ids import UserId, WorkspaceId
from schemas.keys import user_key
from schemas.topics import ERASED

Names = Callable[[WorkspaceId, UserId], str]


def _without_secret(workspace: WorkspaceId, user: UserId) -> str:
    return blake2b(user_key(workspace, user), digest_size=16).hexdigest()


class Graveyard:
    """The list of the erased: read once, and added to by the job's own erasures.

    names  what a person is known by here; nobody's id is held in clear
    """

    def __init__(self, names: Names = _without_secret, erased_ms: dict[str, int] | None = None) -> None:
        self._names = names
        self._erased_ms = erased_ms or {}

    @classmethod
    def read(cls, kafka: KafkaSettings, secret: bytes) -> "Graveyard":
        """The list as the topic `erased` has it now.

        Raises:
            BrokerUnavailable: Kafka does not answer.
        """
        newest: dict[str, int] = {}
        for record in read_log(kafka, ERASED.name):
            at_ms = read_erased_at(record.value) if record.value else 0
            if at_ms:
                newest[record.key.decode(errors="replace")] = at_ms
        return cls(lambda workspace, user: user_hmac(secret, workspace, user), newest)

    def erased_ms(self, workspace: WorkspaceId, user: UserId) -> int:
        """When a person was erased last; 0 for never."""
        return self._erased_ms.get(self._names(workspace, user), 0) if self._erased_ms else 0

    def bury(self, workspace: WorkspaceId, user: UserId, at_ms: int) -> None:
        """From now on nothing is left of a person but this."""
        name = self._names(workspace, user)
        self._erased_ms[name] = max(at_ms, self._erased_ms.get(name, 0))
