"""Blocks: a template that makes a JSON object, for an app, a page or a push message.

A layout is JSON in whose texts values are printed: `{"title": "{{ slots.title.text }}"}`. Values stand inside texts and
nowhere else, and are escaped as JSON escapes, so that none can change what the object is made of.
"""

import json
import re
from collections.abc import Iterator, Sequence
from math import isinf
from typing import Any, NoReturn

from templates.expressions import Fault, Span, faults_of, parse, plain_spans

_BEGIN, _END = "\ue000", "\ue001"
_STAND_IN = re.compile(f"{_BEGIN}([0-9]+){_END}")


class _Refused(ValueError):
    """What JSON may be, and a block may not."""


def block_of(source: str) -> tuple[Any, Sequence[Span]] | Fault:
    """The object of a layout, with a stand-in for each value that it prints; or what is wrong with the layout."""
    spans = plain_spans(source)
    if spans is None:
        tree = parse(source)
        fault = tree if isinstance(tree, Fault) else next(faults_of(tree), None)
        return fault or Fault(1, "a block prints values and does nothing else", "Write {{ … }} inside texts only.")
    if _BEGIN in source or _END in source:
        return Fault(1, "the block holds a character of private use", "Remove it.")
    stood_in, starts = _stood_in(source, spans)
    try:
        found = json.loads(stood_in, parse_constant=_no_number, parse_float=_number, object_pairs_hook=_object)
        compact = _compact(found)
        compact.encode()
    except json.JSONDecodeError as error:
        return Fault(
            _line(source, starts, error.pos), f"this is not JSON: {error.msg}", "Mend it; values stand in texts."
        )
    except UnicodeEncodeError:
        return Fault(1, "a text of the block holds half a character, written as \\ud800 or the like", "Write it whole.")
    except (ValueError, RecursionError) as error:
        return Fault(1, f"this cannot be a block: {error}", "Mend it.")
    if not isinstance(found, dict):
        return Fault(1, "a block is an object: { … }", "Write one.")
    words = "".join(_texts_of(found))
    if words.count(_BEGIN) != len(spans) or compact.count(_BEGIN) != len(spans):
        return Fault(1, "a name of the object holds a value", 'Print values inside texts: "title": "{{ … }}".')
    if any("{" in text for text in (words, *_names_of(found))):
        return Fault(1, "a text of a block may not hold {", "Use another character: { begins Jinja2.")
    return found, spans


def compile_block(source: str) -> str | Fault:
    """The layout without what is for people only, its Jinja2 marks as they were."""
    read = block_of(source)
    if isinstance(read, Fault):
        return read
    found, spans = read
    return with_values(_compact(found), [source[span.start : span.end] for span in spans])


def _compact(found: Any) -> str:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def with_values(text: str, values: Sequence[str]) -> str:
    """A text with a value in the place of each stand-in, by its number."""
    return _STAND_IN.sub(lambda stand_in: values[int(stand_in[1])], text)


def _texts_of(found: Any) -> Iterator[str]:
    """Every text of an object, but for names."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, (dict, list)):
        for value in found.values() if isinstance(found, dict) else found:
            yield from _texts_of(value)


def _names_of(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        yield from found
    if isinstance(found, (dict, list)):
        for value in found.values() if isinstance(found, dict) else found:
            yield from _names_of(value)


def _stood_in(source: str, spans: Sequence[Span]) -> tuple[str, list[tuple[int, int]]]:
    """The source with its stand-ins, and for each run of words where it began there and in the source."""
    out: list[str] = []
    starts = [(0, 0)]
    length = position = 0
    for number, span in enumerate(spans):
        stand_in = f"{_BEGIN}{number}{_END}"
        out += [source[position : span.start], stand_in]
        length += span.start - position + len(stand_in)
        position = span.end
        starts.append((length, position))
    return "".join([*out, source[position:]]), starts


def _line(source: str, starts: list[tuple[int, int]], at: int) -> int:
    began, origin = max(start for start in starts if start[0] <= at)
    return source.count("\n", 0, origin + at - began) + 1


def _no_number(name: str) -> NoReturn:
    raise _Refused(f"{name} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _Refused(f"the name {twice!r} stands twice in one object")
    return dict(pairs)


def _number(text: str) -> float:
    if isinf(found := float(text)):
        raise _Refused("a number is too large")
    return found
