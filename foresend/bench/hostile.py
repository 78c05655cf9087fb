"""Strings that mean harm, in every place of a message that a person or a workspace fills: what comes of them."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import repeat
from random import Random
from time import perf_counter

from connectors.delivery.channels.outbound import Blocked, Outbound, Unanswered, Unsent, is_public
from connectors.delivery.lease import Unsendable
from connectors.delivery.mime import Mail, Stationery, mail_of
from foresend.bench.figures import Run
from foresend.bench.sizes import size
from foresend.bench.telling import Tell
from schemas.ids import Locale, SendId, TemplateName, UserId, WorkspaceId
from schemas.library import MessageClass, Sender
from schemas.sending import Grant, Headers

SEED = 11
STRINGS_A_MESSAGE = 5
TELL_EVERY = 10_000
AT_MS = 1_700_000_000_000
FROM = "news@shop.example"
PIECES = (
    *("\r\nBcc: all@people.example", "\nSubject: other", "\rTo: evil@people.example", "\r\n\r\n<b>body</b>"),
    *("\r\n.\r\n", "\r\nMAIL FROM:<evil@people.example>", "\r\nRCPT TO:<evil@people.example>\r\nDATA\r\n"),
    *("> ORCPT=rfc822;a", "\x00", "evil@[127.0.0.1]", "a" * 300, '"', "\\"),
    *("=?utf-8?q?=0D=0ABcc:_evil@people.example?=", "=?utf-8?b?DQpCY2M6IGE=?="),
    *("%0d%0aBcc:x", "\u2028To: x", "\x85Cc: x", "localhost", "evil.example", ":80", ":22"),
    *("evil@people.example", "<evil@people.example>", ", evil@people.example", '" <evil@people.example>'),
    *("ann@people.example", "user@people.example\r\n", "a..b@people.example", "ü@people.example", "@"),
    *("\u202e", "\u2066", "\u200f", "\ufeff", "\x1b[2J", "\x7f", "\U000e0041", "\U0001f469\u200d\U0001f467", "e\u0301"),
    *("https://", "http://", "javascript:", "file:///etc/passwd", "//", "127.0.0.1", "169.254.169.254", "[::1]"),
    *("10.0.0.1", "192.168.0.1", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "people.example"),
    *("user:pass@", "/latest/meta-data/", "?x=", "#", "..", "/", " ", "\t", "grüße", "名前", "{{ 7*7 }}", "<script>"),
)  # fmt: skip
_LINE = re.compile(rb"[A-Za-z-]+: [\x20-\x7e]*|[ \t][\x20-\x7e]*")


@dataclass(frozen=True)
class HostileSizes:
    """How many."""

    strings: int = size(1_000_000, "hostile strings in names, subjects, ids, addresses and links")
    seed: int = size(SEED, "of the strings")


@dataclass
class Found:
    """What came of them."""

    messages: int = 0
    refused: int = 0
    header_injections: int = 0
    foreign_recipients: int = 0
    requests: int = 0
    private_requests: int = 0


def measure(sizes: HostileSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line: how many there were, and 0 in each place where one of them would have done harm."""
    started = perf_counter()
    found = asyncio.run(tried(sizes.strings, sizes.seed, tell))
    yield [
        Run(
            {
                "strings": sizes.strings,
                "messages": found.messages,
                "refused": found.refused,
                "header_injections": found.header_injections,
                "foreign_recipients": found.foreign_recipients,
                "requests": found.requests,
                "private_requests": found.private_requests,
            },
            {"strings_per_s": sizes.strings / (perf_counter() - started)},
        )
    ]


async def tried(strings: int, seed: int, tell: Tell) -> Found:
    """Build messages, and ask addresses, of so many hostile strings."""
    found = Found()
    random = Random(seed)
    guard = _Guard(random, found)
    outbound = Outbound(resolve=guard.resolve, connect=guard.connect)
    with tell.bar("trying hostile strings", strings) as moved:
        for number in range(0, strings, STRINGS_A_MESSAGE):
            words = [hostile(random) for _ in range(STRINGS_A_MESSAGE)]
            _try_message(_grant(number, words), found)
            # A link is asked for by a channel only where an operator named it: these are as if one had.
            await _try_link(outbound, "https://" + words[4])
            await _try_link(outbound, words[4])
            if number % TELL_EVERY == 0:
                moved(number)
    return found


