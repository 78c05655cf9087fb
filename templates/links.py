"""Every fixed address that messages of a release lead to, by its id: what tracked links name.

An id is a hash of its address, so that the same address has the same id in all releases of a workspace.
"""

import html
import re
from collections.abc import Iterator
from hashlib import blake2b

from schemas.library import Release
from templates.slot_kinds import CATALOG, Part, kind_of

ID_BYTES = 8
_HREF = re.compile(r"\shref\s*=\s*(?:\"([^\"{}]*)\"|'([^'{}]*)')", re.IGNORECASE)
"""An address that is written out: one with a brace holds a person's own value."""


def links_of(release: Release) -> dict[str, str]:
    """The addresses by their ids, in the order of ids."""
    found = {link_id(address): address for address in _addresses(release) if address.startswith("https://")}
    return dict(sorted(found.items()))


def link_id(address: str) -> str:
    """What an address is called.

    >>> len(link_id("https://shop.example/"))
    16
    """
    return blake2b(address.encode(), digest_size=ID_BYTES).hexdigest()


def _addresses(release: Release) -> Iterator[str]:
    for template in release.templates:
        for slot in template.slots:
            if slot.kind == CATALOG:
                # Items come and go between releases: their links go direct.
                continue
            names = [name for name, part in kind_of(slot).parts.items() if part is Part.URL]
            for variant in slot.variants:
                for words in variant.content.values():
                    yield from (words[name] for name in names if "{" not in words.get(name, "{"))
    for layout in release.layouts.values():
        for quoted, single in _HREF.findall(layout.html):
            yield html.unescape(quoted or single).strip()
