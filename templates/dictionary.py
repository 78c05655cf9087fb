"""Makes the compression dictionary of a release out of renders of its sample people, so that it holds no person.

Only messages that Jinja2 must run are compressed: all others are rows of pieces, which need no dictionary.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from schemas.ids import Locale, VariantId
from schemas.library import Template
from templates.library import Library
from templates.rules import first_allowed
from templates.sources import SamplePerson

DICTIONARY_BYTES_MAX = 400_000
"""A bound for workspaces with very many variants; the release is one record of a topic."""
_PIECE = re.compile(rb"[^>\n]*[>\n]?")


def make_dictionary(library: Library, samples: Sequence[SamplePerson]) -> bytes:
    """One whole message of each template and locale that has no pieces, and before them what other variants put there.

    It is raw content, not a trained dictionary: messages of one layout differ in few places, so what serves is a whole
    message to point at. See docs/adr/0014-dictionary-of-sample-messages.md for the figures.
    """
    whole: list[bytes] = []
    rest: list[bytes] = []
    cut = library.pieces()
    for template in library.templates:
        for locale in sorted(one for one in template.layouts if f"{template.name}/{one}" not in cut):
            renders = list(_renders(library, template, locale, samples))
            known = set(_PIECE.findall(renders[0]))
            for render in renders[1:]:
                for piece in _PIECE.findall(render):
                    if piece not in known and len(piece) > 3:
                        known.add(piece)
                        rest.append(piece)
            whole.append(renders[0])
    return b"".join([*rest, *whole])[-DICTIONARY_BYTES_MAX:]


def _renders(library: Library, template: Template, locale: Locale, samples: Sequence[SamplePerson]) -> Iterator[bytes]:
    """Messages that show every variant at least once, to the sample people in turn; the first is the most usual."""
    people = [person for person in samples if library.locale_for(template, person.locale) == locale]
    encode = msgspec.msgpack.Encoder().encode
    shown: set[tuple[VariantId, ...]] = set()
    choices = [(slot.name, variant.id) for slot in template.slots for variant in slot.variants]
    for number, fixed in enumerate(choices):
        choice = first_allowed(template.slots, template.rules, fixed=fixed)
        if choice is None or choice in shown:
            continue
        shown.add(choice)
        traits = people[number % len(people)].traits if people else {}
        fields = library.fields_of(template, locale, traits)
        yield encode(library.render(template, locale, choice, fields))
