"""Bodies as references: a message is joined out of its release's pieces and a person's own values.

A release holds for each template and locale a row of byte strings, its pieces. The first is a `Plan`, packed: in which
order the others stand in a message, and which of them belong together. A body then says only what differs between
messages. What a piece means is known to whoever cut it (`templates.cutting`), and not here.
See docs/adr/0025-bodies-are-references.md.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from html import escape
from operator import itemgetter, mul
from typing import Any, NamedTuple

import msgspec

from schemas.decisions import Rendered
from schemas.errors import StateCorrupt, StateVersionError
from templates.skeletons import InJson, Part, Skeleton

MESSAGE_BYTES_MAX = 4_000_000
ARGUMENTS_MAX = 10_000
PARTS_MAX = 10_000
"""Of an output of a skeleton."""
SKELETONS_MAX = 256
"""Kept of each language of a template, of some 25 kB each: of the combinations of variants that came first."""
FORMAT = 1
"""First byte of a body. A zstd frame begins with 0x28."""
_FIRST = bytes((FORMAT,))
_CHECK_BYTES = 4
HTML_MARKS = frozenset({"open_pixel"})
"""Filled with HTML of the gateway's own making; all others are text, and are escaped in HTML."""

Row = tuple[int, ...]
"""References: `3 * n` is piece `n`, `3 * n + 1` argument `n`, `3 * n + 2` mark `n`."""
Item = bytes | int
"""What a body holds: bytes are one argument as they stand; a number from 0 on is a bundle, an argument for each of its
rows; -1 - n is argument `n` once more."""


class Plan(msgspec.Struct, frozen=True, array_like=True):
    """How messages of one language of a template are put together.

    arguments  how many a body brings
    marks      names of the send marks that stand in messages
    outputs    one row each for subject, preheader, HTML, text and block; marks stand in the last three only
    bundles    rows of pieces and of arguments that came before: what one number of a body stands for
    """

    arguments: int
    marks: tuple[str, ...]
    outputs: tuple[Row, Row, Row, Row, Row]
    bundles: tuple[tuple[Row, ...], ...]


def in_html(value: str, name: str) -> str:
    """A mark's value as HTML shows it."""
    return value if name in HTML_MARKS else escape(value)


def in_text(value: str, _name: str) -> str:
    """A mark's value as plain text shows it."""
    return value


def in_json(value: str, _name: str) -> str:
    """A mark's value as it stands inside a JSON string."""
    return msgspec.json.encode(value)[1:-1].decode()


_SHOWN: tuple[Callable[[str, str], str], ...] = (in_text, in_text, in_html, in_text, in_json)
"""How marks are shown in each output."""
_encoder = msgspec.msgpack.Encoder()
_items_decoder = msgspec.msgpack.Decoder(list[Item])
_plan_decoder = msgspec.msgpack.Decoder(Plan)


def packed_plan(plan: Plan) -> bytes:
    """The first piece."""
    return _encoder.encode(plan)


class Opened(NamedTuple):
    """A message whose parts are all known, but for its send marks. It is joined once, when these are."""

    assembly: "Assembly"
    subject: str
    preheader: str
    items: Sequence[Item]
    skeleton: Skeleton | None
    values: Sequence[bytes]

    def filled(self, marks: Mapping[str, str]) -> Rendered:
        """The message with these values of send marks; what a value holds is never looked at.

        Raises:
            StateVersionError: the message holds a mark that `marks` does not: the release is newer than this program.
        """
        return self.assembly.joined(self, marks)

    def filled_in_json(self, marks: Mapping[str, str]) -> InJson | None:
        """HTML and text of `filled`, as JSON holds them; None where that is not known to be less work.

        Raises:
            StateVersionError: as `filled`.
        """
        return self.assembly.joined_in_json(self, marks)


