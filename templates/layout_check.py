"""Checks a template's MJML: its Jinja2, its elements, the names it prints, and what the law wants to see in it."""

from collections.abc import Collection, Iterator, Sequence

from schemas.library import MessageClass, Template
from templates.expressions import Fault, Reference, faults_of, parse, pieces_of, references, spans_of
from templates.layout_source import check_layout, compile_layout
from templates.mjml_source import NO_ALT
from templates.placement import misplaced
from templates.problems import Lines, Problem, Severity
from templates.send_marks import MARKS
from templates.slot_kinds import Part, kind_of
from templates.sources import LocaleSource, TemplateSource
from templates.values import MARK_WORD

MARKETING_NEEDS: tuple[tuple[Reference, str], ...] = (
    (("marks", "unsubscribe_url"), "a visible link to unsubscribe"),
    (("marks", "preferences_url"), "a visible link to the preferences"),
    (("marks", "view_url"), "a link to view it in the browser"),
    (("workspace", "postal_address"), "the sender's postal address"),
)
ALL_NEED: tuple[tuple[Reference, str], ...] = (
    (("locale",), 'its language: <mjml lang="{{ locale }}">'),
    (("preheader",), "its preheader: <mj-preview>{{ preheader }}</mj-preview>"),
)


def layout_problems(source: TemplateSource, values: Collection[str] | None, hosts: Sequence[str]) -> list[Problem]:
    """Every problem of a template's layout. `values`: what may follow `workspace.`; None where that is not known."""
    file = source.file
    if not source.mjml:
        return []
    tree = parse(source.mjml)
    faults = [tree] if isinstance(tree, Fault) else list(faults_of(tree))
    if isinstance(tree, Fault) or faults:
        return [Problem(file, fault.line, 1, fault.message, fault.mend) for fault in faults]
    used = list(references(tree))
    found = [
        Problem(file, line, _column(source.mjml, line, reference), *fault)
        for reference, line in used
        if (fault := name_fault(reference, source, values))
    ]
    elements = [Problem(file, *fault, _severity(source, _decision_of(fault[2]))) for fault in check_layout(source)]
    found += elements
    found += _missing(source, {reference for reference, _ in used}, file)
    if MARK_WORD in source.mjml:
        found.append(Problem(file, 1, 1, f"{MARK_WORD!r} may not be written", "Use {{ marks.NAME }}."))
    if not any(problem.severity is Severity.ERROR for problem in elements):
        found += _compiled_problems(source, file, hosts)
    return found


def _severity(source: TemplateSource, decision: str | None) -> Severity:
    """What an import left open is a warning until somebody decides it."""
    return Severity.WARNING if decision in source.undecided else Severity.ERROR


def _decision_of(message: str) -> str | None:
    return "alt" if message.endswith(NO_ALT) else None


def _column(source: str, line: int, reference: Reference) -> int:
    text = source.split("\n")[line - 1]
    return max(text.find(".".join(reference)), 0) + 1


def name_fault(reference: Reference, source: TemplateSource, values: Collection[str] | None) -> tuple[str, str] | None:
    """What is wrong with a name that a layout prints, and how to mend it."""
    name = ".".join(reference)
    match reference[0]:
        case "slots":
            return _slot_fault(reference, source.template)
        case "fields":
            known = {str(field.name) for field in source.template.fields}
        case "marks":
            known = set(MARKS)
        case "disclosure":
            known = {rule.id for rule in source.template.rules.disclosures}
        case "workspace" if values is not None:
            known = set(values)
        case "texts":
            lacking = [locale for locale, words in source.locales.items() if reference[1] not in words.texts]
            return (f"{name} has no words in {', '.join(lacking)}", "Add it under texts.") if lacking else None
        case _:
            return None
    if reference[1] in known:
        return None
    return f"there is no {name}", f"Known: {', '.join(sorted(known)) or 'none'}."


