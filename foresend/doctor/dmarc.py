"""A domain's DMARC policy and its organisation, by the tree walk of DMARCbis (section 4.10): no list of suffixes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from foresend.doctor.resolving import Dns

LABELS_MAX = 8
"""Names longer than that are shortened after the first step (4.10)."""
POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True)
class Dmarc:
    """What holds for one domain.

    at            the name whose record it is; empty: there is none
    tags          of that record
    organisation  under which other domains are aligned with this one in relaxed mode
    """

    at: str
    tags: Mapping[str, str]
    organisation: str
    problems: list[str] = field(default_factory=list)

    def policy(self, domain: str) -> str:
        """What receivers shall do with what passes neither; `sp` where the record is an organisation's."""
        own = self.tags.get("p", "").lower()
        return own if self.at == domain else self.tags.get("sp", own).lower()


def dmarc_of(dns: Dns, domain: str) -> Dmarc:
    """Walk up from a domain."""
    problems: list[str] = []
    found = {name: tags for name in _way(domain) if (tags := _record(dns, name, problems))}
    organisation = _organisation(domain, found)
    at = next((name for name in (domain, organisation, *found) if name in found), "")
    return Dmarc(at, found.get(at, {}), organisation, problems)


def aligned(dns: Dns, one: str, other: str, mode: str) -> bool:
    """Whether two domains are aligned; `mode`: `s`, the same; else of one organisation."""
    if one == other or mode == "s":
        return one == other
    return dmarc_of(dns, one).organisation == dmarc_of(dns, other).organisation


def tags_of(text: str) -> dict[str, str]:
    """`v=DMARC1; p=none` as a mapping; also DKIM's form.

    >>> tags_of("v=DMARC1; p=none;")
    {'v': 'DMARC1', 'p': 'none'}
    """
    pairs = [part.partition("=") for part in text.split(";") if "=" in part]
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _way(domain: str) -> list[str]:
    labels = domain.split(".")
    start = [domain] if len(labels) > LABELS_MAX else []
    labels = labels[-(LABELS_MAX - 1) :] if start else labels
    return start + [".".join(labels[at:]) for at in range(len(labels))]


def _record(dns: Dns, name: str, problems: list[str]) -> dict[str, str]:
    records = [tags_of(text) for text in dns.texts(f"_dmarc.{name}") if text.startswith("v=DMARC1")]
    if len(records) > 1:
        problems.append(f"_dmarc.{name} has {len(records)} records, so receivers heed none")
    return records[0] if len(records) == 1 else {}


def _organisation(domain: str, found: Mapping[str, Mapping[str, str]]) -> str:
    for name, tags in found.items():
        if tags.get("psd") == "n":
            return name
        if tags.get("psd") == "y" and name != domain:
            labels = domain.split(".")
            return ".".join(labels[-(name.count(".") + 2) :])
    # The shortest name that has one: found from the domain upwards.
    return list(found)[-1] if found else domain
