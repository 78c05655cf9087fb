"""A DNS server on loopback that answers what it is told, by UDP."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Zone = Mapping[str, Sequence[str]]
"""`name TYPE` → records, in the presentation form but for TXT: a text as it is."""
FAILS = "SERVFAIL"
"""In place of records: the server says that it failed."""


@contextmanager
def name_server(zone: Zone) -> Iterator[str]:
    """Its `address:port`, for the length of the block."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(door, zone), name="name-server", daemon=True)
        thread.start()
        yield f"127.0.0.1:{door.getsockname()[1]}"
        # An empty datagram ends it.
        door.sendto(b"", door.getsockname())
        thread.join(10)


def _serve(door: socket.socket, zone: Zone) -> None:
    while True:
        wire, asker = door.recvfrom(4096)
        if not wire:
            return
        door.sendto(_answer(dns.message.from_wire(wire), zone).to_wire(), asker)


def _answer(query: dns.message.Message, zone: Zone) -> dns.message.Message:
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.RA
    (question,) = query.question
    name, kind = question.name.to_text().rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype)
    records = zone.get(f"{name} {kind}", ())
    if FAILS in records:
        answer.set_rcode(dns.rcode.SERVFAIL)
    elif records:
        texts = [_quoted(text) if kind == "TXT" else text for text in records]
        answer.answer.append(dns.rrset.from_text_list(question.name, 60, dns.rdataclass.IN, question.rdtype, texts))
    elif not any(one.startswith(f"{name} ") for one in zone):
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer


def _quoted(text: str) -> str:
    """A text in parts of at most 255 bytes, as TXT has it."""
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
