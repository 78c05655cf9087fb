"""Colours: how well one can be read on another.

Source: WCAG 2.2, success criterion 1.4.3 and the definitions of relative luminance and contrast ratio.
"""

from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

import tinycss2.color4


class Colour(NamedTuple):
    """An opaque colour of sRGB, each part from 0 to 1."""

    red: float
    green: float
    blue: float

    def __str__(self) -> str:
        return "#" + "".join(f"{round(part * 255):02x}" for part in self)

    @property
    def luminance(self) -> float:
        """Relative luminance, from 0 (black) to 1 (white)."""
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in self)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue


WHITE, BLACK, LINK = Colour(1, 1, 1), Colour(0, 0, 0), Colour(0, 0, 238 / 255)


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio of two colours, from 1 to 21.

    >>> round(contrast(WHITE, BLACK), 1)
    21.0
    """
    low, high = sorted((one.luminance, other.luminance))
    return (high + 0.05) / (low + 0.05)


@lru_cache(maxsize=1_024)
def _parsed(text: str) -> Any:
    """What the library makes of a colour; it ships no types."""
    return tinycss2.color4.parse_color(text)


def colour_on(text: str, below: Colour) -> Colour | None:
    """The colour that a value of CSS shows over another; None where it is no colour we can tell.

    >>> str(colour_on("rgba(0, 0, 0, 0.5)", WHITE)), colour_on("inherit", WHITE)
    ('#808080', None)
    """
    parsed = _parsed(text)
    if parsed is None or parsed == "currentcolor":
        return None
    if parsed.space not in {"srgb", "hsl", "hwb"}:
        return None
    red, green, blue, alpha = parsed.to("srgb")
    mixed = [above * alpha + under * (1 - alpha) for above, under in zip((red, green, blue), below, strict=True)]
    if not all(map(isfinite, mixed)):
        return None
    return Colour(*(min(max(part, 0.0), 1.0) for part in mixed))
