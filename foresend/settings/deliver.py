"""Settings of `foresend deliver`."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from connectors.contacts.addresses import normalised_email
from connectors.delivery.channels.outbound import Blocked, check_url
from connectors.delivery.channels.smtp_pool import SmtpSettings
from connectors.delivery.dkim import DkimKey, DkimKeys
from connectors.delivery.mime import Stationery
from foresend.settings.collect import is_loopback
from schemas.errors import ConfigError

SECTION = "deliver"
SECRET_LENGTH_MIN = 24
TLS = ("starttls", "implicit", "none")


@dataclass(frozen=True)
class RelaySettings:
    """Section `smtp`: the relay of channel `smtp`. Without a host there is no such channel.

    tls          `starttls`, `implicit`, or `none`: on loopback only
    hello        our name, as told to the relay
    connections  at once
    """

    host: str = ""
    port: int = 587
    tls: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    hello: str = "localhost"
    connections: int = 8

    def problems(self) -> list[str]:
        """What is wrong with these values."""
        found = []
        if self.tls not in TLS:
            found.append(f"smtp.tls: expected one of {', '.join(TLS)}, got {self.tls!r}")
        if self.host and self.tls == "none" and not is_loopback(self.host):
            found.append(
                "smtp.tls: expected starttls or implicit: without TLS mail goes to a relay on this machine only"
            )
        if not 0 < self.port < 65536:
            found.append(f"smtp.port: expected 1 to 65535, got {self.port}")
        if not 1 <= self.connections <= 1_000:
            found.append(f"smtp.connections: expected 1 to 1000, got {self.connections}")
        return found

    def relay(self) -> SmtpSettings:
        """As the channel is given it."""
        return SmtpSettings(self.host, self.port, self.tls, self.user, self.password, self.hello, self.connections)


@dataclass(frozen=True)
class SendGridSettings:
    """Section `sendgrid`: an API key of the account behind channel `api`. Without one there is no such channel."""

    key: str = field(default="", repr=False)
    url: str = "https://api.sendgrid.com/v3/mail/send"
    connections: int = 8

    def problems(self) -> list[str]:
        """What is wrong with these values."""
        if not 1 <= self.connections <= 1_000:
            return [f"sendgrid.connections: expected 1 to 1000, got {self.connections}"]
        return []


@dataclass(frozen=True)
class EndpointSettings:
    """Section `endpoints`: where channel `webhook` posts to. Without addresses there is no such channel.

    urls     https address by workspace
    secrets  by which each workspace's messages are signed
    allowed  `host:port` that may be private and spoken to without TLS: of tests, and of one's own network
    """

    urls: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    allowed: tuple[str, ...] = ()
    connections: int = 8

    def problems(self) -> list[str]:
        """What is wrong with these values."""
        found = []
        for workspace, url in self.urls.items():
            try:
                check_url(url, frozenset(self.allowed))
            except Blocked as error:
                found.append(f"endpoints.urls: {workspace}: {error}")
            if len(self.secrets.get(workspace, "")) < SECRET_LENGTH_MIN:
                found.append(f"endpoints.secrets: expected at least {SECRET_LENGTH_MIN} characters for {workspace}")
        if not 1 <= self.connections <= 1_000:
            found.append(f"endpoints.connections: expected 1 to 1000, got {self.connections}")
        return found


@dataclass(frozen=True)
class DeliverSettings:
    """What a worker is told.

    gateways  addresses of the nodes
    keys      API keys with the right `deliver`, one of each workspace; none: the nodes are on this machine, and open
    live      real people may be written to: without it there is only channel `file`
    folder    of channel `file`
    return_address, unsubscribe_address  where `foresend inbound` gets bounces and mails that unsubscribe: each send
              gets an address of its own there, with its token after a +
    dkim      domain: `selector:file` of the private key (PEM); several with blanks between
    port      of /metrics and /healthz; 0: any free one
    stop_s    how long messages under way may take once the worker was told to stop
    """

    gateways: tuple[str, ...] = ("http://127.0.0.1:8090",)
    keys: tuple[str, ...] = field(default=(), repr=False)
    live: bool = False
    folder: Path = Path(".foresend/mail")
    return_address: str = ""
    unsubscribe_address: str = ""
    dkim: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 8095
    stop_s: float = 30.0
    smtp: RelaySettings = field(default_factory=RelaySettings)
    sendgrid: SendGridSettings = field(default_factory=SendGridSettings)
    endpoints: EndpointSettings = field(default_factory=EndpointSettings)

    def problems(self) -> list[str]:
        """What is wrong with these values; nothing when they can be used."""
        found = [
            f"deliver.gateways: expected addresses as http://127.0.0.1:8090, got {url!r}"
            for url in self.gateways
            if not _is_origin(url)
        ]
        if not self.gateways:
            found.append("deliver.gateways: expected the address of a node at least")
        found += [
            f"deliver.{name}: expected an address such as {name.partition('_')[0]}@in.shop.example, without +"
            for name, address in (
                ("return_address", self.return_address),
                ("unsubscribe_address", self.unsubscribe_address),
            )
            if address and (normalised_email(address) != address or "+" in address)
        ]
        if not 0 <= self.port < 65536:
            found.append(f"deliver.port: expected 0 to 65535, got {self.port}")
        if self.stop_s < 0:
            found.append(f"deliver.stop_s: expected 0 or more, got {self.stop_s:g}")
        return found

    def stationery(self) -> Stationery:
        """What all messages have in common.

        Raises:
            ConfigError: a key cannot be read; with every problem found.
        """
        keys: list[DkimKey] = []
        problems: list[str] = []
        for domain, said in self.dkim.items():
            for one in said.split():
                selector, _, file = one.partition(":")
                try:
                    keys.append(DkimKey.read(domain, selector, Path(file).read_bytes()))
                except OSError as error:
                    problems.append(f"deliver.dkim: {domain}: {file or 'no file'}: cannot be read: {error.strerror}")
                except ConfigError as error:
                    problems += error.problems
        if problems:
            raise ConfigError(problems)
        return Stationery(self.return_address, self.unsubscribe_address, DkimKeys(keys))


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.path in {"", "/"}
