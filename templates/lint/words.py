"""Subject, preheader, language and text part: what is read before a mail is opened, and where HTML is not shown."""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.ids import Locale
from schemas.library import Slot, Variant
from templates.expressions import Fault, Reference, pieces_of
from templates.html_reading import NUMBER
from templates.lint.page import Page, attribute
from templates.lint.pictures import alt_fault
from templates.problems import Problem, Severity
from templates.reading import TemplateFiles
from templates.text_part import text_part

SUBJECT_MAX = 78
"""Characters; RFC 5322's line. Lists of mails on phones show some forty."""
PREHEADER_MIN, PREHEADER_MAX = 30, 150
"""Characters: shorter, and lists fill up with the mail's first words; longer, and nobody sees the rest."""
TEXT_MIN = 20
"""Characters of a text part that says something."""
SHOUTED_MIN = 8
"""Letters from which on capitals alone are shouting, not a name."""
RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})


class _Part(NamedTuple):
    """A piece of a header: words, or a slot's part whose words differ by variant."""

    words: str
    slot: Slot | None = None
    part: str = ""

    def lengths(self, locale: Locale) -> dict[str, int]:
        """Characters by variant."""
        if self.slot is None:
            return {"": len(self.words)}
        return {one.id: len(_plain(one.content[locale].get(self.part, ""))) for one in self.slot.variants} or {"": 0}


def header_problems(page: Page, files: TemplateFiles) -> Iterator[Problem]:
    """Lengths and manners of subjects and preheaders, in each language."""
    for locale, words in page.source.locales.items():
        if locale not in files.locales:
            continue
        yield from _length(page, files, locale, "subject", words.subject, (1, SUBJECT_MAX))
        yield from _length(page, files, locale, "preheader", words.preheader, (PREHEADER_MIN, PREHEADER_MAX))
        for one in _parts(page, locale, words.subject):
            for variant in one.slot.variants if one.slot else ():
                yield from _manners(page, files, locale, one, variant)
        if _shouts(words.subject):
            yield _at(files, locale, ("subject",), "subject", "the subject shouts", "Write it as one speaks.")


def _length(
    page: Page, files: TemplateFiles, locale: Locale, name: str, text: str, bounds: tuple[int, int]
) -> Iterator[Problem]:
    least, most = bounds
    parts = [(one, one.lengths(locale)) for one in _parts(page, locale, text)]
    shortest, longest = (sum(chosen(found.values()) for _, found in parts) for chosen in (min, max))
    told = False
    for one, found in parts:
        for variant, length in found.items():
            at_least = shortest - min(found.values()) + length
            at_most = longest - max(found.values()) + length
            if variant and (at_least > most or at_most < least):
                told = True
                yield _too(files, locale, _place(one, variant), name, at_least if at_least > most else at_most, bounds)
    if not told and longest > most:
        yield _too(files, locale, (name,), name, longest, bounds)
    elif not told and shortest < least:
        yield _too(files, locale, (name,), name, shortest, bounds)


def _too(
    files: TemplateFiles, locale: Locale, path: tuple[str, ...], name: str, length: int, bounds: tuple[int, int]
) -> Problem:
    is_long = length > bounds[1]
    message = f"the {name} has {length} characters, " + (f"over {bounds[1]}" if is_long else f"under {bounds[0]}")
    mend = "Write it shorter: lists of mails cut it." if is_long else "Write more: lists fill up with the first words."
    return _at(files, locale, path, name, message, mend)


def _manners(page: Page, files: TemplateFiles, locale: Locale, one: _Part, variant: Variant) -> Iterator[Problem]:
    text = variant.content[locale].get(one.part, "")
    if _shouts(text):
        yield _at(
            files, locale, _place(one, variant.id), "subject", f"the subject {page.spelled(text)!r} shouts",
            "Write it as one speaks: filters and readers take capitals and !! for spam.",
        )  # fmt: skip


def _shouts(text: str) -> bool:
    letters = [char for char in _plain(text) if char.isalpha()]
    return "!!" in text or "??" in text or (len(letters) >= SHOUTED_MIN and all(char.isupper() for char in letters))


def _plain(text: str) -> str:
    """The words of a text without what it prints."""
    pieces = pieces_of(text)
    return text if isinstance(pieces, Fault) else "".join(part for part in pieces.parts if isinstance(part, str))


def _parts(page: Page, locale: Locale, text: str) -> list[_Part]:
    pieces = pieces_of(text)
    return [] if isinstance(pieces, Fault) else [_part(page, locale, part) for part in pieces.parts]


def _part(page: Page, locale: Locale, part: str | Reference) -> _Part:
    if isinstance(part, str):
        return _Part(part)
    template = page.source.template
    if part[0] == "slots":
        slot = next((one for one in template.slots if one.name == part[1]), None)
        return _Part("", slot, part[2]) if slot else _Part("")
    if part[0] == "fields":
        return _Part(next((one.default.get(locale, "") for one in template.fields if one.name == part[1]), ""))
    return _Part("")


def _place(one: _Part, variant: str) -> tuple[str, ...]:
    return ("slots", one.slot.name if one.slot else "", variant, one.part)


def _at(files: TemplateFiles, locale: Locale, path: tuple[str, ...], rule: str, message: str, mend: str) -> Problem:
    document = files.locales[locale]
    return Problem(document.file, *document.place(*path), message, mend, Severity.WARNING, rule)


def alt_problems(page: Page, files: TemplateFiles) -> Iterator[Problem]:
    """Alternative texts of the variants of picture slots."""
    for slot in page.source.template.slots:
        for variant in slot.variants:
            for locale, parts in variant.content.items():
                fault = alt_fault(parts["alt"]) if parts.get("alt") else None
                if fault and locale in files.locales:
                    yield _at(files, locale, ("slots", slot.name, variant.id, "alt"), "alt", *fault)


def text_problems(page: Page, html: str) -> Iterator[Problem]:
    """What is wrong with the plain-text part that the layout gives."""
    text = text_part(html).strip()
    if not text:
        mend = "Write words: many read mail as text, and filters distrust a mail without."
        yield page.problem("text-part", "", "the text part is empty", mend, Severity.ERROR)
    elif len(text) < TEXT_MIN:
        yield page.problem("text-part", "", f"the text part has {len(text)} characters", "Write words, not pictures.")


def language_problems(page: Page) -> Iterator[Problem]:
    """Whether programs that read aloud, translate and hyphenate know the language and its direction."""
    locales = sorted(page.source.locales)
    html, root = page.tree.root, "html" if page.source.is_html else "mjml"
    lang = attribute(html, "lang") if html else ""
    if not NUMBER.search(lang) and locales != [lang]:
        mend = f'Write <{root} lang="{{{{ locale }}}}">.'
        yield page.problem("lang", "", f"the mail says lang={lang!r} in every language: {', '.join(locales)}", mend)
    leftwards = [locale for locale in locales if locale.partition("-")[0] in RIGHT_TO_LEFT]
    if leftwards and html and attribute(html, "dir") not in {"rtl", "auto"}:
        mend = f'Write <{root} dir="auto">.'
        yield page.problem("lang", "", f"{', '.join(leftwards)} is written from right to left", mend)
    title = page.tree.css_first("head title")
    if title is None or not title.text().strip():
        element = "title" if page.source.is_html else "mj-title"
        mend = f"Add <{element}> to its head: it names the page in a browser, and is read aloud first."
        yield page.problem("title", "", "the mail has no title", mend)
