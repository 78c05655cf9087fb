"""`foresend explain USER TEMPLATE`: what the scores of a person's message are the sum of, from the stored decision."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors.http.client import HttpClient
from foresend.explaining import FeaturesTold, Line, NotExplained, Told, features_of, lines_of
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from schemas.errors import ConfigError, PersonalizationError

DEFAULT_URL = "http://127.0.0.1:8090"
HTTP_PORT = 80
TOLERANCE = 1e-6
MISSING_MAX = 1e-5
"""Between a term's features and the term: both are kept as float32."""
FEATURES = 4
EXIT_FAILED = 1
BAR = 16
"""Characters of the longest bar."""
NUMBER_WIDTH = 6
TERMS = {
    "prior": "everybody",
    "content": "own reactions",
    "collaborative": "people alike",
    "sequence": "last events",
    "all": "level",
}
WORDS = {
    "bias": "whatever is shown",
    "own": "how this person answers",
    "recent": "how this person answered lately",
    "affinity": "interest in what it is about",
    "top": "the strongest interest",
    "popularity": "how much it is met",
    "age": "how old it is",
    "all": "the same for every variant",
    "bound": "cut off",
}


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> ArgumentParser:
    """Add the command to the front door."""
    parser = subparsers.add_parser("explain", help="what the scores of a person's message are the sum of")
    parser.add_argument("user", metavar="USER", help="the person's id")
    parser.add_argument("template", metavar="TEMPLATE", help="the template's name")
    parser.add_argument("--url", default=DEFAULT_URL, help="the gateway (default: %(default)s)")
    parser.add_argument("--key", default="", help="the gateway's API key, where it has one")
    parser.add_argument(
        "--features", type=int, default=FEATURES, metavar="N", help="told of each term (default: %(default)s; 0: none)"
    )
    parser.add_argument("--all", action="store_true", help="tell the features of every variant, not the likeliest's")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each variant")
    add_kafka_arguments(parser)
    return parser


def run(arguments: Namespace) -> int:
    """Ask and print; 1 where nothing can be explained, or where a sum is not what it should be."""
    told = asyncio.run(_ask(arguments.url, arguments.user, arguments.template, arguments.key))
    lines = lines_of(told, arguments.user, arguments.template, _features(told, arguments))
    if arguments.json:
        for line in lines:
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    else:
        _print(lines, every=arguments.all)
    wrong = [line for line in lines if abs(sum(line.terms.values()) - line.score) > TOLERANCE]
    for line in wrong:
        sys.stderr.write(f"slot {line.slot}, variant {line.variant}: expected terms that sum to the score\n")
    missed = [line for line in lines if line.features_missing > MISSING_MAX]
    for line in missed:
        sys.stderr.write(
            f"slot {line.slot}, variant {line.variant}: expected features that sum to their terms, "
            f"they miss {line.features_missing:.2g}: was the job upgraded since the decision?\n"
        )
    return EXIT_FAILED if wrong or missed else 0


def _features(told: Told, arguments: Namespace) -> FeaturesTold | None:
    """None, and why, where Kafka is not named or does not have the decision's world any more: terms need none of it."""
    if not told.stored or arguments.features <= 0:
        return None
    try:
        return features_of(told.stored, kafka_settings(arguments), arguments.features)
    except PersonalizationError as error:
        sys.stderr.write(f"terms only, for features come from the decision's release and models: {error}\n")
        return None


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


def _print(lines: list[Line], *, every: bool) -> None:
    """A table for each slot; below it the likeliest variant, or each, by terms and features."""
    console = Console(highlight=False)
    for slot in dict.fromkeys(line.slot for line in lines):
        own = [line for line in lines if line.slot == slot]
        console.print(_summary(slot, own))
        for line in own if every else own[:1]:
            if line.features is not None:
                console.print(_details(line, line.features))
    console.print("Numbers are log-odds: +0.7 doubles the odds of a click, -0.7 halves them. Terms sum to the score.")
    if lines and lines[0].features_from:
        console.print(f"Terms are the stored decision's; features come from it and from {lines[0].features_from}.")


def _summary(slot: str, own: list[Line]) -> Table:
    title = f"\n{slot} (own examples: {own[0].experience})"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("variant", overflow="fold")
    for name in ("shown", "score", "±", *own[0].terms, "affinity"):
        # Headers fold in a narrow terminal, numbers never.
        table.add_column(name, justify="right", overflow="fold", min_width=NUMBER_WIDTH)
    for line in own:
        numbers = (line.score, line.deviation, *line.terms.values(), line.affinity)
        table.add_row(line.variant, f"{line.probability:.1%}", *["–" if n is None else f"{n:+.3f}" for n in numbers])
    return table


def _details(line: Line, features: dict[str, dict[str, float]]) -> Table:
    """Why a variant: each term with a bar, and under it the features that it is the sum of."""
    table = Table(title=f"why {line.variant}: score {line.score:+.3f}", title_justify="left", box=None, pad_edge=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    told = [value for parts in features.values() for value in parts.values()]
    largest = max(map(abs, [*told, *line.terms.values()]), default=0.0) or 1.0
    for term, value in line.terms.items():
        if not value and not features.get(term):
            continue
        title = Text(f"{TERMS.get(term, term)} ({term})", style="bold")
        table.add_row(title, Text(f"{value:+.3f}", style="bold"), _bar(value, largest))
        for name, part in features.get(term, {}).items():
            table.add_row(f"  {in_words(name)}", f"{part:+.3f}", _bar(part, largest))
    return table


def in_words(name: str) -> str:
    """A feature as one says it.

    >>> in_words("own"), in_words("city × tag:jazz"), in_words("item:film-7")
    ('how this person answers', 'city with tag jazz', 'having met film-7')
    """
    said = WORDS.get(name, name).replace(" × ", " with ").replace("item:", "having met ")
    return said.replace("variant:", "variant ").replace("tag:", "tag ")


def _bar(value: float, largest: float) -> Text:
    length = round(BAR * abs(value) / largest)
    return Text(("+" if value > 0 else "-") * length, style="green" if value > 0 else "red")
