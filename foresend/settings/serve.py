"""Settings of `foresend serve`."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from connectors.delivery.ledger import LedgerTimes
from connectors.delivery.outcomes import Backoff
from connectors.gateway.keys import KeyGrant
from connectors.gateway.nodes import Nodes
from connectors.gateway.tokens import KEY_ID_BYTES_MAX, SECRET_BYTES_MIN
from connectors.kafka.settings import KafkaSettings
from foresend.settings.collect import is_loopback
from foresend.settings.installation import InstallationSettings
from schemas.topics import PARTITIONS

SECTION = "serve"
_ADDRESS = re.compile(r"https?://[^/\s?#@]+")
CACHE_BYTES_MIN = 1024 * 1024
KEYS_EXAMPLE = "FORESEND_SERVE_KEYS to what `foresend keys new` prints"
RATE_PER_S_MAX = 1_000_000
LEASE_S_MIN, LEASE_S_MAX = 1, 18
"""An acknowledgement of a right waits for 20 s at most."""
RETRY_S_MIN = 0.1
UNHEARD_S_MAX = 86_400
GIVE_WAY_S_MAX = 60
RENEW_PER_S_MAX = 10_000
SIGNING_EXAMPLE = "FORESEND_SERVE_SIGNING_KEYS=k1:$(openssl rand -hex 32)"


@dataclass(frozen=True)
class ServeSettings:
    """What a cache node and its gateway need to know.

    folder        of the cache; one process at a time
    cache_bytes   limit of all entries, keys and values; the disk needs more (docs/cache.md). 0: none
    port          0: any free one
    partitions    of persons that this node holds, where it stands alone; none named: all of them
    nodes         name: address of every node, in the same order on all of them; none named: this one is alone
    node          the name of this one
    keys          SHA-256 of an API key: `workspace:right+right`, as `foresend keys new` prints it. Without any,
                  everybody on this machine may do everything, and nobody else anything
    rate_per_s    requests a second of one key; the next is told 429. 0: no limit
    give_way_s    while draws come fast, what is told of them may wait so long for Kafka: a drain beside them takes the
                  time of as many draws. 0: never
    workspace_id  the workspace read where there are no keys; empty: the only one that is released
    public_url    where receivers of messages reach this gateway; empty: its own address
    signing_keys  id: secret in hexadecimal. The first signs; the others are still known. Without any, on loopback
                  only, one is made and kept in the folder
    renew_per_s   persons at most for whom messages of an older release are asked for anew in a second; 0: nobody, and
                  a release reaches each person with the next event. 100 take about a third of one core of the job's
    renew_active_days  persons neither read lately nor here within so many days are left alone
    lease_s       seconds within which a worker must have begun to send what it was granted; rights wait for it
    unheard_s     seconds after which a worker that told nothing of a grant is taken for lost
    retry_s       seconds until the first repeat of a send that was put off; then twice as long each time
    """

    kafka: KafkaSettings
    folder: Path = Path(".foresend/cache")
    host: str = "127.0.0.1"
    port: int = 8090
    cache_bytes: int = 0
    partitions: tuple[str, ...] = ()
    nodes: dict[str, str] = field(default_factory=dict)
    node: str = ""
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    rate_per_s: float = 5_000.0
    give_way_s: float = 1.0
    workspace_id: str = ""
    public_url: str = ""
    signing_keys: dict[str, str] = field(default_factory=dict, repr=False)
    renew_per_s: float = 100.0
    renew_active_days: int = 30
    lease_s: float = 15.0
    unheard_s: float = 300.0
    retry_s: float = 60.0
    installation: InstallationSettings = field(default_factory=InstallationSettings)

    @property
    def partition_numbers(self) -> tuple[int, ...]:
        """The partitions of persons that this node holds."""
        if self.nodes:
            return Nodes(self.nodes, self.node).partitions
        return tuple(sorted({int(number) for number in self.partitions})) or tuple(range(PARTITIONS))

    @property
    def key_grants(self) -> list[KeyGrant]:
        """What each key is good for.

        Raises:
            ValueError: one is written otherwise.
        """
        return [KeyGrant.read(digest, said) for digest, said in self.keys.items()]

    @property
    def secrets(self) -> dict[str, bytes]:
        """Signing keys as bytes."""
        return {key_id: bytes.fromhex(secret) for key_id, secret in self.signing_keys.items()}

    @property
    def times(self) -> LedgerTimes:
        """How long grants last."""
        backoff = Backoff(first_ms=int(self.retry_s * 1000))
        return LedgerTimes(int(self.lease_s * 1000), int(self.unheard_s * 1000), backoff)

    def problems(self) -> list[str]:
        """What is wrong with these values; nothing when they can be used."""
        found = []
        if self.cache_bytes and self.cache_bytes < CACHE_BYTES_MIN:
            found.append(
                f"serve.cache_bytes: expected 0 (no limit) or at least {CACHE_BYTES_MIN}, got {self.cache_bytes}"
            )
        if not 0 <= self.port <= 65535:
            found.append(f"serve.port: expected 0 to 65535, got {self.port}")
        if not all(number.isascii() and number.isdigit() and int(number) < PARTITIONS for number in self.partitions):
            found.append(f"serve.partitions: expected numbers from 0 to {PARTITIONS - 1}")
        if self.public_url and not self.public_url.startswith(("https://", "http://")):
            found.append("serve.public_url: expected a URL that begins with https://")
        if not 0 <= self.rate_per_s <= RATE_PER_S_MAX:
            found.append(f"serve.rate_per_s: expected 0 (no limit) to {RATE_PER_S_MAX}, got {self.rate_per_s:g}")
        if not 0 <= self.give_way_s <= GIVE_WAY_S_MAX:
            found.append(f"serve.give_way_s: expected 0 to {GIVE_WAY_S_MAX}, got {self.give_way_s:g}")
        if not 0 <= self.renew_per_s <= RENEW_PER_S_MAX:
            found.append(f"serve.renew_per_s: expected 0 to {RENEW_PER_S_MAX}, got {self.renew_per_s:g}")
        if self.renew_active_days < 1:
            found.append(f"serve.renew_active_days: expected at least 1, got {self.renew_active_days}")
        found += self._grants_problems() + self._nodes_problems()
        return found + self._door_problems() + self._signing_problems()

    def _grants_problems(self) -> list[str]:
        found = []
        if not LEASE_S_MIN <= self.lease_s <= LEASE_S_MAX:
            found.append(f"serve.lease_s: expected {LEASE_S_MIN} to {LEASE_S_MAX}, got {self.lease_s:g}")
        if not self.lease_s <= self.unheard_s <= UNHEARD_S_MAX:
            found.append(f"serve.unheard_s: expected serve.lease_s to {UNHEARD_S_MAX}, got {self.unheard_s:g}")
        if not RETRY_S_MIN <= self.retry_s <= UNHEARD_S_MAX:
            found.append(f"serve.retry_s: expected {RETRY_S_MIN} to {UNHEARD_S_MAX}, got {self.retry_s:g}")
        return found

    def _nodes_problems(self) -> list[str]:
        if not self.nodes:
            return ["serve.node: expected serve.nodes beside it, which names all nodes"] if self.node else []
        found = []
        if self.node not in self.nodes:
            found.append(f"serve.node: expected one of {', '.join(self.nodes)}: this node's own name")
        if self.partitions:
            found.append("serve.partitions: expected none beside serve.nodes: they follow from it")
        if not all(_ADDRESS.fullmatch(url) for url in self.nodes.values()):
            found.append("serve.nodes: expected addresses as http://10.0.0.1:8090, without a path")
        if len({*self.nodes.values()}) < len(self.nodes):
            found.append("serve.nodes: expected an address of its own for each node")
        if len(self.nodes) > 1 and not self.signing_keys:
            found.append(f"serve.signing_keys: needed, the same on all nodes: set {SIGNING_EXAMPLE}")
        return found

    def _door_problems(self) -> list[str]:
        if not self.keys:
            if is_loopback(self.host):
                return []
            return [f"serve.keys: needed, for others than this machine reach {self.host}: set {KEYS_EXAMPLE}"]
        try:
            self.key_grants  # noqa: B018 - reading them tells what is wrong
        except ValueError as error:
            return [f"serve.keys: {error}"]
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
