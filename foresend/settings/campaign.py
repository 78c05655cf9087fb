"""Settings of `foresend campaign`."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

SECTION = "campaign"


@dataclass(frozen=True)
class CampaignSettings:
    """Whom a campaign is told.

    gateways  addresses of all nodes: each acts for its own part of the people
    key       an API key with the right `send`; none: the nodes are on this machine, and open
    """

    gateways: tuple[str, ...] = ("http://127.0.0.1:8090",)
    key: str = field(default="", repr=False)

    def problems(self) -> list[str]:
        """What is wrong with these values; nothing when they can be used."""
        wrong = [url for url in self.gateways if not _is_origin(url)]
        found = [f"campaign.gateways: expected addresses as http://127.0.0.1:8090, got {url!r}" for url in wrong]
        if not self.gateways or len(set(self.gateways)) < len(self.gateways):
            found.append("campaign.gateways: expected the address of each node, once")
        return found


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.path in {"", "/"}
