"""Whether a program can listen where it is told to: the port is free, or it is the program itself that has it."""

import errno
import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from foresend.doctor.findings import Finding, fault, fine

ANSWER_S = 2.0
LISTENS = "0A"
"""The state TCP_LISTEN in /proc/net/tcp."""
PRIVILEGED = 1024


def port_finding(name: str, host: str, port: int, variable: str, is_ours: bool = False) -> Finding:
    """One port of one program.

    variable  of the environment, by which another port is chosen
    is_ours   it is known that the program itself listens there
    """
    check, where, program = f"port.{name}", f"{host}:{port}", name.partition(".")[0]
    expected = f"{where} is free, or foresend {program} listens there"
    if port == 0:
        return fine(check, "any free one is taken", expected)
    try:
        _listen(host, port)
    except socket.gaierror:
        return fault(check, f"{host} is no address", expected, f"mend the host beside {variable}")
    except OSError as error:
        if error.errno == errno.EADDRINUSE and (is_ours or _is_foresend(host, port)):
            return fine(check, f"foresend listens at {where}", expected)
        return fault(check, *_trouble(error, where, port, expected, variable))
    return fine(check, f"{where} is free", expected)


def _listen(host: str, port: int) -> None:
    """Do what the program will do, and stop at once.

    Raises:
        OSError: it cannot.
    """
    family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, number) as probe:
        # As servers do: connections of an earlier one may still be winding down.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        # On Linux two may bind with that option as long as neither listens.
        probe.listen(1)


def _trouble(error: OSError, where: str, port: int, expected: str, variable: str) -> tuple[str, str, str]:
    other = f"set {variable} to another port"
    if error.errno == errno.EADDRINUSE:
        who = holder(port)
        return f"{where} is taken by {who or 'another program'}", expected, f"end {who or 'that program'}, or {other}"
    if error.errno == errno.EACCES:
        found = f"this user may not listen at {where}: ports below {PRIVILEGED} are root's"
        return found, expected, f"{other}, or set the sysctl net.ipv4.ip_unprivileged_port_start"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {where.rpartition(':')[0]}", expected, f"mend the host beside {variable}"
    return f"{where}: {error.strerror}", expected, other


def _is_foresend(host: str, port: int) -> bool:
    """Whether what listens has metrics of ours, or greets as our LMTP does."""
    reachable = "127.0.0.1" if host in {"0.0.0.0", "", "::"} else host  # noqa: S104 - asked, not listened on
    connection = HTTPConnection(reachable, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/metrics")
        return b"foresend_" in connection.getresponse().read()
    except HTTPException as error:
        return "foresend" in str(error)
    except OSError:
        return False
    finally:
        connection.close()


def holder(port: int, proc: Path = Path("/proc")) -> str:
    """The process that listens on a port, as `process 12 (nginx)`; empty where this user may not see it."""
    wanted = {f"socket:[{inode}]" for name in ("tcp", "tcp6") for inode in _inodes(proc / "net" / name, port)}
    if not wanted:
        return ""
    for process in proc.iterdir():
        if process.name.isdigit() and _holds(process / "fd", wanted):
            return f"process {process.name} ({_name(process)})"
    return ""


def _inodes(table: Path, port: int) -> list[str]:
    """Of sockets that listen on the port."""
    if not table.exists():
        return []
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    return [row[9] for row in rows if row[3] == LISTENS and int(row[1].rpartition(":")[2], 16) == port]


def _holds(folder: Path, wanted: set[str]) -> bool:
    try:
        return any(_target(one) in wanted for one in folder.iterdir())
    except OSError:
        return False


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "ended by now"