class Assembly:
    """The pieces of one language of a template, ready to make messages of.

    check  of all pieces and of their key: a body names it, so that it is never joined out of other ones
    """

    def __init__(self, key: str, pieces: Sequence[bytes]) -> None:
        """Read the plan.

        key  `template/locale`

        Raises:
            StateCorrupt: the pieces are none that our compiler would make.
        """
        self.check = zlib.crc32(key.encode())
        for piece in pieces:
            self.check = zlib.crc32(piece, zlib.crc32(b"%d," % len(piece), self.check))
        try:
            plan = _plan_decoder.decode(pieces[0])
            self._take(plan, pieces)
        except (msgspec.DecodeError, IndexError, ValueError) as error:
            raise StateCorrupt(f"cannot read the pieces of {key}: {error}") from error

    def _take(self, plan: Plan, pieces: Sequence[bytes]) -> None:
        if not 0 <= plan.arguments <= ARGUMENTS_MAX:
            raise ValueError(f"expected at most {ARGUMENTS_MAX} arguments, got {plan.arguments}")
        self._arguments = plan.arguments
        self._bundles: list[tuple[bytes, ...]] = []
        self._composed: dict[int, list[list[bytes | int]]] = {}
        for number, rows in enumerate(plan.bundles):
            made = [_bundle_row(row, pieces) for row in rows]
            if not made:
                raise ValueError(f"bundle {number} is empty")
            if any(isinstance(part, int) for row in made for part in row):
                self._composed[number] = made
                made = []
            self._bundles.append(tuple(_bounded_join(row) for row in made))
        pool = _Pool(plan, pieces)
        self._fixed, self._marks, self._getters, self._uses = pool.fixed, pool.marks, pool.getters, pool.uses
        self._fixed_bytes = pool.fixed_bytes
        self._has_block = bool(plan.outputs[4])
        self._rows = pool.rows
        self._skeletons: dict[tuple[int | None, ...], Skeleton] = {}

    def pack(self, items: Sequence[Item]) -> bytes:
        """The body that these items make."""
        packed = _encoder.encode(items)
        return _FIRST + zlib.crc32(packed, self.check).to_bytes(_CHECK_BYTES) + packed

    def unpack(self, body: bytes) -> Opened:
        """The message in a body.

        Raises:
            StateCorrupt: the body is damaged, of other pieces, or would make too large a message.
        """
        packed = body[1 + _CHECK_BYTES :]
        if body[:1] != _FIRST or zlib.crc32(packed, self.check).to_bytes(_CHECK_BYTES) != body[1:5]:
            raise StateCorrupt(f"expected a body of this release's pieces, got {len(body)} damaged or other bytes")
        try:
            return self.opened(_items_decoder.decode(packed))
        except msgspec.DecodeError as error:
            raise StateCorrupt(f"cannot read a body of {len(body)} bytes: {error}") from error

    def opened(self, items: Sequence[Item]) -> Opened:
        """The message that these items make.

        Raises:
            StateCorrupt: they do not fit these pieces.
        """
        variants = tuple([item if item.__class__ is int else None for item in items])
        skeleton = self._skeletons.get(variants)
        try:
            if skeleton is None:
                parts = self._parts(items)
                subject, preheader = (b"".join(self._getters[output](parts)).decode() for output in (0, 1))
                self._learn(variants)
                return Opened(self, subject, preheader, items, self._skeletons.get(variants), _values(items))
            values = _values(items)
            for value in values:
                # Each by itself, or a body's HTML would fail only where an answer is made of it.
                value.decode()
            if skeleton.size_with(values) > MESSAGE_BYTES_MAX:
                raise _too_large()
            return Opened(self, *skeleton.lines(values), items, skeleton, values)
        except (IndexError, UnicodeDecodeError) as error:
            raise StateCorrupt(f"expected a body of this release's pieces: {error}") from error

    def _parts(self, items: Sequence[Item]) -> list[bytes]:
        """All that these items bring, after what is fixed."""
        arguments = self._given(items)
        if len(arguments) != self._arguments:
            raise StateCorrupt(f"expected {self._arguments} arguments in a body, got {len(arguments)}")
        if self._fixed_bytes + sum(map(mul, self._uses, map(len, arguments))) > MESSAGE_BYTES_MAX:
            raise _too_large()
        return self._fixed + arguments

    def _given(self, items: Sequence[Item]) -> list[bytes]:
        """The arguments, one after the other."""
        found: list[bytes] = []
        for item in items:
            if isinstance(item, bytes):
                # Each by itself, or a body's HTML would fail only where an answer is made of it.
                item.decode()
                found.append(item)
            elif item < 0:
                found.append(found[-1 - item])
            elif item in self._composed:
                for row in self._composed[item]:
                    found.append(_bounded_join([found[part] if isinstance(part, int) else part for part in row]))
            else:
                found += self._bundles[item]
            if len(found) > self._arguments:
                raise StateCorrupt(f"expected {self._arguments} arguments in a body, got more")
        return found

    def joined(self, opened: Opened, marks: Mapping[str, str]) -> Rendered:
        """What `Opened.filled` gives."""
        try:
            values = [shown(marks[name], name).encode() for name, shown in self._marks]
        except KeyError as error:
            raise _no_mark(marks, error) from error
        parts = self._parts(opened.items) + values
        html, text, block = (b"".join(self._getters[output](parts)) for output in (2, 3, 4))
        return Rendered(opened.subject, opened.preheader, html, text, block)

    def joined_in_json(self, opened: Opened, marks: Mapping[str, str]) -> InJson | None:
        """What `Opened.filled_in_json` gives."""
        if opened.skeleton is None:
            return None
        try:
            return opened.skeleton.in_json(opened.values, marks)
        except KeyError as error:
            raise _no_mark(marks, error) from error

    def _learn(self, variants: tuple[int | None, ...]) -> None:
        """Keep the skeleton of messages with these variants, if there is room, and a message is one."""
        if len(self._skeletons) < SKELETONS_MAX and not self._has_block:
            # Of pieces that are cut inside letters there is none.
            with suppress(UnicodeDecodeError, _TooManyParts):
                self._skeletons[variants] = self._skeleton(variants)

    def _skeleton(self, variants: tuple[int | None, ...]) -> Skeleton:
        """What is the same of all bodies that have these numbers, and something of the person's where there is None."""
        found: list[Sequence[Part]] = []
        values = 0
        for item in variants:
            if item is None:
                found.append((values,))
                values += 1
            elif item < 0:
                found.append(found[-1 - item])
            elif item in self._composed:
                for row in self._composed[item]:
                    found.append(_flat([found[part] if isinstance(part, int) else (part,) for part in row]))
            else:
                found += [(part,) for part in self._bundles[item]]
        marks = [(values + number,) for number in range(len(self._marks))]
        pool: list[Sequence[Part]] = [*((part,) for part in self._fixed), *found, *marks]
        return Skeleton([_flat([pool[place] for place in row]) for row in self._rows], values, self._marks)


