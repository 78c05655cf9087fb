"""Whether words can be read on what is behind them, in light and in dark mode, as far as styles tell."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from templates.expressions import Reference
from templates.lint.colours import BLACK, LINK, WHITE, Colour, colour_on, contrast
from templates.lint.page import UNREAD, Page
from templates.lint.styles import Declared, Styles
from templates.problems import Problem

CONTRAST_MIN, CONTRAST_MIN_LARGE = 4.5, 3.0
"""WCAG 2.2, 1.4.3, level AA."""
LARGE_PX, LARGE_BOLD_PX = 24.0, 18.66
"""18 and 14 points: what 1.4.3 calls large."""
INVISIBLE = 1.2
"""Contrast under which nobody sees that there are words."""
PIXEL: Reference = ("marks", "open_pixel")
"""A picture of its own, or nothing: no words."""
DARK_CANVAS = Colour(18 / 255, 18 / 255, 18 / 255)
"""What browsers show behind a page that declares dark mode."""
_SIZE = re.compile(r"([0-9.]+)(px|pt|em|rem|%)")
_UNITS = {"px": (1.0, False), "pt": (4 / 3, False), "rem": (16.0, False), "em": (1.0, True), "%": (0.01, True)}
_BOLD = frozenset({"bold", "bolder", "600", "700", "800", "900"})
_HEADINGS = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h4": 1.0, "h5": 0.83, "h6": 0.67}


class Seen(NamedTuple):
    """How a run of words is shown.

    behind  None where a picture is behind it, so that nothing can be told
    """

    words: str
    colour: Colour
    behind: Colour | None
    size_px: float
    is_bold: bool
    is_hidden: bool
    in_link: str
    """The address that the words lead to; empty for none."""

    @property
    def contrast(self) -> float | None:
        """Of the words and what is behind them; None where that cannot be told."""
        return None if self.behind is None else contrast(self.colour, self.behind)

    @property
    def needed(self) -> float:
        """The least contrast that the words should have."""
        is_large = self.size_px >= (LARGE_BOLD_PX if self.is_bold else LARGE_PX)
        return CONTRAST_MIN_LARGE if is_large else CONTRAST_MIN


def seen(page: Page, styles: Styles, *, dark: bool = False) -> Iterator[Seen]:
    """Every run of words of a page, and how it is shown."""
    body = page.tree.body
    if body is None:
        return
    turns = dark and any("dark" in (meta.attributes.get("content") or "") for meta in _scheme(page))
    start = Seen("", WHITE if turns else BLACK, DARK_CANVAS if turns else WHITE, 16.0, False, False, "")
    yield from _walk(page, body, start, styles, dark)


def _scheme(page: Page) -> list[LexborNode]:
    return page.tree.css('meta[name="color-scheme"]')


def _walk(page: Page, node: LexborNode, above: Seen, styles: Styles, dark: bool) -> Iterator[Seen]:
    here = _shown(node, above, styles.of(node, dark=dark))
    for child in node.iter(include_text=True):
        if child.is_text_node:
            words = (child.text_content or "").strip("\u00a0\u00b7| \t\r\n")
            if words and page.references(words) != [PIXEL]:
                yield here._replace(words=words)
        elif child.tag not in UNREAD:
            yield from _walk(page, child, here, styles, dark)


def _shown(node: LexborNode, above: Seen, declared: Declared) -> Seen:
    behind = above.behind
    if declared.get("background-image", "none") != "none":
        behind = None
    elif "background-color" in declared:
        behind = colour_on(declared["background-color"], behind or WHITE) or behind
        if above.behind is None and _is_clear(declared["background-color"]):
            behind = None
    below = behind or WHITE
    colour = colour_on(declared["color"], below) if "color" in declared else None
    if colour is None:
        colour = LINK if node.tag == "a" and node.attributes.get("href") and "color" not in declared else above.colour
    size = _size(declared.get("font-size", ""), above.size_px)
    if "font-size" not in declared and node.tag in _HEADINGS:
        size = above.size_px * _HEADINGS[node.tag]
    weight = declared.get("font-weight", "bold" if node.tag in {"b", "strong", "th", *_HEADINGS} else "")
    is_bold = above.is_bold if weight in {"", "inherit"} else weight in _BOLD
    link = node.attributes.get("href") or "" if node.tag == "a" else above.in_link
    return Seen("", colour, behind, size, is_bold, above.is_hidden or _hides(declared), link)


def _is_clear(value: str) -> bool:
    """Whether a colour lets all through."""
    return colour_on(value, BLACK) == BLACK and colour_on(value, WHITE) == WHITE


def _size(value: str, above: float) -> float:
    found = _SIZE.fullmatch(value)
    if not found:
        return above
    factor, is_relative = _UNITS[found[2]]
    return float(found[1]) * factor * (above if is_relative else 1.0)


def _hides(declared: Declared) -> bool:
    return (
        declared.get("display") == "none"
        or declared.get("visibility") in {"hidden", "collapse"}
        or declared.get("opacity") in {"0", "0.0"}
        or declared.get("max-height") in {"0", "0px"}
    )


def contrast_problems(page: Page, styles: Styles) -> Iterator[Problem]:
    """Words that are hard to read, in light mode and in dark mode."""
    told: set[tuple[str, Colour, Colour | None]] = set()
    for dark in (False, True):
        for one in seen(page, styles, dark=dark):
            ratio = one.contrast
            key = (one.words, one.colour, one.behind)
            if one.is_hidden or ratio is None or ratio >= one.needed or key in told:
                continue
            told.add(key)
            mode = "in dark mode " if dark else ""
            yield page.problem(
                "dark-contrast" if dark else "contrast",
                one.words,
                f"{page.spelled(one.words)!r} {mode}is {one.colour} on {one.behind}: a contrast of {ratio:.1f}, "
                f"under {one.needed:g}",
                "Take a colour that differs more from what is behind it (WCAG 2 AA).",
            )
