"""Checks what must be said: disclosures, their words and their place, and who a template's messages are from."""

from collections.abc import Iterator, Mapping

import msgspec
from jinja2 import nodes

from schemas.ids import Locale, SlotName, VariantId
from schemas.library import TemplateKind
from templates.disclosures import ALL, ROOT
from templates.expressions import Fault, Reference, parse, reference_of
from templates.layout_source import compile_layout
from templates.problems import Problem, Severity
from templates.sources import TemplateSource
from templates.text_part import text_part
from templates.yaml_files import Document, Path_


def disclosure_problems(
    variants: Document, locales: Mapping[Locale, Document], source: TemplateSource
) -> Iterator[Problem]:
    """What the schemas cannot say of a template's disclosures; what their words print is checked with other words."""
    rules = variants.value.get("rules", {}).get("disclosures", ())
    yield from _rule_problems(variants, source)
    names = [rule["id"] for rule in rules]
    for locale, document in locales.items():
        told = document.value.get("disclosures", {})
        for name in dict.fromkeys(names):
            if name not in told:
                message = f"the disclosure {name!r} has no words in {locale}"
                yield document.problem(("disclosures",), message, f"Add {name}: under disclosures.")
        for name in sorted(told.keys() - set(names)):
            mend = "Add it under rules.disclosures in variants.yaml, or remove it."
            yield document.problem(("disclosures", name), f"there is no disclosure {name!r}", mend)
    if names and source.mjml and source.template.kind is TemplateKind.EMAIL:
        yield from _unprinted(source, names)


def _rule_problems(variants: Document, source: TemplateSource) -> Iterator[Problem]:
    known = {slot.name: {variant.id for variant in slot.variants} for slot in source.template.slots}
    seen: set[str] = set()
    for index, rule in enumerate(variants.value.get("rules", {}).get("disclosures", ())):
        path: Path_ = ("rules", "disclosures", index)
        if rule["id"] in seen:
            yield variants.problem(path, f"the disclosure {rule['id']!r} stands above already", "Name it otherwise.")
        seen.add(rule["id"])
        for place, choice in enumerate(rule["with"]):
            slot, _, variant = choice.partition(".")
            if VariantId(variant) not in known.get(SlotName(slot), set()):
                where: Path_ = (*path, "with", place)
                yield variants.problem(where, f"there is no variant {choice}", "Name one as slot.variant.")


def _unprinted(source: TemplateSource, names: list[str]) -> Iterator[Problem]:
    compiled = compile_layout(source)
    if isinstance(compiled, Fault):
        return
    always = always_printed(text_part(compiled))
    for name in dict.fromkeys(names):
        if ALL not in always and (ROOT, name) not in always:
            message = f"the layout does not surely print the disclosure {name!r}"
            mend = f"Print {{{{ disclosures }}}} or {{{{ {ROOT}.{name} }}}} among the words, outside of any {{% if %}}."
            yield Problem(source.file, 1, 1, message, mend)


def always_printed(text: str) -> set[Reference]:
    """What a text prints whatever holds. Of a layout it is the plain text that tells it: nobody reads comments."""
    tree = parse(text)
    if isinstance(tree, Fault):
        return set()
    printed = [part for node in tree.body if isinstance(node, nodes.Output) for part in node.nodes]
    return {reference for part in printed if (reference := reference_of(part)) is not None}


def sender_problems(variants: Document, workspace: str) -> Iterator[Problem]:
    """What the schema cannot say of a template's own sender.

    workspace  the address of the workspace's sender
    """
    sender = variants.value.get("sender", {})
    for key, text in sender.items():
        if not text.isprintable() or "{" in text:
            message = f"{key} holds {{ or a character that is not printed"
            yield variants.problem(("sender", key), message, "Write one line of plain words.")
    own, known = (address.rpartition("@")[2].lower() for address in (sender.get("email", workspace), workspace))
    if own != known:
        message = f"the sender's domain {own} is not that of the workspace's sender, {known}"
        problem = variants.problem(("sender", "email"), message, "Have SPF, DKIM and DMARC set up for it too.")
        yield msgspec.structs.replace(problem, severity=Severity.WARNING)
