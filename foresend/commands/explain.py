"""`foresend explain USER TEMPLATE`: what the scores of a person's message are the sum of, from the stored decision."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import msgspec
from rich.console import Console
from rich.table import Table

from foresend.http_client import HttpClient
from schemas.errors import ConfigError, TransientError

DEFAULT_URL = "http://127.0.0.1:8090"
HTTP_PORT = 80
TOLERANCE = 1e-6
EXIT_FAILED = 1


class NotExplained(TransientError):
    """The gateway has no decision to explain; its message says why."""


class ExplainedSlot(msgspec.Struct, frozen=True):
    """One slot as the gateway explains it; all lists in the order of the variants."""

    variants: tuple[str, ...]
    probabilities: tuple[float, ...]
    scores: tuple[float, ...]
    terms: dict[str, tuple[float, ...]]
    affinities: tuple[float, ...]
    deviations: tuple[float, ...] = ()
    experience: int = 0


class Told(msgspec.Struct, frozen=True):
    """What the gateway tells of a message."""

    decision: str
    release: str
    reason: str = ""
    explain: dict[str, ExplainedSlot] | None = None


class Line(msgspec.Struct, frozen=True):
    """One variant: its score is the sum of its terms, in log-odds."""

    user: str
    template: str
    decision: str
    slot: str
    variant: str
    probability: float
    score: float
    deviation: float | None
    terms: dict[str, float]
    affinity: float
    experience: int


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("explain", help="what the scores of a person's message are the sum of")
    parser.add_argument("user", metavar="USER", help="the person's id")
    parser.add_argument("template", metavar="TEMPLATE", help="the template's name")
    parser.add_argument("--url", default=DEFAULT_URL, help="the gateway (default: %(default)s)")
    parser.add_argument("--key", default="", help="the gateway's API key, where it has one")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each variant")
    return parser


def run(arguments: Namespace) -> int:
    """Ask and print; 1 where nothing can be explained, or where terms do not sum to their score."""
    told = asyncio.run(_ask(arguments.url, arguments.user, arguments.template, arguments.key))
    lines = lines_of(told, arguments.user, arguments.template)
    if arguments.json:
        for line in lines:
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    else:
        _print(lines)
    wrong = [line for line in lines if abs(sum(line.terms.values()) - line.score) > TOLERANCE]
    for line in wrong:
        sys.stderr.write(f"slot {line.slot}, variant {line.variant}: expected terms that sum to the score\n")
    return EXIT_FAILED if wrong else 0


def lines_of(told: Told, user: str, template: str) -> list[Line]:
    """Slot by slot its variants, the likeliest first.

    Raises:
        NotExplained: default content is served: nobody chose it.
    """
    if told.explain is None:
        raise NotExplained(f"{template}: default content is served ({told.reason or 'no entry'}), which has no scores")
    lines = [
        Line(
            user=user,
            template=template,
            decision=told.decision,
            slot=name,
            variant=variant,
            probability=slot.probabilities[place],
            score=slot.scores[place],
            deviation=slot.deviations[place] if slot.deviations else None,
            terms={term: values[place] for term, values in slot.terms.items()},
            affinity=slot.affinities[place],
            experience=slot.experience,
        )
        for name, slot in told.explain.items()
        for place, variant in enumerate(slot.variants)
    ]
    slots = list(told.explain)
    return sorted(lines, key=lambda line: (slots.index(line.slot), -line.probability))


async def _ask(url: str, user: str, template: str, key: str) -> Told:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigError(f"--url: expected an address as {DEFAULT_URL}, got {url!r}")
    headers = [("authorization", f"Bearer {key}")] if key else []
    path = f"/v1/communications/{quote(template, safe='')}/{quote(user, safe='')}?format=json&explain=true"
    async with HttpClient(parts.hostname, parts.port or HTTP_PORT) as client:
        reply = await client.request("GET", path, headers=headers)
    if reply.status != HTTPStatus.OK:
        raise NotExplained(f"the gateway at {url} answered {reply.status}: {reply.body.decode(errors='replace')[:200]}")
    return msgspec.json.decode(reply.body, type=Told)


def _print(lines: list[Line]) -> None:
    console = Console()
    for slot in dict.fromkeys(line.slot for line in lines):
        own = [line for line in lines if line.slot == slot]
        table = Table(title=f"{slot} (own examples: {own[0].experience})", title_justify="left")
        table.add_column("variant")
        for name in ("probability", "score", "±", *own[0].terms, "affinity"):
            table.add_column(name, justify="right")
        for line in own:
            numbers = (line.score, line.deviation, *line.terms.values(), line.affinity)
            table.add_row(
                line.variant, f"{line.probability:.1%}", *["–" if n is None else f"{n:+.3f}" for n in numbers]
            )
        console.print(table)
    console.print("Scores are in log-odds; the terms of a line sum to its score.")
