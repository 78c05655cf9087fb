"""Choosing free ports on loopback."""

from __future__ import annotations

import random
import socket

from schemas.errors import ConfigError

LOOPBACK = "127.0.0.1"
# Below the range from which the kernel takes the ports of outgoing connections (32768 and up
# on Linux): inside it, a client that keeps asking for a dead server's port can be given that
# very port as its own, connects to itself, and the server cannot come back.
FIRST, LAST = 15_000, 32_000
TRIES = 200


def free_port() -> int:
    """A port nobody listens on now; chosen at random, so that two callers at once rarely meet.

    Raises:
        ConfigError: nothing free was found.
    """
    chance = random.SystemRandom()
    for _ in range(TRIES):
        port = chance.randint(FIRST, LAST)
        if is_free(port):
            return port
    raise ConfigError(f"expected a free port between {FIRST} and {LAST} on {LOOPBACK}, found none in {TRIES} tries")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Java's server sockets do: connections of an earlier server may still be winding down.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Whether somebody answers on the port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False
