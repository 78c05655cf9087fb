"""Settings of `foresend serve`."""

from dataclasses import dataclass, field
from pathlib import Path

from connectors.gateway.tokens import KEY_ID_BYTES_MAX, SECRET_BYTES_MIN
from connectors.kafka.settings import KafkaSettings
from foresend.settings.collect import is_loopback
from schemas.ids import WorkspaceId
from schemas.topics import PARTITIONS

SECTION = "serve"
KEY_LENGTH_MIN = 16
KEYS_EXAMPLE = "FORESEND_SERVE_KEYS=key:workspace"
SIGNING_EXAMPLE = "FORESEND_SERVE_SIGNING_KEYS=k1:$(openssl rand -hex 32)"


@dataclass(frozen=True)
class ServeSettings:
    """What a cache node and its gateway need to know.

    folder        of the cache; one process at a time
    port          0: any free one
    partitions    of `communications` that this node holds; none named: all of them
    keys          API key: workspace. Without any, everybody on this machine reads, and nobody else does
    workspace_id  the workspace read where there are no keys; empty: the only one that is released
    public_url    where receivers of messages reach this gateway; empty: its own address
    signing_keys  id: secret in hexadecimal. The first signs; the others are still known. Without any, on loopback
                  only, one is made and kept in the folder
    """

    kafka: KafkaSettings
    folder: Path = Path(".foresend/cache")
    host: str = "127.0.0.1"
    port: int = 8090
    partitions: tuple[str, ...] = ()
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    workspace_id: str = ""
    public_url: str = ""
    signing_keys: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def partition_numbers(self) -> tuple[int, ...]:
        """The partitions of `communications` that this node holds."""
        return tuple(sorted({int(number) for number in self.partitions})) or tuple(range(PARTITIONS))

    @property
    def workspace_by_key(self) -> dict[str, WorkspaceId]:
        """Whose messages each key reads."""
        return {key: WorkspaceId(workspace) for key, workspace in self.keys.items()}

    @property
    def secrets(self) -> dict[str, bytes]:
        """Signing keys as bytes."""
        return {key_id: bytes.fromhex(secret) for key_id, secret in self.signing_keys.items()}

    def problems(self) -> list[str]:
        """What is wrong with these values; nothing when they can be used."""
        found = []
        if not 0 <= self.port <= 65535:
            found.append(f"serve.port: expected 0 to 65535, got {self.port}")
        if not all(number.isascii() and number.isdigit() and int(number) < PARTITIONS for number in self.partitions):
            found.append(f"serve.partitions: expected numbers from 0 to {PARTITIONS - 1}")
        if self.public_url and not self.public_url.startswith(("https://", "http://")):
            found.append("serve.public_url: expected a URL that begins with https://")
        return found + self._door_problems() + self._signing_problems()

    def _door_problems(self) -> list[str]:
        if is_loopback(self.host):
            return []
        if not self.keys:
            return [f"serve.keys: needed, for others than this machine reach {self.host}: set {KEYS_EXAMPLE}"]
        if any(len(key) < KEY_LENGTH_MIN for key in self.keys):
            return [f"serve.keys: expected keys of at least {KEY_LENGTH_MIN} characters"]
        return []

    def _signing_problems(self) -> list[str]:
        if not self.signing_keys:
            if is_loopback(self.host) and not self.public_url:
                return []
            return [f"serve.signing_keys: needed where receivers follow links: set {SIGNING_EXAMPLE}"]
        if any(len(key_id.encode()) > KEY_ID_BYTES_MAX for key_id in self.signing_keys):
            return [f"serve.signing_keys: expected ids of at most {KEY_ID_BYTES_MAX} bytes"]
        try:
            lengths = [len(secret) for secret in self.secrets.values()]
        except ValueError:
            return ["serve.signing_keys: expected secrets in hexadecimal"]
        if min(lengths) < SECRET_BYTES_MIN:
            return [f"serve.signing_keys: expected secrets of at least {2 * SECRET_BYTES_MIN} hexadecimal digits"]
        return []