def _slot_fault(reference: Reference, template: Template) -> tuple[str, str] | None:
    slot = next((slot for slot in template.slots if slot.name == reference[1]), None)
    if slot is None:
        known = ", ".join(slot.name for slot in template.slots)
        return f"there is no slot {reference[1]!r}", f"Add it to variants.yaml, or use one of {known}."
    kind = kind_of(slot)
    if reference[2] not in kind.parts:
        return f"a slot of kind {slot.kind} has no part {reference[2]!r}", f"It has {', '.join(kind.parts)}."
    lacking = [
        f"{variant.id} ({locale})"
        for variant in slot.variants
        for locale, parts in variant.content.items()
        if reference[2] in kind.optional and reference[2] not in parts
    ]
    if lacking:
        return (
            f"{'.'.join(reference)} is printed, but lacks in {', '.join(lacking[:4])}",
            "Add the part to every variant.",
        )
    return None


def _headers(words: LocaleSource) -> set[Reference]:
    """What subject and preheader print."""
    return {
        reference
        for text in (words.subject, words.preheader)
        if not isinstance(pieces := pieces_of(text), Fault)
        for reference in pieces.references
    }


def unshown(source: TemplateSource, used: set[Reference], file: str) -> Iterator[Problem]:
    """Slots that a language does not show: the model would learn from what nobody saw."""
    shown = {
        locale: {reference[1] for reference in used | _headers(words) if reference[0] == "slots"}
        for locale, words in source.locales.items()
    }
    for slot in source.template.slots:
        lacking = [locale for locale, slots in shown.items() if slot.name not in slots]
        mend = f"Print {{{{ slots.{slot.name}.PART }}}}, or remove the slot."
        if len(lacking) == len(source.locales):
            yield Problem(file, 1, 1, f"the slot {slot.name!r} is printed nowhere", mend)
            continue
        for locale in lacking:
            where = f"{source.folder}/locales/{locale}.yaml"
            yield Problem(where, 1, 1, f"the slot {slot.name!r} is printed nowhere in {locale}", mend)


def _missing(source: TemplateSource, used: set[Reference], file: str) -> Iterator[Problem]:
    yield from unshown(source, used, file)
    needs = ALL_NEED
    if source.template.message_class is MessageClass.MARKETING:
        needs += MARKETING_NEEDS
    for reference, what in needs:
        if reference not in used:
            mend = f"Print {{{{ {'.'.join(reference)} }}}}."
            severity = _severity(source, reference[-1].removesuffix("_url"))
            yield Problem(file, 1, 1, f"the layout lacks {what}", mend, severity)
    printed = {reference[1] for reference in used if reference[0] == "texts"}
    for locale, words in source.locales.items():
        for name in sorted(words.texts.keys() - printed):
            where = f"{source.folder}/locales/{locale}.yaml"
            mend = f"Print {{{{ texts.{name} }}}}, or remove it."
            yield Problem(where, 1, 1, f"the text {name!r} is printed nowhere", mend, Severity.WARNING)


def is_address(reference: Reference, template: Template) -> bool:
    """Whether what a reference prints was checked to be an address."""
    match reference:
        case ("slots", slot_name, part):
            kinds = [kind_of(slot) for slot in template.slots if slot.name == slot_name]
            return bool(kinds) and kinds[0].parts.get(part) in {Part.URL, Part.IMAGE}
        case ("fields", name):
            return any(field.name == name and field.kind == "url" for field in template.fields)
        case ("marks" | "workspace", name):
            return name.endswith("_url")
        case _:
            return False


def _compiled_problems(source: TemplateSource, file: str, hosts: Sequence[str]) -> Iterator[Problem]:
    compiled = compile_layout(source)
    if isinstance(compiled, Fault):
        yield Problem(file, compiled.line, 1, compiled.message, compiled.mend)
        return
    lines, spans = Lines(source.mjml), spans_of(source.mjml)
    told = set()
    for needle, message, mend, is_harmless in misplaced(
        compiled, lambda name: is_address(name, source.template), hosts
    ):
        if isinstance(needle, str):
            offset = max(source.mjml.find(needle), 0) if needle else 0
        else:
            offset = next((span.start for span in spans if span.reference == needle), 0)
        if (offset, message) not in told:
            told.add((offset, message))
            severity = _severity(source, "links" if is_harmless else None)
            yield Problem(file, *lines.at(offset), message, mend, severity)
