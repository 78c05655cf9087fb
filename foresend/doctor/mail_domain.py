"""A domain that mail is sent from: what DNS says of it, as receivers will ask."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address

from connectors.delivery.dkim import DkimKeys
from foresend.doctor.configured import Sources, read
from foresend.doctor.dkim_records import Signer, dkim_finding
from foresend.doctor.dmarc import POLICIES, aligned, dmarc_of
from foresend.doctor.findings import Finding, Program, fault, fine
from foresend.doctor.resolving import Address, Dns, DnsUnavailable
from foresend.doctor.spf import SpfReader
from foresend.doctor.tracking_host import is_public, tracking_finding
from schemas.errors import ConfigError

Check = Callable[[], Iterator[Finding]]


@dataclass(frozen=True)
class MailDomain:
    """What is known of how a domain's mail is sent.

    domain         of the sender's address, which people see
    signers        keys by which messages are signed
    return_domain  of the address that bounces go to; empty: the relay's own choice
    sends_from     addresses of the relay
    tracking_url   of links in mails
    told           faults of settings, met while these facts were read
    """

    dns: Dns
    domain: str
    signers: tuple[Signer, ...] = ()
    return_domain: str = ""
    sends_from: tuple[Address, ...] = ()
    tracking_url: str = ""
    told: tuple[Finding, ...] = ()
    reaches: Callable[[Address], bool] = field(default=is_public, compare=False)


def mail_domain_of(
    sources: Sources,
    domain: str,
    *,
    resolver: str | None = None,
    selectors: tuple[str, ...] = (),
    return_domain: str | None = None,
    sends_from: tuple[str, ...] = (),
    tracking_url: str | None = None,
) -> MailDomain:
    """By the options, else by the settings of `deliver` and `serve`.

    Raises:
        ConfigError: an option cannot be understood.
    """
    try:
        addresses = tuple(ip_address(text) for text in sends_from)
    except ValueError:
        raise ConfigError("--sends-from: expected an address such as 192.0.2.1") from None
    domain = domain.rstrip(".").lower()
    told = read(sources, frozenset({Program.DELIVER, Program.SERVE}), frozenset())
    try:
        keys = told.deliver.stationery().keys
    except ConfigError:
        keys = DkimKeys()
    signers = [Signer(domain, name) for name in selectors]
    if not signers:
        signers = [Signer(key.domain, key.selector, key.key) for key in keys.aligned(domain)]
    return MailDomain(
        dns=Dns(resolver),
        domain=domain,
        signers=tuple(signers),
        return_domain=(return_domain or told.deliver.return_address.rpartition("@")[2]).lower(),
        sends_from=addresses,
        tracking_url=tracking_url or told.serve.public_url,
        told=tuple(one for one in told.findings if not one.ok and one.check != "settings.kafka"),
    )


def mail_domain_findings(wanted: MailDomain) -> Iterator[Finding]:
    """Each finding as soon as it is there; where nobody answers for one, that is told of it."""
    yield from wanted.told
    checks: tuple[tuple[str, Check], ...] = (
        ("dns.spf", partial(_spf, wanted)),
        ("dns.dkim", partial(_dkim, wanted)),
        ("dns.dmarc", partial(_dmarc, wanted)),
        ("dns.alignment", partial(_alignment, wanted)),
        ("dns.ptr", partial(_ptr, wanted)),
        ("dns.bounces", partial(_bounces, wanted)),
        ("dns.tracking", partial(_tracking, wanted)),
    )
    for name, check in checks:
        try:
            yield from check()
        except DnsUnavailable as error:
            yield fault(name, str(error), "an answer of DNS", "ask again; name another resolver by --resolver")


def _spf(wanted: MailDomain) -> Iterator[Finding]:
    """Receivers ask for the domain that bounces go to."""
    domain = wanted.return_domain or wanted.domain
    expected = f"one record at {domain} that names whoever sends, and ends in -all or ~all"
    reader = SpfReader(wanted.dns)
    policy = reader.read(domain)
    example = " ".join(f"ip{one.version}:{one}" for one in wanted.sends_from) or "include:YOUR-RELAY"
    if reader.problems:
        mend = f'publish one TXT {domain}: "v=spf1 {example} -all", with at most ten lookups in it'
        yield fault("dns.spf", "; ".join(reader.problems), expected, mend)
    elif policy.others not in {"-", "~"}:
        found = f"{domain} ends in {policy.others}all: anybody may send"
        yield fault("dns.spf", found, expected, f"end TXT {domain} in -all")
    elif refused := [one for one in wanted.sends_from if policy.verdict(one) != "+"]:
        named = ", ".join(map(str, refused))
        mend = f"put {' '.join(f'ip{one.version}:{one}' for one in refused)} into TXT {domain}, before its all"
        yield fault("dns.spf", f"{domain} does not name {named}", expected, mend)
    else:
        yield fine("dns.spf", f"{domain}: {reader.lookups} lookups, {policy.others}all", expected)


def _dkim(wanted: MailDomain) -> Iterator[Finding]:
    if not wanted.signers:
        mend = "set FORESEND_DELIVER_DKIM=domain:selector:file, or name by --selector the key your relay signs with"
        yield fault("dns.dkim", f"no key for {wanted.domain} is known", "messages are signed", mend)
    for signer in wanted.signers:
        yield dkim_finding(wanted.dns, signer)


def _dmarc(wanted: MailDomain) -> Iterator[Finding]:
    domain = wanted.domain
    expected = f"one record at _dmarc.{domain}, or above, with p= one of {', '.join(POLICIES)}"
    told = dmarc_of(wanted.dns, domain)
    mend = f'publish one TXT _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'
    if told.problems or not told.at:
        yield fault("dns.dmarc", "; ".join(told.problems) or f"none for {domain}", expected, mend)
    elif told.policy(domain) not in POLICIES:
        yield fault("dns.dmarc", f"_dmarc.{told.at}: p={told.policy(domain) or ' is missing'}", expected, mend)
    else:
        yield fine("dns.dmarc", f"_dmarc.{told.at}: {told.policy(domain)}", expected)


def _alignment(wanted: MailDomain) -> Iterator[Finding]:
    """DMARC passes where the domain that is signed for, or that bounces go to, is aligned with the sender's."""
    domain = wanted.domain
    expected = f"the domain of DKIM's d= or that of bounces is aligned with {domain}"
    tags = dmarc_of(wanted.dns, domain).tags
    pairs = [("DKIM's d=", signer.domain, tags.get("adkim", "r")) for signer in wanted.signers]
    pairs += [("bounces", wanted.return_domain, tags.get("aspf", "r"))] if wanted.return_domain else []
    said = {
        f"{what} {other} ({'strict' if mode == 's' else 'relaxed'})": aligned(wanted.dns, domain, other, mode)
        for what, other, mode in pairs
    }
    found = ", ".join(f"{name} {'is aligned' if fits else 'is not'}" for name, fits in said.items())
    if any(said.values()):
        yield fine("dns.alignment", found, expected)
        return
    mend = (
        f"sign with a key of {domain} (FORESEND_DELIVER_DKIM), or have bounces go to a domain of the same organisation"
    )
    yield fault("dns.alignment", found or "neither is known", expected, mend)


