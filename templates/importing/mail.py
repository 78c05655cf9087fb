"""Imports one e-mail: source in, a template's files out, with the default message measured against the original."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from schemas.ids import Locale
from templates.building import build_template
from templates.expressions import Fault, parse, references
from templates.importing import decisions, whole
from templates.importing.around import Surroundings
from templates.importing.carrying import URL_ATTRIBUTES, Carrier, LayoutCarrier
from templates.importing.comparing import links_of, words_of
from templates.importing.decisions import Decision
from templates.importing.files import locale_yaml, variants_yaml
from templates.importing.markup import Piece, cut
from templates.importing.measuring import default_message, original_message
from templates.importing.merge_tags import merge_tags
from templates.importing.proposals import Proposal, Proposer
from templates.importing.standing import Standing
from templates.importing.texts import Texts
from templates.lint import lint_problems
from templates.problems import Lines, Problem, Severity
from templates.reading import TemplateFiles
from templates.schema_check import schema_problems
from templates.sources import HTML_FILE, MJML_FILE, TemplateSource
from templates.template_check import TemplateCheck
from templates.yaml_files import Document, parse_yaml

PREHEADER_LENGTH = 70
SAME_LENGTH = 16
"""So many equal characters are taken for the same place."""


class Refused(msgspec.Struct, frozen=True):
    """Why an e-mail was not imported, and where."""

    reason: str
    line: int
    column: int


class Imported(msgspec.Struct, frozen=True):
    """A template: `files` by their path in its folder, the default message as `html`, what it should equal."""

    files: dict[str, str]
    slots: tuple[str, ...]
    fields: tuple[str, ...]
    decisions: tuple[Decision, ...]
    original: str
    html: str
    text_equal: bool
    links_equal: bool


def import_mail(data: bytes, name: str, origin: str, around: Surroundings) -> Imported | Refused:
    """Import one e-mail as the template `name`; `origin` is what its files say it came from."""
    try:
        source = whole.decoded(data)
    except whole.Reason as reason:
        return Refused(f"{reason.message}. {reason.mend}", *whole.place(data.decode("latin-1"), reason.start))
    try:
        return _Import(source, name, origin, around).result()
    except whole.Reason as reason:
        return Refused(f"{reason.message}. {reason.mend}", *whole.place(source, reason.start))
    except RecursionError:
        return Refused("the elements are nested too deep to be read. Make it flatter.", 1, 1)


class _Import:
    def __init__(self, source: str, name: str, origin: str, around: Surroundings) -> None:
        self._source, self._name, self._origin, self._around = source, name, origin, around
        tags = merge_tags(source)
        self._standing = Standing(tags, around.values, around.settings.default_locale, year=around.year)
        self._numbered = _numbered(source, [(tag.start, tag.end) for tag in tags])
        self._pieces = cut(self._numbered)
        self._is_mjml = whole.is_mjml(self._pieces)
        whole.check_source(source, [(tag.start, tag.end) for tag in tags], mjml=self._is_mjml)
        self._standing.take_links(list(_addresses(self._pieces)))
        texts = Texts(self._numbered, self._pieces, self._standing, around.settings.link_hosts)
        proposer = Proposer(self._pieces, texts)
        self._slots = proposer.proposals()
        self._headers(proposer)

    def _headers(self, proposer: Proposer) -> None:
        """Subject and preheader: the e-mail's own, else words that stand for them."""
        title = proposer.title()
        headline = next((slot.parts["text"] for slot in self._slots if slot.name == "headline"), "")
        self._has_title = title is not None
        subject = title.text if title else headline or self._name.replace("_", " ").capitalize()
        places = {title.piece.start: title.replaced_by("{{ subject }}")} if title else {}
        self._slots.insert(0, Proposal("subject", "subject", {"text": subject[:500]}, places))
        own = next((slot for slot in self._slots if slot.kind == "preheader"), None)
        stands = own or min(self._slots, key=_as_preheader)
        self._preheader = f"{{{{ slots.{stands.name}.text }}}}"
        preheader = stands.parts["text"]
        shown = {field.name: field.default for field in self._standing.fields.values()}
        self._standing.headers = {"subject": _with(subject, shown), "preheader": _with(preheader, shown)}

    def result(self) -> Imported | Refused:
        layout = self._layout()
        self._fields = self._standing.shown_in(
            [layout, *(text for slot in self._slots for text in slot.parts.values())]
        )
        documents, bare = self._read(layout, self._files(layout, (), ()))
        hosts = self._around.settings.link_hosts
        left = (*decisions.of_layout(bare, hosts), *decisions.of_lint(lint_problems(documents, bare, hosts, {})))
        undecided = tuple(dict.fromkeys([*self._lacking(bare), *(one.code for one in left)]))
        told = tuple(self._decisions(undecided, left))
        files = self._files(layout, undecided, told)
        documents, template = self._read(layout, files)
        found = TemplateCheck(documents, template, self._around.settings, dict(self._around.values)).problems()
        fault = min((one for one in found if one.severity is Severity.ERROR), default=None)
        if fault is not None:
            raise whole.Reason(self._start_of(fault, layout), fault.message, fault.mend)
        html = default_message(template, self._around.settings, self._around.values)
        source = (self._numbered, self._pieces, self._standing)
        original = Carrier(*source, is_mjml=self._is_mjml).written()
        return self._imported(files, told, html, original_message(original, mjml=self._is_mjml))

    def _imported(self, files: dict[str, str], told: tuple[Decision, ...], html: str, original: str) -> Imported:
        return Imported(
            files=files,
            slots=tuple(slot.name for slot in self._slots),
            fields=tuple(field.name for field in self._fields),
            decisions=told,
            original=original,
            html=html,
            text_equal=words_of(html) == words_of(original),
            links_equal=links_of(html) == links_of(original),
        )

    def _start_of(self, fault: Problem, layout: str) -> int:
        """Where that stands in the source which is at fault in the layout, as near as can be told."""
        if not fault.file.endswith((MJML_FILE, HTML_FILE)):
            return 0
        lines = layout.split("\n")
        same = self._source.find(lines[fault.line - 1][fault.column - 1 :][:SAME_LENGTH])
        on_line = min(fault.line, self._source.count("\n") + 1)
        return same if fault.column > 1 and same >= 0 else Lines(self._source).offset(on_line, 1)

    def _layout(self) -> str:
        replacements = {start: text for slot in self._slots for start, text in slot.replacements.items()}
        source = (self._numbered, self._pieces, self._standing)
        layout = LayoutCarrier(*source, replacements, is_mjml=self._is_mjml).written()
        if not self._is_mjml:
            layout = whole.in_utf8(layout)
            if not any(piece.element and piece.element.tag == "html" for piece in self._pieces):
                layout = f'<html lang="{{{{ locale }}}}">{layout}</html>'
        return layout

    def _files(self, layout: str, undecided: Sequence[str], told: Sequence[Decision]) -> dict[str, str]:
        variants = variants_yaml(self._origin, self._around.message_class, undecided, told, self._slots, self._fields)
        words = locale_yaml("{{ slots.subject.text }}", self._preheader, self._slots, self._fields)
        return {
            MJML_FILE if self._is_mjml else HTML_FILE: layout,
            "variants.yaml": variants,
            f"locales/{self._locale}.yaml": words,
        }

    @property
    def _locale(self) -> Locale:
        return self._around.settings.default_locale

    def _read(self, layout: str, files: Mapping[str, str]) -> tuple[TemplateFiles, TemplateSource]:
        """The files as a workspace's reader reads them."""
        variants = _document(f"templates/{self._name}/variants.yaml", files["variants.yaml"], "variants")
        words_file = f"locales/{self._locale}.yaml"
        words = _document(f"templates/{self._name}/{words_file}", files[words_file], "locale")
        read = TemplateFiles(f"templates/{self._name}", layout, variants, {self._locale: words}, not self._is_mjml)
        return read, build_template(self._name, read)

    def _lacking(self, source: TemplateSource) -> Iterator[str]:
        tree = parse(source.mjml)
        used = set() if isinstance(tree, Fault) else {reference[-1] for reference, _ in references(tree)}
        needs = ["preheader"] if self._around.message_class != "marketing" else list(decisions.LACKS)
        yield from (need for need in needs if not {need, f"{need}_url"} & used)

    def _decisions(self, undecided: Sequence[str], left: Sequence[Decision]) -> Iterator[Decision]:
        if not self._has_title:
            words = self._slots[0].parts["text"]
            yield Decision("subject", f"the e-mail names no subject: {words!r} stands in its place")
        yield from (Decision(code, decisions.LACKS[code]) for code in undecided if code in decisions.LACKS)
        yield from left
        yield from decisions.of_placeholders(self._pieces, self._numbered)
        yield from decisions.of_removed(self._pieces, self._numbered)
        yield from decisions.of_tags(self._standing, self._fields, self._source)


