"""Checks templates that make blocks: their JSON, what it prints, and what its surface can show."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from schemas.ids import Locale
from schemas.library import Field, Template, TemplateKind
from templates.assembly import HTML_MARKS
from templates.blocks import block_of, with_values
from templates.disclosures import ALL, ROOT
from templates.expressions import Fault, Reference, pieces_of
from templates.layout_check import name_fault, unshown
from templates.problems import Problem, Severity
from templates.reading import TemplateFiles
from templates.sources import LocaleSource, TemplateSource
from templates.values import MARK_WORD


class Surface(NamedTuple):
    """What a surface can show.

    bytes_max  of the whole JSON
    needs      texts that stand at the top of the object, and how many characters of each are shown, about
    """

    bytes_max: int
    needs: Mapping[str, int]


SURFACES: Mapping[str, Surface] = {
    # 4096 bytes: Apple, "Generating a remote notification"; Firebase, "About FCM messages". Both count the envelope
    # too: 512 bytes are left for it. Lengths are what phones show of a message that is not opened, about.
    "push": Surface(4096 - 512, {"title": 50, "body": 150}),
    "in-app": Surface(10_240, {}),
    "web": Surface(10_240, {}),
}


def block_problems(files: TemplateFiles, source: TemplateSource, values: Collection[str] | None) -> Iterator[Problem]:
    """Every problem of a block's layout and of what is written for it."""
    surface = SURFACES.get(source.template.surface)
    if files.variants is not None and surface is None:
        mend = f"Say where it is shown: surface: {', '.join(SURFACES)}."
        yield files.variants.problem((), "a block needs a surface", mend)
    for document in files.locales.values():
        for name in ("subject", "preheader"):
            if name in document.value:
                yield document.problem((name,), f"a block has no {name}", "Print its words in template.json.")
    if not source.mjml:
        return
    read = block_of(source.mjml)
    if isinstance(read, Fault):
        yield Problem(source.file, read.line, 1, read.message, read.mend)
        return
    found, spans = read
    printed = [span.reference or () for span in spans]
    yield from _printed_problems(source, [(span.start, span.reference or ()) for span in spans], values)
    for name, length in surface.needs.items() if surface else ():
        text = found.get(name)
        if not isinstance(text, str):
            mend = f'Write "{name}": "…" at the top of the object.'
            yield Problem(source.file, 1, 1, f"a block for {source.template.surface} needs a {name}", mend)
        else:
            yield from _length(source, name, text, printed, length)


def _printed_problems(
    source: TemplateSource, places: list[tuple[int, Reference]], values: Collection[str] | None
) -> Iterator[Problem]:
    for start, reference in places:
        line = source.mjml.count("\n", 0, start) + 1
        column = start - source.mjml.rfind("\n", 0, start)
        fault = name_fault(reference, source, values)
        if reference[0] == "marks" and reference[-1] in HTML_MARKS:
            fault = f"{'.'.join(reference)} is HTML", "Leave it out: an app tells opens itself."
        elif reference[0] in {"subject", "preheader"}:
            fault = f"a block has no {reference[0]}", "Print a slot or a text."
        if fault:
            yield Problem(source.file, line, column, *fault)
    used = {reference for _, reference in places}
    yield from unshown(source, used, source.file)
    for rule in source.template.rules.disclosures:
        if ALL not in used and (ROOT, rule.id) not in used:
            mend = f"Print {{{{ disclosures }}}} or {{{{ {ROOT}.{rule.id} }}}}."
            yield Problem(source.file, 1, 1, f"the layout does not print the disclosure {rule.id!r}", mend)
    if MARK_WORD in source.mjml:
        yield Problem(source.file, 1, 1, f"{MARK_WORD!r} may not be written", "Use {{ marks.NAME }}.")


def _length(source: TemplateSource, name: str, text: str, printed: list[Reference], shown: int) -> Iterator[Problem]:
    for locale, words in source.locales.items():
        values = [_longest(reference, source.template, locale, words) for reference in printed]
        longest = len(with_values(text, values))
        if longest > shown:
            message = f"the {name} may have {longest} characters in {locale}, of which phones show about {shown}"
            problem = Problem(source.file, 1, 1, message, "Shorten its words, or the field's length_max.")
            yield msgspec.structs.replace(problem, severity=Severity.WARNING)


def _longest(reference: Reference, template: Template, locale: Locale, words: LocaleSource) -> str:
    """The longest that a reference prints, but for workspace values and send marks."""
    texts: list[str] = []
    match reference:
        case ("slots", slot, *part):
            texts = [
                variant.content.get(locale, {}).get(".".join(part), "")
                for one in template.slots
                if one.name == slot
                for variant in one.variants
            ]
        case ("fields", field):
            return max((_value(one, locale) for one in template.fields if one.name == field), key=len, default="")
        case ("texts", text):
            texts = [words.texts.get(text, "")]
    return max((_spoken(text, template, locale) for text in texts), key=len, default="")


def _spoken(text: str, template: Template, locale: Locale) -> str:
    pieces = pieces_of(text)
    if isinstance(pieces, Fault):
        return text
    fields = {str(field.name): _value(field, locale) for field in template.fields}
    return "".join(part if isinstance(part, str) else fields.get(part[-1], "") for part in pieces.parts)


def _value(field: Field, locale: Locale) -> str:
    default = field.default.get(locale, "")
    return default if field.kind == "url" else max(default, "m" * field.length_max, key=len)


def bytes_max_of(template: Template) -> int:
    """Bytes that a message of a block may have; 0 where nothing says so."""
    surface = SURFACES.get(template.surface)
    return surface.bytes_max if template.kind is TemplateKind.BLOCK and surface else 0
