"""Headers of a message as bytes: nothing that a value holds can begin a header of its own.

Lines are folded here and everything is ASCII, so that no program on the way has a reason to change a byte (RFC 5322,
RFC 2047). Values are cleaned first: no control characters, and none that turn the direction of what follows.
"""

import re
import unicodedata
from base64 import b64encode

from connectors.contacts.addresses import normalised_email
from connectors.delivery.lease import Unsendable

LINE_MAX = 76
"""Characters of a line that holds an encoded word (RFC 2047, 2)."""
WORD_BYTES = 39
"""UTF-8 in one encoded word: 52 of base64 and 12 around it, and the longest name of a header before the first."""
NAME_MAX = 128
TEXT_MAX = 900
SENDER_STATUS = "5.1.7"
"""Bad sender's mailbox address syntax (RFC 3463)."""
RECIPIENT_STATUS = "5.1.3"
"""Bad destination mailbox address syntax (RFC 3463)."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]+")
_BLANKS = re.compile(" {2,}")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_QUOTABLE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})


def clean(text: str, length_max: int = TEXT_MAX) -> str:
    r"""A value on one line, without characters that are not seen or turn the line around.

    >>> clean(" Sale\r\nBcc: all@example.com ")
    'Sale Bcc: all@example.com'
    """
    return _BLANKS.sub(" ", _TURNING.sub("", _CONTROL.sub(" ", text))).strip(" ")[:length_max].rstrip(" ")


def text_line(name: str, value: str) -> bytes:
    r"""A header of free text.

    >>> text_line("Subject", "Ein Gruß")
    b'Subject: =?utf-8?b?RWluIEdydcOf?=\r\n'
    """
    value = clean(value)
    words = value.split(" ")
    if _PLAIN.fullmatch(value) and "=?" not in value and max(map(len, words)) < LINE_MAX - len(name) - 2:
        return _folded(name, words)
    return f"{name}: {_encoded(value)}\r\n".encode("ascii")


def mailbox_line(name: str, shown: str, address: str) -> bytes:
    r"""A header of one address; `shown` may be empty.

    >>> mailbox_line("From", "Ann, of the shop", "ann@shop.example")
    b'From: "Ann, of the shop" <ann@shop.example>\r\n'
    """
    phrase = _phrase(clean(shown, NAME_MAX))
    if not phrase:
        return f"{name}: {address}\r\n".encode()
    gap = " " if len(name) + len(phrase) + len(address) + 5 <= LINE_MAX and "\r\n" not in phrase else "\r\n "
    return f"{name}: {phrase}{gap}<{address}>\r\n".encode()


def address_of(text: str, status: str = RECIPIENT_STATUS) -> str:
    """An address as it stands in headers and in the envelope, quoted where it has to be.

    Raises:
        Unsendable: it is none, or holds what no address of a person does; the message quotes nothing of it.
    """
    found = normalised_email(text)
    if found is None or found != text:
        raise Unsendable(status, "expected an address as contacts are kept with, got another text")
    local, _, domain = found.rpartition("@")
    if not local.isascii():
        if {unicodedata.category(character) for character in local} & _UNSEEN or set(local) & set("()[]\\:"):
            raise Unsendable(status, "expected an address without unseen characters, got one that has some")
        return found
    if _DOT_ATOM.fullmatch(local):
        return found
    if not _QUOTABLE.fullmatch(local):
        raise Unsendable(status, "expected an address of letters, digits and !#$%&'*+/=?^_`{|}~.-, got another")
    # Dots side by side are no address by the letter, but people of some providers have them.
    return f'"{local}"@{domain}'


def _phrase(name: str) -> str:
    if not name or _ATOMS.fullmatch(name):
        return name if "=?" not in name and len(name) < LINE_MAX - 12 else _encoded(name)
    if _PLAIN.fullmatch(name) and len(name) < LINE_MAX - 16:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"' if "=?" not in name else _encoded(name)
    return _encoded(name)


def _encoded(value: str) -> str:
    """Encoded words of RFC 2047, a line each; no character is cut in two."""
    words, word = [], b""
    for character in value:
        code = character.encode()
        if len(word) + len(code) > WORD_BYTES:
            words.append(word)
            word = b""
        word += code
    words.append(word)
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in words)


def _folded(name: str, words: list[str]) -> bytes:
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + len(word) + 1 > LINE_MAX and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return ("\r\n".join(lines) + "\r\n").encode("ascii")
