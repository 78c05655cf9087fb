"""Settings of `foresend collect`."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path

from connectors.kafka.settings import KafkaSettings
from foresend.settings.installation import InstallationSettings
from foresend.settings.webhooks import WebhookSettings
from schemas.ids import WorkspaceId

_ORIGIN = re.compile(r"https?://[^/\s?#@]+")
_WORKSPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class CollectSettings:
    """What a collector is told. Without keys it takes events from anybody, so then on loopback only.

    keys           write key → workspace
    web_keys       the same for keys that stand in web pages: they send behaviour, tell no addresses, and erase nobody
    origins        from which pages may send, as https://shop.example; none named: from any
    workspace_id   whose events they are where there are no keys, and of Kafka in
    kafka_topic    a topic that other producers write; empty: none
    kafka_mapping  what its records mean
    kafka_group    the consumer group in which collectors share its partitions
    kafka_instance  a name that stays the same over restarts and that no other collector has: with it, a
                   collector that begins again goes on at once; without it, after ten seconds
    gateway        address of a node of `foresend serve`: unsubscriptions, withdrawals and erasures hold there before
                   they are acknowledged. Empty: they hold once the job has answered
    gateway_key    an API key with the right `rights`, where there is one workspace
    gateway_keys   workspace → key, where there are several
    """

    kafka: KafkaSettings
    host: str = "127.0.0.1"
    port: int = 8080
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    web_keys: dict[str, str] = field(default_factory=dict, repr=False)
    origins: tuple[str, ...] = ()
    workspace_id: str = ""
    kafka_topic: str = ""
    kafka_mapping: Path | None = None
    kafka_group: str = "foresend-collect"
    kafka_instance: str = ""
    gateway: str = ""
    gateway_key: str = field(default="", repr=False)
    gateway_keys: dict[str, str] = field(default_factory=dict, repr=False)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    installation: InstallationSettings = field(default_factory=InstallationSettings)

    def problems(self) -> list[str]:
        """What is wrong with these values; nothing when they can be used."""
        found = []
        if not 0 <= self.port < 65536:
            found.append(f"collect.port: expected 0 to 65535, got {self.port}")
        if not self.keys and not is_loopback(self.host):
            found.append(
                f"collect.host: expected a loopback address, got {self.host}: without keys anybody could send; "
                "set FORESEND_COLLECT_KEYS=key:workspace,… or collect on 127.0.0.1"
            )
        if not self.keys and not self.workspace_id:
            found.append("collect.workspace_id: is needed where there are no keys; give it with --workspace-id")
        found += [
            f"collect: expected a workspace of letters, digits, dot, dash and underscore, got {name!r}"
            for name in sorted(self._workspaces() - {""})
            if not _WORKSPACE.fullmatch(name)
        ]
        found += [
            f"collect.origins: expected origins as https://shop.example, got {origin!r}"
            for origin in self.origins
            if not _ORIGIN.fullmatch(origin)
        ]
        if self.web_keys and not self.keys:
            found.append("collect.web_keys: expected keys that stand in no page beside them, in collect.keys")
        if self.web_keys.keys() & self.keys.keys():
            found.append("collect.web_keys: expected other keys than in collect.keys, for everybody reads a page's")
        if bool(self.kafka_topic) != (self.kafka_mapping is not None):
            found.append("collect.kafka_topic, collect.kafka_mapping: are given both or neither")
        if self.webhooks.providers and not self.installation.secret:
            found.append(
                "installation.secret: is needed where webhooks are configured; "
                "set FORESEND_INSTALLATION_SECRET=$(openssl rand -hex 32), once and for ever"
            )
        return found + self._gateway_problems()

    @property
    def key_by_workspace(self) -> dict[WorkspaceId, str]:
        """With which key the gateway is asked for each workspace."""
        keys = dict.fromkeys(self._workspaces() - {""}, self.gateway_key) if self.gateway_key else {}
        return {WorkspaceId(name): key for name, key in {**keys, **self.gateway_keys}.items()}

    def _gateway_problems(self) -> list[str]:
        if not self.gateway:
            is_lone = bool(self.gateway_key or self.gateway_keys)
            return ["collect.gateway: is needed beside gateway_key and gateway_keys"] if is_lone else []
        found = []
        if not _ORIGIN.fullmatch(self.gateway):
            found.append("collect.gateway: expected an address as http://127.0.0.1:8090, without a path")
        # A key is of one workspace: with another's, somebody else would be unsubscribed there.
        without = sorted(self._workspaces() - {""} - self.gateway_keys.keys())
        if self.gateway_key and len(self._workspaces() - {""}) > 1 and without:
            found.append(f"collect.gateway_keys: expected a key for each workspace, none for {', '.join(without)}")
        return found

    def _workspaces(self) -> set[str]:
        hearing = {name for secrets in self.webhooks.providers.values() for name in secrets}
        return {*self.keys.values(), *self.web_keys.values(), self.workspace_id, *hearing}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
