"""Questions to DNS, with short answers: nothing there is an empty list, no answer is an error."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import dns.exception
import dns.resolver
import dns.reversename
from dns.rdatatype import RdataType

from schemas.errors import ConfigError, TransientError

Address = IPv4Address | IPv6Address
LIFETIME_S = 5.0
EDNS_BYTES = 1232
"""Larger answers come by TCP: what passes everywhere without fragments."""
DNS_PORT = 53


class DnsUnavailable(TransientError):
    """The resolver does not answer, or fails at a name. Ask again later, or another one."""


class Dns:
    """Asks one resolver. `server`: HOST or HOST:PORT; None: as this machine is configured."""

    def __init__(self, server: str | None = None) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=server is None)
        except dns.resolver.NoResolverConfiguration as error:
            raise ConfigError("--resolver: needed, for /etc/resolv.conf names none") from error
        if server is not None:
            self._resolver.nameservers, self._resolver.port = _server(server)
        self._resolver.lifetime = LIFETIME_S
        self._resolver.use_edns(0, 0, EDNS_BYTES)

    def texts(self, name: str) -> list[str]:
        """TXT records, each with its parts joined."""
        return [b"".join(record.strings).decode(errors="replace") for record in self._ask(name, RdataType.TXT)]

    def addresses(self, name: str) -> list[Address]:
        """IPv4 first."""
        found = [self._ask(name, kind) for kind in (RdataType.A, RdataType.AAAA)]
        return [ip_address(record.address) for records in found for record in records]

    def mail_hosts(self, name: str) -> list[str]:
        """Whither mail to a domain goes, the preferred first; an empty name says that it takes none."""
        found = sorted(self._ask(name, RdataType.MX), key=lambda record: int(record.preference))
        return [record.exchange.to_text(omit_final_dot=True).removesuffix(".") for record in found]

    def names(self, address: Address) -> list[str]:
        """What an address is called (PTR)."""
        where = dns.reversename.from_address(str(address)).to_text()
        return [record.target.to_text(omit_final_dot=True) for record in self._ask(where, RdataType.PTR)]

    def _ask(self, name: str, kind: RdataType) -> list[Any]:
        """The records.

        Raises:
            DnsUnavailable: nobody says whether there are any.
        """
        try:
            return list(self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise DnsUnavailable(f"{name} {kind.name}: {type(error).__name__}: {error}") from error


def _server(text: str) -> tuple[list[str], int]:
    """Address and port of a resolver.

    Raises:
        ConfigError: it is none.
    """
    host, colon, port = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
    try:
        return [str(ip_address(host))], int(port) if colon else DNS_PORT
    except ValueError:
        raise ConfigError(f"--resolver: expected an address, or address:port, got {text!r}") from None
