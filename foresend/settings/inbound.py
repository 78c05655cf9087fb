"""Settings of `foresend inbound`."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from connectors.gateway.tokens import SECRET_BYTES_MIN
from connectors.inbound.intake import Inbound, InboundRules
from connectors.inbound.owners import NoOwners, OwnerClient
from connectors.inbound.tokens import MailTokens
from connectors.kafka.settings import KafkaSettings
from foresend.settings.installation import InstallationSettings, secret_of
from schemas.ids import WorkspaceId

SECTION = "inbound"
OWN_KEY = Path(".foresend/cache/signing.key")
"""Of a node on this machine that was given none."""


@dataclass(frozen=True)
class InboundSettings:
    """Where mail comes in, and whose it is.

    host, port    of LMTP; 0: any free port
    metrics_port  of /metrics and /healthz; 0: any free one
    workspaces    domain: workspace, for the domains of `deliver.return_address` and `deliver.unsubscribe_address`
    workspace_id  whose mails of every other domain are; empty: they are refused
    unsubscribe   what stands before the @, or the +, of `deliver.unsubscribe_address`
    believe_addresses  a report without a token of ours holds for the address that it tells of. Anybody can write one
    signing_keys  the same as `serve.signing_keys`
    gateway       address of a node, which is asked before a mail that unsubscribes is acknowledged, and whose a
                  message was; empty: an unsubscription holds seconds later, and bounces are told by address
    gateway_key   an API key with the rights `deliver` and `rights`, where there is one workspace
    gateway_keys  workspace: key, where there are several
    """

    kafka: KafkaSettings
    host: str = "127.0.0.1"
    port: int = 8024
    metrics_port: int = 8096
    workspaces: dict[str, str] = field(default_factory=dict)
    workspace_id: str = ""
    unsubscribe: str = "unsubscribe"
    believe_addresses: bool = True
    signing_keys: dict[str, str] = field(default_factory=dict, repr=False)
    gateway: str = ""
    gateway_key: str = field(default="", repr=False)
    gateway_keys: dict[str, str] = field(default_factory=dict, repr=False)
    installation: InstallationSettings = field(default_factory=InstallationSettings)

    def problems(self) -> list[str]:
        """What is wrong with these values; nothing when they can be used."""
        found = [
            f"inbound.{name}: expected 0 to 65535, got {value}"
            for name, value in (("port", self.port), ("metrics_port", self.metrics_port))
            if not 0 <= value < 65536
        ]
        if not self.workspaces and not self.workspace_id:
            found.append(
                "inbound.workspaces: is needed: set FORESEND_INBOUND_WORKSPACES=in.shop.example:shop, "
                "or give --workspace-id"
            )
        if not self.unsubscribe or {"@", "+"} & set(self.unsubscribe) or self.unsubscribe != self.unsubscribe.lower():
            found.append("inbound.unsubscribe: expected what stands before the @, in lower case and without +")
        if self.gateway and not _is_origin(self.gateway):
            found.append(f"inbound.gateway: expected an address as http://127.0.0.1:8090, got {self.gateway!r}")
        if (self.gateway_key or self.gateway_keys) and not self.gateway:
            found.append("inbound.gateway: is needed beside gateway_key and gateway_keys")
        return found + self._signing_problems()

    def _signing_problems(self) -> list[str]:
        try:
            lengths = [len(bytes.fromhex(secret)) for secret in self.signing_keys.values()]
        except ValueError:
            return ["inbound.signing_keys: expected secrets in hexadecimal, as serve.signing_keys has them"]
        if lengths and min(lengths) < SECRET_BYTES_MIN:
            return [f"inbound.signing_keys: expected secrets of at least {2 * SECRET_BYTES_MIN} hexadecimal digits"]
        return []

    def secrets(self, own: Path = OWN_KEY) -> dict[str, bytes]:
        """Signing keys as bytes; where none are set, the one that a node on this machine made for itself."""
        if self.signing_keys:
            return {key_id: bytes.fromhex(secret) for key_id, secret in self.signing_keys.items()}
        return {"local": own.read_bytes()} if own.is_file() else {}

    def rules(self, secret: bytes) -> InboundRules:
        """How mails are taken in. `secret`: the installation's."""
        return InboundRules(
            workspaces={domain.lower(): WorkspaceId(name) for domain, name in self.workspaces.items()},
            workspace=WorkspaceId(self.workspace_id),
            secret=secret,
            unsubscribe=self.unsubscribe,
            believes_addresses=self.believe_addresses,
        )

    def looking(self) -> Inbound:
        """What says what mails are, and asks nobody."""
        return Inbound(self.rules(self.installation.secret_bytes), MailTokens(self.secrets()))

    def inbound(self) -> Inbound:
        """What takes mails in."""
        names = {*self.workspaces.values(), self.workspace_id} if self.gateway_key else set()
        keys = {
            WorkspaceId(name): key
            for name, key in {**dict.fromkeys(names, self.gateway_key), **self.gateway_keys}.items()
        }
        owners = OwnerClient(self.gateway, keys) if self.gateway else NoOwners()
        return Inbound(self.rules(secret_of(self.installation)), MailTokens(self.secrets()), owners)


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.path in {"", "/"}