def _ptr(wanted: MailDomain) -> Iterator[Finding]:
    """Receivers want a name of whoever connects, that leads back to its address."""
    expected = "each sending address has a name that leads back to it"
    spf = SpfReader(wanted.dns).read(wanted.return_domain or wanted.domain)
    addresses = wanted.sends_from or tuple(spf.single_addresses)
    if not addresses:
        found = "not looked at: SPF names no single address, so whoever relays has the names (or give --sends-from)"
        yield fine("dns.ptr", found, expected)
        return
    wrong = []
    for address in addresses:
        names = wanted.dns.names(address)
        if not any(address in wanted.dns.addresses(name) for name in names):
            wrong.append(
                f"{address} is called {', '.join(names) or 'nothing'}" + (", which leads elsewhere" * bool(names))
            )
    mend = "have whoever owns the addresses publish PTR to the relay's name, and A or AAAA of that name"
    found = "; ".join(wrong) or f"{', '.join(map(str, addresses))}: named, and back"
    yield Finding("dns.ptr", not wrong, found, expected, mend if wrong else "")


def _bounces(wanted: MailDomain) -> Iterator[Finding]:
    domain = wanted.return_domain
    if not domain:
        return
    expected = f"{domain} takes mail: bounces come there"
    hosts = wanted.dns.mail_hosts(domain) or [domain]
    reached = [host for host in hosts if host and wanted.dns.addresses(host)]
    if reached:
        yield fine("dns.bounces", ", ".join(reached), expected)
        return
    mend = f"publish MX {domain}: of the mail server that hands over to `foresend inbound`, and its A or AAAA"
    yield fault("dns.bounces", f"no host with an address takes mail for {domain}", expected, mend)


def _tracking(wanted: MailDomain) -> Iterator[Finding]:
    yield tracking_finding(wanted.dns, wanted.tracking_url, wanted.reaches)
