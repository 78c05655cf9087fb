"""Writes a template's files, as a person would: what must be decided stands on top."""

import json
from collections.abc import Sequence

from templates.importing.decisions import Decision
from templates.importing.proposals import Proposal
from templates.importing.standing import LENGTH_URL, FoundField
from templates.slot_kinds import SLOT_KINDS, Part

VARIANT = "original"


def variants_yaml(
    origin: str,
    message_class: str,
    undecided: Sequence[str],
    decisions: Sequence[Decision],
    slots: Sequence[Proposal],
    fields: Sequence[FoundField],
) -> str:
    """`variants.yaml`: one variant for each slot, which says what the e-mail said."""
    lines = [
        f"# Imported from {origin}. Every slot has one variant yet, in the e-mail's own words: write more beside it."
    ]
    if decisions:
        lines.append("# What a person must decide, and what stands there until then:")
        lines += [f"#  {number}. {one.told()}" for number, one in enumerate(decisions, start=1)]
    lines += ["", f"class: {message_class}"]
    if undecided:
        lines.append(f"undecided: [{', '.join(undecided)}]   # warnings until then: remove a name once it is decided")
    if fields:
        lines += ["", "fields:"]
    for field in fields:
        body = f"kind: url, length_max: {LENGTH_URL}" if field.is_url else ""
        lines.append(
            f"  {field.name}: {{ {body} }}   # {_comment(field.raw)}"
            if body
            else f"  {field.name}: {{}}   # {_comment(field.raw)}"
        )
    lines += ["", "slots:"]
    for slot in slots:
        lines += [f"  {slot.name}:", f"    kind: {slot.kind}", "    variants:", f"      - id: {VARIANT}"]
        shared = _parts(slot, is_text=False)
        if shared:
            lines.append("        content:")
            lines += [f"          {name}: {_quoted(text)}" for name, text in shared.items()]
    return "\n".join(lines) + "\n"


def locale_yaml(subject: str, preheader: str, slots: Sequence[Proposal], fields: Sequence[FoundField]) -> str:
    """`locales/<locale>.yaml`: the words."""
    lines = [f"subject: {_quoted(subject)}", f"preheader: {_quoted(preheader)}"]
    if fields:
        lines += ["", "fields:   # what stands there where a person's own value is unknown"]
        lines += [f"  {field.name}: {_quoted(field.default)}" for field in fields]
    lines += ["", "slots:"]
    for slot in slots:
        lines += [f"  {slot.name}:", f"    {VARIANT}:"]
        lines += [f"      {name}: {_quoted(text)}" for name, text in _parts(slot, is_text=True).items()]
    return "\n".join(lines) + "\n"


def _parts(slot: Proposal, *, is_text: bool) -> dict[str, str]:
    kinds = SLOT_KINDS[slot.kind].parts
    return {name: text for name, text in slot.parts.items() if (kinds[name] is Part.TEXT) is is_text}


def _quoted(text: str) -> str:
    """A text as YAML has it between double quotes: JSON's way, which YAML takes over."""
    return json.dumps(text, ensure_ascii=False)


def _comment(text: str) -> str:
    return " ".join(text.split())
