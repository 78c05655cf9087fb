"""Tells what a source is: a whole MJML 4 document, HTML, or what cannot be imported, with the place and why."""

import re
from collections.abc import Iterator, Sequence

from templates.importing.markup import Element, Piece
from templates.layout_source import check_html
from templates.mjml_source import MJML3, NO_ALT, check_mjml
from templates.problems import Lines
from templates.yaml_files import FILE_BYTES_MAX

_MJML3 = MJML3 | {"mj-hero-content", "mj-html", "mj-slider", "mj-social-content"}
_TAKEN_OUT = ("may not hold scripts", "may not hold <link>")
_MIGRATE = "Migrate it to MJML 4: npx mjml --migrate FILE; https://documentation.mjml.io/#migrating-from-mjml-3"
_HTML = frozenset("html head body table div p center td tr h1 h2 a img span style title font b strong br".split())  # noqa: SIM905


class Reason(Exception):
    """Why a source cannot be imported, at which offset, and the way out."""

    def __init__(self, start: int, message: str, mend: str) -> None:
        super().__init__(message)
        self.start, self.message, self.mend = start, message, mend


def is_mjml(pieces: Sequence[Piece]) -> bool:
    """Whether the source is a whole MJML 4 document; it is HTML otherwise.

    Raises:
        Reason: it is neither.
    """
    opened = [(piece.start, piece.element) for piece in pieces if piece.kind == "open" and piece.element]
    tags = {element.tag for _, element in opened}
    if not any(tag == "mjml" or tag.startswith("mj-") for tag in tags):
        if not tags & _HTML:
            raise Reason(0, "expected an e-mail of MJML or HTML, got no element of either", "Give its source file.")
        return False
    start, root = opened[0]
    if root.tag != "mjml":
        message = f"expected a whole MJML 4 document with the root <mjml>, got a part that begins with <{root.tag}>"
        raise Reason(start, message, "Import the document that includes it, with this part written in.")
    fault = next(_faults(opened, root), None)
    if fault is not None:
        raise fault
    return True


def _faults(opened: Sequence[tuple[int, Element]], root: Element) -> Iterator[Reason]:
    for start, element in opened:
        if element.tag in _MJML3:
            yield Reason(start, f"<{element.tag}> is MJML 3", _MIGRATE)
        if element.tag == "mj-include":
            path = element.value("path") or "another file"
            yield Reason(
                start, f"<mj-include> of {path[:80]!r}: no other file is read", "Write the included part here."
            )
    if not any(element.tag == "mj-body" and element.parent is root for _, element in opened):
        message = "expected a whole MJML 4 document, got <mjml> without <mj-body>"
        yield Reason(opened[0][0], message, "Import the document that this is a part of.")


def check_source(source: str, spans: Sequence[tuple[int, int]], *, mjml: bool) -> None:
    """Check the elements as they stand in the source, where a layout made of it could only tell its own places.

    spans  the merge tags, which are no markup

    Raises:
        Reason: the first thing that a layout may not hold, and that an import does not take out.
    """
    masked = list(source.replace("{", "("))
    for start, end in spans:
        masked[start:end] = ["\n" if character == "\n" else "x" for character in source[start:end]]
    text = "".join(masked)
    opened = _open_comment(text)
    if opened >= 0:
        raise Reason(opened, "a comment is opened here and never closed", "Close it with -->.")
    for line, column, message, mend in check_mjml(text) if mjml else check_html(text):
        if not message.endswith((NO_ALT, *_TAKEN_OUT)) and "<html>" not in message:
            raise Reason(Lines(source).offset(line, column), message, mend)


def _open_comment(text: str) -> int:
    """The offset of a comment without an end, which parsers read in different ways; -1 where there is none."""
    at = text.find("<!--")
    while at >= 0:
        # From its second hyphen on: `<!-->` is a whole comment.
        end = text.find("-->", at + 2)
        if end < 0:
            return at
        at = text.find("<!--", end + 3)
    return -1


def place(source: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset."""
    return Lines(source).at(offset)


def decoded(data: bytes) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else the charset that it names; lines end as Unix's do.

    Raises:
        Reason: it is none of these.
    """
    if len(data) > FILE_BYTES_MAX:
        raise Reason(0, f"the file has {len(data)} bytes, over {FILE_BYTES_MAX}", "Make the e-mail smaller.")
    text = _text(data)
    for character in ("\x00", "\ue000", "\ue001"):
        text = text.replace(character, "")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _text(data: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        named = re.search(rb"charset\s*=\s*[\"']?([\w-]+)", data[:4096], re.IGNORECASE)
        try:
            if named and named[1].lower() not in {b"utf-8", b"utf8"}:
                return data.decode(named[1].decode("ascii"))
        except (UnicodeDecodeError, LookupError):
            pass
        raise Reason(
            error.start, "the file is not UTF-8, and names no charset that it is in", "Save it as UTF-8."
        ) from error


def in_utf8(source: str) -> str:
    """The source without another charset's name: messages are sent as UTF-8."""
    return re.sub(
        r"""(<meta[^>]*charset\s*=\s*["']?)(?!utf-?8)[\w-]+""", r"\1UTF-8", source, count=2, flags=re.IGNORECASE
    )