def hostile(random: Random) -> str:
    """One string of some pieces, and now and then of any characters there are."""
    words = random.choices(PIECES, k=random.randint(1, 4))
    if random.random() < 0.2:
        points = (random.randrange(0x110000) for _ in repeat(None, random.randint(1, 12)))
        words.append("".join(chr(point) for point in points if not 0xD800 <= point < 0xE000))
    random.shuffle(words)
    return "".join(words)


def _grant(number: int, words: Sequence[str]) -> Grant:
    name, subject, template, address, url = words
    # Two of three messages have an address, or a link, that is right, or nearly all were refused.
    turn = number // STRINGS_A_MESSAGE % 3
    return Grant(
        workspace=WorkspaceId(template[:40] or "shop"),
        send_id=SendId(name),
        user=UserId(name),
        template=TemplateName(template),
        message_class=MessageClass.MARKETING,
        channel="smtp",
        address=f"user{number}@people.example" if turn else address,
        sender=Sender(name, FROM),
        locale=Locale(subject),
        subject=subject,
        preheader=subject,
        html=f"<p>{name}</p>{subject}",
        text=f"{name}\n{subject}",
        headers=Headers(f"{number}@shop.example", "r1", f"https://go.shop.example/u/{number}" if turn < 2 else url),
        digest=sha256(name.encode()).hexdigest(),
        attempt=1,
        lease_ms=1,
        at_ms=AT_MS,
        campaign=template,
    )


_EXPECTED = frozenset(
    {b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id",
     b"list-id", b"content-language", b"mime-version", b"content-type", b"content-transfer-encoding"}
)  # fmt: skip

_NEEDED = frozenset({b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"})


def _try_message(grant: Grant, found: Found) -> None:
    found.messages += 1
    try:
        mail = mail_of(grant, Stationery())
    except Unsendable:
        found.refused += 1
        return
    found.header_injections += not is_sound(mail)
    found.foreign_recipients += not is_to(mail, grant.address)


def is_sound(mail: Mail) -> bool:
    """Whether every header of a message is one that we wrote, once, on lines that hold nothing but what they may."""
    head, blank, body = mail.data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    raw = head if not mail.is_international else head.replace(mail.recipient.encode(), b"x")
    names = [line.partition(b":")[0].lower() for line in lines if not line.startswith((b" ", b"\t"))]
    bare = re.search(rb"[^\r]\n|\r[^\n]", mail.data) is not None
    return (
        bool(blank and body)
        and not bare
        and len(names) == len(set(names))
        and set(names) <= _EXPECTED
        and set(names) >= _NEEDED
        and all(_LINE.fullmatch(line) for line in raw.split(b"\r\n"))
    )


def is_to(mail: Mail, address: str) -> bool:
    """Whether a message goes to one address and to no other, in its envelope and in its headers."""
    plain = mail.recipient.replace('"', "")
    header = re.search(rb"(?m)^To: ?(?:\r\n )?(.*?)\r$", mail.data)
    return (
        plain == address
        and re.fullmatch(r"[^\s<>,;:\x00-\x1f\x7f]+", mail.recipient) is not None
        and header is not None
        and header[1].decode() == mail.recipient
    )


class _Guard:
    """Names that mean a public address, a private one, or both in turn; and a network that only counts."""

    def __init__(self, random: Random, found: Found) -> None:
        self._random = random
        self._found = found

    async def resolve(self, host: str, _port: int) -> Sequence[str]:
        """A host in numbers means itself; any other name what a hostile name server says."""
        numbers = host.strip("[]")
        if is_public(numbers) or numbers[:1].isdigit() or ":" in numbers:
            return [numbers]
        return self._random.choice(
            (["93.184.215.14"], ["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["::ffff:127.0.0.1"])
        )

    async def connect(
        self, address: str, _port: int, _tls: object, _name: str | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Count where a connection would go, and make none."""
        self._found.requests += 1
        self._found.private_requests += not is_public(address)
        raise ConnectionRefusedError


async def _try_link(outbound: Outbound, url: str) -> None:
    try:
        await outbound.post(url, b"", (), lambda: True)
    except (Blocked, Unsent, Unanswered):
        return
