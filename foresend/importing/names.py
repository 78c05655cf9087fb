"""What a template is called that is imported from a file."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from templates.importing.merge_tags import slug

_SAYS_NOTHING = frozenset({"index", "content", "template", "email", "mail", "html", "message", "source"})


def names_of(files: Sequence[Path], taken: Collection[str] = ()) -> list[str]:
    """A name for each file, all different and none taken: the file's own, with as much of its folder as that needs.

    >>> names_of([Path("a/welcome.html"), Path("basic/invoice/content.html"), Path("plain/invoice/content.html")])
    ['welcome', 'invoice', 'plain_invoice']
    """
    names: list[str] = []
    for file in files:
        names.append(next(name for name in _candidates(file) if name not in names and name not in taken))
    return names


def _candidates(file: Path) -> Iterator[str]:
    parts = [name for name in (slug(part) for part in file.absolute().with_suffix("").parts) if name]
    if len(parts) > 1 and parts[-1] in _SAYS_NOTHING:
        parts.pop()
    parts = parts or ["mail"]
    for count in range(1, min(len(parts), 3) + 1):
        yield "_".join(parts[-count:])[-60:].lstrip("_0123456789")
    number = 2
    while True:
        yield f"{parts[-1]}_{number}"
        number += 1
