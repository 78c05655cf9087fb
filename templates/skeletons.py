"""Messages as far as they are the same for everybody who is shown the same variants: joined once, with holes left.

A hole is for a value of a person's own, or for a send mark. What fills it is escaped as it goes in; the rest was.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import mul
from typing import NamedTuple

import msgspec

Part = bytes | int
"""Bytes, or the number of a hole: values of the person come first, then those of marks."""
Shown = Callable[[str, str], str]
_json = msgspec.json.Encoder()
_is_plain = re.compile(r"[A-Za-z0-9_.~:/=-]*").fullmatch
"""What HTML, text and JSON all show as it is: nearly every link that we sign."""


class InJson(NamedTuple):
    """HTML and text as they stand inside JSON strings."""

    html: bytes
    text: bytes


def escaped(text: bytes) -> bytes:
    """UTF-8 as it stands inside a JSON string."""
    return _json.encode(text.decode())[1:-1]


class Holed:
    """One output of a message: parts to be joined, and where values go among them."""

    def __init__(self, parts: Sequence[Part], escape: Callable[[bytes], bytes] | None = None) -> None:
        self.fixed: list[bytes] = []
        self.holes: list[tuple[int, int]] = []
        run: list[bytes] = []
        for part in [*parts, b""]:
            if isinstance(part, bytes):
                run.append(part)
                continue
            self.fixed += (b"".join(run), b"")
            self.holes.append((len(self.fixed) - 1, part))
            run = []
        self.fixed.append(b"".join(run))
        if escape is not None:
            self.fixed = [escape(part) for part in self.fixed]
        self.size = sum(map(len, self.fixed))

    def joined(self, values: Sequence[bytes]) -> bytes:
        """The output with these values in its holes."""
        if not self.holes:
            return self.fixed[0]
        parts = self.fixed.copy()
        for place, number in self.holes:
            parts[place] = values[number]
        return b"".join(parts)


class Skeleton:
    """A message of certain variants.

    outputs  subject, preheader, HTML, text and block, as parts; numbers below `values` are the person's
    values   how many are the person's
    marks    for each mark how it is shown, in the order of the numbers from `values` on
    size     bytes of the outputs without what goes into holes
    uses     how often each of the person's values stands in them

    Raises:
        UnicodeDecodeError: what lies between two holes is no UTF-8 by itself.
    """

    def __init__(self, outputs: Sequence[Sequence[Part]], values: int, marks: Sequence[tuple[str, Shown]]) -> None:
        self._subject, self._preheader = (Holed(output) for output in outputs[:2])
        self._html, self._text = (Holed(output, escaped) for output in outputs[2:4])
        self._marks: dict[str, list[tuple[int, Shown]]] = {}
        for number, (name, shown) in enumerate(marks, values):
            self._marks.setdefault(name, []).append((number, shown))
        self._open = [b""] * len(marks)
        self.size = sum(len(part) for output in outputs for part in output if isinstance(part, bytes))
        flat = [part for output in outputs for part in output if isinstance(part, int)]
        self.uses = [flat.count(number) for number in range(values)]
        for line in (self._subject, self._preheader):
            line.joined([b""] * (values + len(marks))).decode()

    def size_with(self, values: Sequence[bytes]) -> int:
        """Bytes of the message with these values of the person's, before its marks."""
        own: int = sum(map(mul, self.uses, map(len, values)))
        return self.size + own

    def lines(self, values: Sequence[bytes]) -> tuple[str, str]:
        """Subject and preheader."""
        return self._subject.joined(values).decode(), self._preheader.joined(values).decode()

    def in_json(self, values: Sequence[bytes], marks: Mapping[str, str]) -> InJson:
        """HTML and text with these values of the person's and of marks.

        Raises:
            KeyError: a mark is not there.
        """
        filled = [_json.encode(value.decode())[1:-1] for value in values]
        filled += self._open
        for name, uses in self._marks.items():
            value = marks[name]
            if _is_plain(value):
                packed = value.encode()
                for number, _ in uses:
                    filled[number] = packed
            else:
                for number, shown in uses:
                    filled[number] = _json.encode(shown(value, name))[1:-1]
        return InJson(self._html.joined(filled), self._text.joined(filled))
