"""Who may send for a domain: SPF (RFC 7208), read whole and evaluated for one address."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from foresend.doctor.resolving import Address, Dns

LOOKUPS_MAX = 10
"""More, and receivers take the whole record for broken (RFC 7208, 4.6.4)."""
VERSION = "v=spf1"
QUALIFIERS = "+-~?"
Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Term:
    """One mechanism. `networks`: that it names or leads to; `child`: what an `include` leads to."""

    qualifier: str
    kind: str
    networks: tuple[Network, ...] = ()
    child: "Policy | None" = None

    def matches(self, address: Address) -> bool:
        """Whether it holds for an address. `exists` and `ptr` are not evaluated: they never do."""
        if self.kind == "include":
            return self.child is not None and self.child.verdict(address) == "+"
        return self.kind == "all" or any(address in network for network in self.networks)


@dataclass(frozen=True)
class Policy:
    """One record; with what it is redirected to."""

    terms: tuple[Term, ...] = ()
    redirect: "Policy | None" = None

    def verdict(self, address: Address) -> str:
        """`+` pass, `-` fail, `~` softfail, `?` neutral."""
        for term in self.terms:
            if term.matches(address):
                return term.qualifier
        return self.redirect.verdict(address) if self.redirect else "?"

    @property
    def others(self) -> str:
        """What it says of everybody else: the qualifier of `all`."""
        said = next((term.qualifier for term in self.terms if term.kind == "all"), "")
        return said or (self.redirect.others if self.redirect else "?")

    @property
    def single_addresses(self) -> list[Address]:
        """Those that the record itself names one by one: its own machines, not a provider's networks."""
        return [
            network.network_address
            for term in self.terms
            if term.qualifier == "+" and term.kind != "include"
            for network in term.networks
            if network.num_addresses == 1
        ]


@dataclass
class SpfReader:
    """Reads a domain's record and all that it includes, and keeps what is wrong with them."""

    dns: Dns
    problems: list[str] = field(default_factory=list)
    lookups: int = 0

    def read(self, domain: str) -> Policy:
        """The record. An empty one where there is none, or several."""
        policy = self._read(domain, ())
        if self.lookups > LOOKUPS_MAX:
            self.problems.append(f"{self.lookups} terms need a lookup; {LOOKUPS_MAX} are allowed")
        return policy

    def _read(self, domain: str, way: tuple[str, ...]) -> Policy:
        if domain in way or self.lookups > 2 * LOOKUPS_MAX:
            self.problems.append(f"{domain} includes itself" if domain in way else f"not read beyond {domain}")
            return Policy()
        records = [text for text in self.dns.texts(domain) if f"{text.lower()} ".startswith(f"{VERSION} ")]
        if len(records) != 1:
            self.problems.append(f"{domain} has {len(records) or 'no'} records that begin with {VERSION}")
            return Policy()
        words = records[0].split()[1:]
        terms = [self._term(word, domain, way) for word in words if "=" not in word.partition(":")[0]]
        target = next((word[9:] for word in words if word.lower().startswith("redirect=")), "")
        # Beside `all` a redirect is not followed (6.1).
        if target and not any(term.kind == "all" for term in terms):
            return Policy(tuple(terms), self._follow(target, domain, way))
        return Policy(tuple(terms))

    def _follow(self, target: str, domain: str, way: tuple[str, ...]) -> Policy | None:
        self.lookups += 1
        return None if "%" in target else self._read(target.lower(), (*way, domain))

    def _term(self, word: str, domain: str, way: tuple[str, ...]) -> Term:
        qualifier, rest = (word[0], word[1:]) if word[0] in QUALIFIERS else ("+", word)
        name, _, value = rest.partition(":")
        kind = name.partition("/")[0].lower()
        if kind == "include":
            return Term(qualifier, kind, child=self._follow(value, domain, way))
        if kind in {"ip4", "ip6"}:
            return Term(qualifier, kind, self._networks([value]))
        if kind in {"a", "mx"}:
            return Term(qualifier, kind, self._hosts(kind, value or name, domain))
        if kind in {"exists", "ptr"}:
            self.lookups += 1
        elif kind != "all":
            self.problems.append(f"{domain} has the unknown term {word!r}")
        return Term(qualifier, kind)

    def _hosts(self, kind: str, value: str, domain: str) -> tuple[Network, ...]:
        """Networks about the addresses of a name, or of its mail hosts."""
        self.lookups += 1
        # As `a:host/24//64`: of IPv4, then of IPv6.
        before, _, length6 = value.partition("//")
        name, _, length4 = before.partition("/")
        name = domain if name.lower() == kind else name
        if "%" in name:
            return ()
        hosts = self.dns.mail_hosts(name) if kind == "mx" else [name]
        lengths = {4: length4 or "32", 6: length6 or "128"}
        found = [address for host in hosts if host for address in self.dns.addresses(host)]
        return self._networks([f"{one}/{lengths[one.version]}" for one in found])

    def _networks(self, texts: list[str]) -> tuple[Network, ...]:
        found = []
        for text in texts:
            try:
                found.append(ip_network(text, strict=False))
            except ValueError:
                self.problems.append(f"{text!r} is no network")
        return tuple(found)
