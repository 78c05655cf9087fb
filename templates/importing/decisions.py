"""What a person must decide about an import, and what stands there until then."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from templates.expressions import Fault
from templates.html_reading import NUMBER
from templates.importing.markup import Piece
from templates.importing.merge_tags import Meaning, MergeTag
from templates.importing.standing import FoundField, Standing
from templates.layout_check import is_address
from templates.layout_source import check_layout, compile_layout
from templates.mjml_source import NO_ALT
from templates.placement import misplaced
from templates.problems import Lines, Problem, Severity
from templates.sources import TemplateSource

LACKS = {
    "unsubscribe": "there is no link to unsubscribe, which marketing must show: print {{ marks.unsubscribe_url }}",
    "preferences": "there is no link to the preferences: print {{ marks.preferences_url }}",
    "view": "there is no link to view it in the browser: print {{ marks.view_url }}",
    "postal_address": "there is no postal address, which marketing must show: print {{ workspace.postal_address }}",
    "preheader": "there is no preheader, the line that inboxes show after the subject: print {{ preheader }}",
}
EXAMPLES = 3
_BRACKETS = re.compile(r"\[[A-Z][\w ,.'’&-]{1,40}\]")


class Decision(msgspec.Struct, frozen=True):
    """One thing to decide, where it stands in the original: line and column, 0 where it stands nowhere."""

    code: str
    message: str
    line: int = 0
    column: int = 0

    def told(self) -> str:
        """One line."""
        place = f" ({self.line}:{self.column})" if self.line else ""
        return " ".join(f"{self.code}{place}: {self.message}.".split())


def of_tags(standing: Standing, fields: Sequence[FoundField], source: str) -> Iterator[Decision]:
    """What merge tags leave open."""
    lines = Lines(source)
    firsts: dict[str, MergeTag] = {}
    for tag in standing.tags:
        firsts.setdefault(tag.raw, tag)
    for tag in firsts.values():
        if tag.meaning is Meaning.BLOCK:
            message = f"{tag.raw!r} is a condition or loop of another mailer: taken out, what stood in it stays, once"
            yield Decision(
                "block", f"{message}. Use {{% if fields.NAME %}}, a slot, or write it out", *lines.at(tag.start)
            )
    for lost in dict.fromkeys(standing.lost):
        message = f"{lost.raw!r} stood in a style, a comment or a tag, where no value may stand: taken out"
        yield Decision("place", message, *lines.at(lost.start))
    for raw, now in standing.fixed_addresses():
        yield Decision("address", f"{raw!r} can be no person's own address here, and is {now!r} for everybody")
    for field in fields:
        first = firsts.get(field.raw)
        message = (
            f"{field.raw!r} is fields.{field.name}, the trait {field.name!r}; until it is known: {field.default!r}"
        )
        yield Decision("field", message, *(lines.at(first.start) if first else (0, 0)))


def of_layout(source: TemplateSource, hosts: Sequence[str]) -> Iterator[Decision]:
    """What the checks would refuse, and an import leaves as it is: pictures without words, addresses; counted."""
    alts = [(message, (line, column)) for line, column, message, _ in check_layout(source) if message.endswith(NO_ALT)]
    yield from _counted("alt", alts)
    compiled = compile_layout(source)
    if isinstance(compiled, Fault):
        return
    found = misplaced(compiled, lambda reference: is_address(reference, source.template), hosts)
    lines = Lines(source.mjml)
    yield from _counted(
        "links",
        [(one.message, lines.at(max(source.mjml.find(str(one.needle)), 0))) for one in found if one.is_harmless],
    )


def of_lint(problems: Sequence[Problem]) -> Iterator[Decision]:
    """What lint would refuse in a template without anything left open."""
    refused = [problem for problem in problems if problem.severity is Severity.ERROR]
    yield from _counted("lint", [(one.message, (one.line, one.column)) for one in refused])


def _counted(code: str, found: Sequence[tuple[str, tuple[int, int]]]) -> Iterator[Decision]:
    if found:
        said = Counter(message for message, _ in found)
        most = said.most_common(EXAMPLES)
        shown = "; ".join(f"{message} ({count} times)" if count > 1 else message for message, count in most)
        more = f"; and {len(said) - EXAMPLES} more" if len(said) > EXAMPLES else ""
        yield Decision(code, f"left as it is: {shown}{more}", *min(place for _, place in found))


def of_placeholders(pieces: Sequence[Piece], source: str) -> Iterator[Decision]:
    """Words in brackets, which designers leave for others to fill in."""
    found = [
        match
        for piece in pieces
        if piece.kind == "text"
        for match in _BRACKETS.finditer(source, piece.start, piece.end)
    ]
    said = Counter(match[0] for match in found)
    if said:
        shown = ", ".join(said)[:300]
        yield Decision("placeholder", f"words that somebody meant to fill in were left as they are: {shown}")


def of_removed(pieces: Sequence[Piece], source: str) -> Iterator[Decision]:
    """What mail clients would not run or fetch, and the layout does not hold."""
    lines = Lines(source)
    for piece in pieces:
        if piece.kind != "open" or piece.element is None:
            continue
        if piece.element.tag in {"script", "link"}:
            what = NUMBER.sub("", piece.element.value("href") or piece.element.value("src") or "its content")
            yield Decision(
                piece.element.tag, f"<{piece.element.tag}> was taken out: {what[:100]}", *lines.at(piece.start)
            )
        for name in piece.element.attributes:
            if name.startswith("on"):
                yield Decision("script", f"{name} of <{piece.element.tag}> was taken out", *lines.at(piece.start))