class _TooManyParts(Exception):
    """What is composed of parts that are composed again and again: no message of ours."""


def _flat(rows: Sequence[Sequence[Part]]) -> list[Part]:
    if sum(map(len, rows)) > PARTS_MAX:
        raise _TooManyParts
    return [part for row in rows for part in row]


def _no_mark(marks: Mapping[str, str], error: KeyError) -> StateVersionError:
    return StateVersionError(f"expected one of the send marks {sorted(marks)}, got {error}")


class _Pool:
    """All that outputs are made of in one list: fixed pieces first, then arguments, then values of marks."""

    def __init__(self, plan: Plan, pieces: Sequence[bytes]) -> None:
        self.fixed: list[bytes] = [b""]
        self.marks: list[tuple[str, Callable[[str, str], str]]] = []
        self.uses = [0] * plan.arguments
        self.fixed_bytes = 0
        self._pieces = pieces
        self._places: dict[Any, int] = {}
        rows = [[self._place(plan, output, ref) for ref in row] for output, row in enumerate(plan.outputs)]
        starts = (0, len(self.fixed), len(self.fixed) + plan.arguments)
        self.rows = [[starts[kind] + place for kind, place in row] for row in rows]
        # Two empty parts make every getter give a tuple.
        self.getters: list[Callable[[list[bytes]], tuple[bytes, ...]]] = [itemgetter(0, 0, *row) for row in self.rows]
        if self.fixed_bytes > MESSAGE_BYTES_MAX:
            raise ValueError(f"expected messages of at most {MESSAGE_BYTES_MAX} bytes")

    def _place(self, plan: Plan, output: int, ref: int) -> tuple[int, int]:
        number, kind = divmod(ref, 3)
        if number < 0:
            raise ValueError(f"expected references from 0 on, got {ref}")
        if kind == 1:
            self.uses[number] += 1
            return kind, number
        if kind == 0:
            self.fixed_bytes += len(self._pieces[number])
            return kind, self._kept(self.fixed, number, self._pieces[number])
        if output not in (2, 3, 4):
            raise ValueError("expected no send mark in subject and preheader")
        mark = (plan.marks[number], _SHOWN[output])
        return kind, self._kept(self.marks, mark, mark)

    def _kept(self, row: list[Any], key: Any, value: Any) -> int:
        """Where a value stands that is kept once."""
        if key not in self._places:
            self._places[key] = len(row)
            row.append(value)
        return self._places[key]


def _values(items: Sequence[Item]) -> list[bytes]:
    return [item for item in items if isinstance(item, bytes)]


def _bundle_row(row: Row, pieces: Sequence[bytes]) -> list[bytes | int]:
    """Bytes, and numbers of arguments."""
    found: list[bytes | int] = []
    for ref in row:
        number, kind = divmod(ref, 3)
        if number < 0 or kind == 2:
            raise ValueError(f"expected pieces and arguments in a bundle, got {ref}")
        found.append(pieces[number] if kind == 0 else number)
    return found


def _bounded_join(parts: Sequence[bytes | int]) -> bytes:
    """All of it, unless that is more than a message may be: what is joined here may be joined again and again."""
    known = [part for part in parts if isinstance(part, bytes)]
    if sum(map(len, known)) > MESSAGE_BYTES_MAX:
        raise _too_large()
    return b"".join(known)


def _too_large() -> StateCorrupt:
    return StateCorrupt(f"expected a message of at most {MESSAGE_BYTES_MAX} bytes, got a larger one")
