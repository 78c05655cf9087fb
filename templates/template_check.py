"""Checks what a schema cannot say about one template: names that must meet, words, links, rules, and its layout."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from schemas.ids import Locale, SlotName, VariantId
from schemas.library import Slot, TemplateKind, Variant, WorkspaceSettings
from templates.block_check import block_problems
from templates.catalogue_check import slot_problems
from templates.expressions import Fault, Reference, pieces_of
from templates.layout_check import layout_problems
from templates.problems import Problem, Severity
from templates.reading import TemplateFiles
from templates.rules import always_valid, first_allowed
from templates.slot_kinds import CATALOG, Part, kind_of
from templates.sources import TemplateSource
from templates.urls import host_allowed, url_fault
from templates.values import MARK_WORD, shortened
from templates.yaml_files import Document, Path_

TEXT_ROOTS = frozenset({"fields", "workspace"})
HEADER_ROOTS = frozenset({"fields", "workspace", "slots"})


class TemplateCheck:
    """One template and what it is checked with."""

    def __init__(
        self,
        files: TemplateFiles,
        source: TemplateSource,
        settings: WorkspaceSettings | None,
        values: dict[str, str] | None,
    ) -> None:
        assert files.variants is not None  # noqa: S101 - only complete files are checked
        self._files, self._source, self._settings, self._values = files, source, settings, values
        self._variants: Document = files.variants
        self._template = source.template
        self._fields = {field.name for field in self._template.fields}
        self._hosts = settings.link_hosts if settings else ()

    def problems(self) -> list[Problem]:
        """Every problem of the template."""
        found = [
            *self._locale_set(),
            *self._slot_problems(),
            *(slot_problems(self._variants, self._settings) if self._settings else ()),
            *self._content_problems(),
            *self._word_problems(),
            *self._field_problems(),
            *self._rule_problems(),
        ]
        if self._template.kind is TemplateKind.BLOCK:
            return [*found, *block_problems(self._files, self._source, self._values)]
        return [*found, *layout_problems(self._source, self._values, self._hosts)]

    def _locale_set(self) -> Iterator[Problem]:
        if self._settings and self._settings.default_locale not in self._source.locales:
            locale = self._settings.default_locale
            yield Problem(
                f"{self._source.folder}/locales/{locale}.yaml", 1, 1,
                f"the template has no content in the default locale {locale!r}", "Add the file.",
            )  # fmt: skip

    def _slot_problems(self) -> Iterator[Problem]:
        for slot, body in self._variants.value["slots"].items():
            seen: set[str] = set()
            for index, variant in enumerate(body.get("variants", ())):
                path: Path_ = ("slots", slot, "variants", index)
                if variant["id"] in seen:
                    message = f"the id {variant['id']!r} stands in {slot} twice"
                    yield self._variants.problem((*path, "id"), message, "Give each variant an id of its own.")
                seen.add(variant["id"])
                yield from self._validity(variant, path)
                for tag in variant.get("tags", ()):
                    yield from self._tag(tag, path)

    def _validity(self, variant: dict[str, str], path: Path_) -> Iterator[Problem]:
        times = []
        for name in ("valid_from", "valid_until"):
            try:
                times.append(datetime.fromisoformat(variant[name]) if name in variant else None)
            except ValueError as error:
                yield self._variants.problem((*path, name), f"{variant[name]!r} is no time: {error}", "Mend it.")
                return
        if times[0] and times[1] and times[0] >= times[1]:
            message = f"{variant['id']!r} ends before it begins"
            yield self._variants.problem((*path, "valid_until"), message, "Let valid_until be after valid_from.")

    def _tag(self, tag: str, path: Path_) -> Iterator[Problem]:
        """Rules make tags of trimmed, lower-case values behind their prefix."""
        rules = self._settings.tags if self._settings else ()
        if self._settings and (tag != tag.strip().lower() or not any(_makes(tag, rule.prefix) for rule in rules)):
            problem = self._variants.problem(
                (*path, "tags"), f"no rule of foresend.yaml can make the tag {tag!r}",
                "Mend the tag (tags are lower case), or add a rule under tags.",
            )  # fmt: skip
            yield msgspec.structs.replace(problem, severity=Severity.WARNING)

    def _content_problems(self) -> Iterator[Problem]:
        slots = {slot.name: {variant.id for variant in slot.variants} for slot in self._template.slots}
        for locale, document in self._files.locales.items():
            for slot, contents in document.value["slots"].items():
                if slot not in slots:
                    yield document.problem(("slots", slot), f"there is no slot {slot!r}", "Add it to variants.yaml.")
                    continue
                for variant in contents.keys() - slots[slot]:
                    message = f"slot {slot!r} has no variant {variant!r}"
                    yield document.problem(("slots", slot, variant), message, "Add it to variants.yaml.")
            for slot_of in self._template.slots:
                for index, variant_of in enumerate(slot_of.variants):
                    yield from self._variant_content(slot_of, index, variant_of, locale)

    def _variant_content(self, slot_of: Slot, index: int, variant: Variant, locale: Locale) -> Iterator[Problem]:
        slot, kind, known = slot_of.name, slot_of.kind, kind_of(slot_of)
        parts = variant.content[locale]
        for name in sorted(known.required.keys() - parts.keys()):
            yield self._files.locales[locale].problem(
                ("slots", slot, variant.id), f"{slot}.{variant.id} lacks the part {name!r} in {locale}",
                f"Add it here, or under content in variants.yaml; {kind} has {', '.join(known.parts)}.",
            )  # fmt: skip
        for name, text in parts.items():
            document, path = self._place_of(slot, index, variant, name, locale)
            if name not in known.parts:
                mend = f"{kind} has {', '.join(known.parts)}."
                yield document.problem(path, f"{slot}.{variant.id} has an unknown part {name!r}", mend)
            elif known.parts[name] is Part.TEXT:
                yield from self._text(document, path, text, TEXT_ROOTS)
            else:
                yield from self._address(document, path, text, mail=known.parts[name] is Part.URL)

    def _place_of(self, slot: str, index: int, variant: Variant, part: str, locale: Locale) -> tuple[Document, Path_]:
        words = self._files.locales[locale]
        if part in words.value["slots"].get(slot, {}).get(variant.id, {}):
            return words, ("slots", slot, variant.id, part)
        if self._variants.value["slots"][slot]["kind"] == CATALOG:
            name, _, number = part.rpartition("_")
            return self._variants, ("slots", slot, "default", int(number) - 1, name)
        return self._variants, ("slots", slot, "variants", index, "content", part)

    def _text(self, document: Document, path: Path_, text: str, roots: frozenset[str]) -> Iterator[Problem]:
        pieces = pieces_of(text)
        if isinstance(pieces, Fault):
            yield document.problem(path, f"{shortened(text, 40)!r}: {pieces.message}", pieces.mend)
            return
        if MARK_WORD in text:
            yield document.problem(path, f"{MARK_WORD!r} begins send marks and may not be written", "Reword it.")
        if not text:
            yield document.problem(path, "there are no words", "Write some.")
        for reference in pieces.references:
            fault = self._reference_fault(reference, roots)
            if fault:
                mend = f"Here one may print {' and '.join(f'{root}.…' for root in sorted(roots))}."
                yield document.problem(path, fault, mend)

    def _reference_fault(self, reference: Reference, roots: frozenset[str]) -> str | None:
        name = ".".join(reference)
        if reference[0] not in roots:
            return f"{name} may not be printed here"
        if reference[0] == "fields" and reference[1] not in self._fields:
            return f"there is no field {reference[1]!r}"
        if reference[0] == "workspace" and self._values is not None and reference[1] not in self._values:
            return f"there is no value {reference[1]!r} in foresend.yaml"
        if reference[0] == "slots" and not self._is_text(reference):
            return f"{name} is not words of a slot"
        return None

    def _is_text(self, reference: Reference) -> bool:
        slot = next((slot for slot in self._template.slots if slot.name == reference[1]), None)
        return slot is not None and kind_of(slot).parts.get(reference[2]) is Part.TEXT

    def _address(self, document: Document, path: Path_, url: str, *, mail: bool) -> Iterator[Problem]:
        fault = url_fault(url, mail=mail)
        if fault:
            yield document.problem(path, f"{shortened(url, 60)!r}: {fault}", "Mend the address.")
        elif self._hosts and url.startswith("https:") and not host_allowed(url, self._hosts):
            mend = f"Lead to {', '.join(self._hosts)}, or add the host to links.hosts."
            yield document.problem(path, f"{shortened(url, 60)!r} leads to a host that is not ours", mend)

    def _word_problems(self) -> Iterator[Problem]:
        """Subject, preheader and the layout's own texts."""
        for document in self._files.locales.values():
            for name in ("subject", "preheader"):
                text = document.value.get(name, " ")
                if "\n" in text.strip() or "\r" in text:
                    yield document.problem((name,), f"the {name} has more than one line", "Write one line.")
                yield from self._text(document, (name,), text, HEADER_ROOTS)
            for kind in ("texts", "disclosures"):
                for name, text in document.value.get(kind, {}).items():
                    yield from self._text(document, (kind, name), text, TEXT_ROOTS)

    def _field_problems(self) -> Iterator[Problem]:
        for locale, document in self._files.locales.items():
            defaults = document.value.get("fields", {})
            for name in sorted(defaults.keys() - self._fields):
                yield document.problem(("fields", name), f"there is no field {name!r}", "Add it to variants.yaml.")
            for field in self._template.fields:
                if locale not in field.default:
                    message = f"the field {field.name!r} has no default in {locale}"
                    yield document.problem(("fields",), message, f"Add {field.name}: to fields.")
                    continue
                text = field.default[locale]
                if field.kind == "url":
                    yield from self._address(document, ("fields", field.name), text, mail=False)
                elif "{" in text or MARK_WORD in text or not text:
                    message = f"the default of {field.name!r} must be plain words"
                    yield document.problem(("fields", field.name), message, "Write words without Jinja2.")

    def _rule_problems(self) -> Iterator[Problem]:
        slots = {slot.name: {variant.id for variant in slot.variants} for slot in self._template.slots}
        body = self._variants.value.get("rules", {})
        choices: list[tuple[Path_, list[str]]] = [
            (("rules", "forbidden", i), pair) for i, pair in enumerate(body.get("forbidden", ()))
        ]
        choices += [(("rules", "required", i), [r["with"], r["show"]]) for i, r in enumerate(body.get("required", ()))]
        unknown = False
        for path, pair in choices:
            for choice in pair:
                slot, _, variant = choice.partition(".")
                if VariantId(variant) not in slots.get(SlotName(slot), set()):
                    unknown = True
                    yield self._variants.problem(path, f"there is no variant {choice}", "Name one as slot.variant.")
            if pair[0].partition(".")[0] == pair[1].partition(".")[0]:
                mend = "Name variants of two slots: one slot shows one variant anyway."
                yield self._variants.problem(path, f"{pair[0]} and {pair[1]} are of one slot", mend)
        if not unknown:
            yield from self._reachable()

    def _reachable(self) -> Iterator[Problem]:
        """The fallback exists, and every variant can be shown with some others."""
        slots, rules = self._template.slots, self._template.rules
        if first_allowed(slots, rules, always_valid) is None:
            yield self._variants.problem(
                ("slots",), "no combination of variants that are for everybody, at any time, is allowed by the rules",
                "The fallback needs one: a variant in each slot without valid_from, valid_until, when and repeats_max.",
            )  # fmt: skip
        for slot in slots:
            for index, variant in enumerate(slot.variants):
                if first_allowed(slots, rules, fixed=(slot.name, variant.id)) is None:
                    message = f"the rules never allow {slot.name}.{variant.id}"
                    path = ("slots", slot.name, "variants", index)
                    yield self._variants.problem(path, message, "Remove it, or one of its rules.")


def _makes(tag: str, prefix: str) -> bool:
    return tag.startswith(prefix) and len(tag) > len(prefix)
