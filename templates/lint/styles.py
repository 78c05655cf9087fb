"""What styles say of each element: the part of CSS's cascade that colours and sizes of mails need.

Sources: CSS Cascading and Inheritance 4 (order), Selectors 4 §17 (specificity). Media queries: a rule for dark mode
counts in dark mode only, one for narrow screens not at all, every other always.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import tinycss2
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

KNOWN = frozenset(
    {"color", "background", "background-color", "background-image", "font-size", "font-weight", "display",
     "visibility", "opacity", "max-height"}
)  # fmt: skip
_DARK = re.compile(r"prefers-color-scheme\s*:\s*dark")
_NOT_THIS = re.compile(r"prefers-color-scheme\s*:\s*light|max-(device-)?width|\bprint\b")
_IDS = re.compile(r"#[\w-]+")
_CLASSES = re.compile(r"\.[\w-]+|\[[^\]]*\]|(?<!:):(?!not\b|is\b|where\b)[\w-]+")
_TYPES = re.compile(r"(?:^|[\s>+~(])[a-zA-Z][\w-]*|::[\w-]+")
_BRACKETS = re.compile(r"[][(){}]")
DEPTH_MAX = 64
"""Brackets within brackets; styles that hold more are passed over."""
_INLINE = 1_000

Declared = Mapping[str, str]
"""The winning declaration of each property of `KNOWN`."""


class _Rule(NamedTuple):
    selector: str
    declared: Mapping[str, tuple[str, bool]]
    is_dark: bool


class Styles:
    """The styles of one page."""

    def __init__(self, tree: LexborHTMLParser) -> None:
        self._tree = tree
        sheets = [text for text in (node.text() for node in tree.css("style")) if _is_flat(text)]
        self._rules = [rule for sheet in sheets for rule in _rules(tinycss2.parse_stylesheet(sheet), is_dark=False)]
        self._by_node: dict[bool, dict[int, list[tuple[tuple[bool, int, int], str, str]]]] = {}

    @property
    def has_dark(self) -> bool:
        """Whether anything is said for dark mode."""
        return any(rule.is_dark for rule in self._rules)

    def of(self, node: LexborNode, *, dark: bool) -> Declared:
        """What holds for one element."""
        if dark not in self._by_node:
            self._by_node[dark] = self._matched(dark=dark)
        found = list(self._by_node[dark].get(node.mem_id, ()))
        for name, (value, important) in _declared(node.attributes.get("style") or "").items():
            found.append(((important, _INLINE, 0), name, value))
        winning = {name: value for _, name, value in sorted(found, key=lambda one: one[0])}
        return _attributes(node) | winning

    def _matched(self, *, dark: bool) -> dict[int, list[tuple[tuple[bool, int, int], str, str]]]:
        found: dict[int, list[tuple[tuple[bool, int, int], str, str]]] = defaultdict(list)
        for order, rule in enumerate(self._rules):
            if rule.is_dark and not dark:
                continue
            weight = _specificity(rule.selector)
            for node in self._nodes(rule.selector):
                for name, (value, important) in rule.declared.items():
                    found[node.mem_id].append(((important, weight, order), name, value))
        return found

    def _nodes(self, selector: str) -> list[LexborNode]:
        try:
            return self._tree.css(selector)
        except SelectolaxError:
            return []  # what our parser cannot read, most mail programs cannot either


def _attributes(node: LexborNode) -> dict[str, str]:
    """Attributes that say what styles do; they are the weakest."""
    found = {}
    if node.attributes.get("bgcolor"):
        found["background-color"] = node.attributes.get("bgcolor") or ""
    if node.attributes.get("background"):
        found["background-image"] = "url()"
    if node.tag == "font" and node.attributes.get("color"):
        found["color"] = node.attributes.get("color") or ""
    return found


def _rules(parsed: list[tinycss2.ast.Node], *, is_dark: bool) -> Iterator[_Rule]:
    for node in parsed:
        if node.type == "at-rule" and node.lower_at_keyword == "media" and node.content is not None:
            query = tinycss2.serialize(node.prelude).lower()
            if not _NOT_THIS.search(query):
                inner = tinycss2.parse_rule_list(node.content)
                yield from _rules(inner, is_dark=is_dark or bool(_DARK.search(query)))
        elif node.type == "qualified-rule":
            declared = _declared(tinycss2.serialize(node.content))
            if declared:
                for selector in tinycss2.serialize(node.prelude).split(","):
                    yield _Rule(selector.strip().replace(":link", ""), declared, is_dark)


@lru_cache(maxsize=2_048)
def _declared(style: str) -> Mapping[str, tuple[str, bool]]:
    """Known properties of a block, each with its value and whether it is important; a shorthand comes in its parts."""
    found: dict[str, tuple[str, bool]] = {}
    if not style or not _is_flat(style):
        return found
    for node in tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True):
        if node.type != "declaration" or node.lower_name not in KNOWN:
            continue
        value = tinycss2.serialize(node.value).strip().lower()
        if node.lower_name == "background":
            found["background-image"] = ("url()" if "url(" in value or "gradient(" in value else "none", node.important)
            found["background-color"] = (_colour_in(value), node.important)
        else:
            found[node.lower_name] = (value, node.important)
    return found


def _is_flat(text: str) -> bool:
    """Whether brackets are nested no deeper than anybody writes them: what reads styles runs out of recursion there."""
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth = depth + 1 if bracket in "({[" else max(depth - 1, 0)
        if depth > DEPTH_MAX:
            return False
    return True


def _colour_in(value: str) -> str:
    """The colour of a `background` shorthand; transparent where it names none."""
    for node in tinycss2.parse_component_value_list(value):
        if node.type in {"hash", "ident"} or (
            node.type == "function" and node.lower_name in {"rgb", "rgba", "hsl", "hsla"}
        ):
            text = tinycss2.serialize([node])
            if tinycss2.color4.parse_color(text) is not None:
                return str(text)
    return "transparent"


def _specificity(selector: str) -> int:
    """Ids, classes and types, packed."""
    bare = _CLASSES.sub(" ", _IDS.sub(" ", selector))
    counts = (len(_IDS.findall(selector)), len(_CLASSES.findall(selector)), len(_TYPES.findall(bare)))
    return counts[0] * 100 + min(counts[1], 9) * 10 + min(counts[2], 9)
