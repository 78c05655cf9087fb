"""What is taken out of an event before it is written anywhere."""

import ipaddress
from typing import Any

_V4_BITS = 24
_V6_BITS = 48


def reduced_context(context: dict[str, Any]) -> dict[str, Any]:
    """The context as it may be stored: the address is cut to its network, or left out where it is none."""
    if "ip" not in context:
        return context
    network = network_of(context["ip"])
    rest = {name: value for name, value in context.items() if name != "ip"}
    return rest if network is None else {**rest, "ip": network}


def network_of(address: Any) -> str | None:
    """The first address of the network: the last octet of IPv4, all after /48 of IPv6 become zero.

    >>> network_of("67.207.109.102"), network_of("2001:db8:1:2::3"), network_of("here")
    ('67.207.109.0', '2001:db8:1::', None)
    """
    if not isinstance(address, str):
        return None
    try:
        found = ipaddress.ip_address(address.strip())
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    found = mapped or found
    bits = _V4_BITS if found.version == 4 else _V6_BITS
    plain = str(found).partition("%")[0]
    return str(ipaddress.ip_network(f"{plain}/{bits}", strict=False).network_address)
