"""Whether receivers of mails reach the host of their links: by https, with a certificate that they believe."""

import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from foresend.doctor.findings import Finding, fault, fine
from foresend.doctor.resolving import Address, Dns

CHECK = "dns.tracking"
EXPECTED = "https with a certificate of a known authority, from everywhere"
CONNECT_S = 5.0
DAYS_LEFT_MIN = 14
"""By then whatever renews it has failed: the usual ones renew a month before."""
DAY_S = 86_400
NO_SUCH = 500
"""From here on an answer says that nothing stands behind the host."""


def is_public(address: Address) -> bool:
    """Whether receivers anywhere reach it."""
    return address.is_global


def tracking_finding(dns: Dns, url: str, reaches: Callable[[Address], bool] = is_public) -> Finding:
    """The host of `serve.public_url`.

    reaches  whether an address can be reached by receivers

    Raises:
        DnsUnavailable: nobody says where it is.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not host:
        mend = "set FORESEND_SERVE_PUBLIC_URL=https://…, or give --tracking-url: links in mails lead there"
        return fault(CHECK, url or "no URL", EXPECTED, mend)
    addresses = dns.addresses(host)
    if not addresses:
        return fault(CHECK, f"no address for {host}", EXPECTED, f"publish A (and AAAA) {host}: of the gateway")
    hidden = [str(address) for address in addresses if not reaches(address)]
    if hidden:
        found = f"{host} is at {', '.join(hidden)}, which is not reached from everywhere"
        return fault(CHECK, found, EXPECTED, f"publish the public address of the gateway as A (and AAAA) {host}")
    for address in addresses:
        wrong = _asked(address, host, parts.port or 443)
        if wrong is not None:
            return wrong
    return fine(CHECK, f"{host} answers by https at {', '.join(map(str, addresses))}", EXPECTED)


def _asked(address: Address, host: str, port: int) -> Finding | None:
    """What is wrong at one address; None: nothing."""
    where = f"{host} ({address}, port {port})"
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((str(address), port), timeout=CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as channel,
        ):
            left = _days_left(channel)
            status = _status(channel, host, port)
    except ssl.SSLCertVerificationError as error:
        mend = f"have a certificate made for {host} by an authority that mail programs know, such as Let's Encrypt"
        return fault(CHECK, f"{where}: {error.verify_message}", EXPECTED, mend)
    except ssl.SSLError as error:
        return fault(CHECK, f"{where}: no TLS: {error.reason}", EXPECTED, "let what stands before serve speak TLS")
    except (OSError, HTTPException) as error:
        mend = f"start what stands before `foresend serve`, and open port {port} to everybody"
        return fault(CHECK, f"{where}: {type(error).__name__}", EXPECTED, mend)
    if left < DAYS_LEFT_MIN:
        return fault(CHECK, f"{where}: the certificate ends in {left} days", EXPECTED, "renew it, and see what should")
    if status >= NO_SUCH:
        return fault(CHECK, f"{where} answers {status}", EXPECTED, "let it lead to `foresend serve`, and start that")
    return None


def _days_left(channel: ssl.SSLSocket) -> int:
    ends = (channel.getpeercert() or {}).get("notAfter", "")
    return int((ssl.cert_time_to_seconds(str(ends)) - time.time()) / DAY_S)


def _status(channel: ssl.SSLSocket, host: str, port: int) -> int:
    connection = HTTPConnection(host, port, timeout=CONNECT_S)
    connection.sock = channel
    connection.request("GET", "/healthz")
    return connection.getresponse().status
