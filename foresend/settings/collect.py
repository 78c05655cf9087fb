"""Settings of `foresend collect`."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path

from connectors.kafka.settings import KafkaSettings
from foresend.settings.installation import InstallationSettings
from foresend.settings.webhooks import WebhookSettings

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