def _as_preheader(slot: Proposal) -> tuple[bool, int]:
    """How well a slot's words would do for a preheader: lists of messages show about so many characters."""
    length = len(slot.parts.get("text", ""))
    return (not length, abs(length - PREHEADER_LENGTH))


def _numbered(source: str, spans: Sequence[tuple[int, int]]) -> str:
    out, position = [], 0
    for number, (start, end) in enumerate(spans):
        out += [source[position:start], f"\ue000{number}\ue001"]
        position = end
    return "".join([*out, source[position:]])


def _addresses(pieces: Sequence[Piece]) -> Iterator[str]:
    for piece in pieces:
        if piece.kind == "open" and piece.element is not None:
            yield from (one.value for one in piece.element.attributes.values() if one.name in URL_ATTRIBUTES)


def _with(text: str, fields: Mapping[str, str]) -> str:
    """A slot's words with the defaults of its fields."""
    for name, default in fields.items():
        text = text.replace(f"{{{{ fields.{name} }}}}", default)
    return text


def _document(file: str, text: str, schema: str) -> Document:
    document = parse_yaml(file, text)
    problems = [document] if isinstance(document, Problem) else schema_problems(document, schema)
    if isinstance(document, Problem) or problems:
        raise whole.Reason(0, f"{problems[0].message}", "Mend the source.")
    return document
