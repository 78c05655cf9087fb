"""Pictures: what is said of them where they are not shown, and whether anything is left without them."""

import re
from collections.abc import Iterator

from templates.html_reading import NUMBER
from templates.lint.contrast import seen
from templates.lint.page import Page, attribute
from templates.lint.styles import Styles
from templates.problems import Problem

ALT_MAX = 150
"""Longer ones are cut or tiring to hear."""
WORDS_MIN = 20
"""Characters of words that a mail with pictures should have beside them."""
FILE_NAME = re.compile(
    r".*\.(png|jpe?g|gif|webp|svg)|(img|image|picture|photo|bild|untitled|dsc|screenshot)[-_ ]?\d*", re.IGNORECASE
)
"""Alternative texts that say nothing."""


def alt_fault(alt: str) -> tuple[str, str] | None:
    """What is wrong with an alternative text: message and mend."""
    if FILE_NAME.fullmatch(alt.strip()):
        return f"the alt text {alt!r} does not say what is shown", "Say it in a few words."
    if len(alt) > ALT_MAX:
        return f"an alt text has {len(alt)} characters, over {ALT_MAX}", "Say it shorter, or in the text."
    return None


def picture_problems(page: Page, styles: Styles) -> Iterator[Problem]:
    """What is wrong with the pictures that the layout shows itself."""
    pictures = page.tree.css("img")
    for node in pictures:
        alt = attribute(node, "alt")
        fault = None if NUMBER.search(alt) else alt_fault(alt)
        if fault:
            yield page.problem("alt", alt, *fault)
        if not attribute(node, "src").strip():
            yield page.problem("pictures", alt, "a picture has no src", "Give it an address, or remove it.")
    shown = [one.words for one in seen(page, styles) if not one.is_hidden]
    words = sum(WORDS_MIN if NUMBER.search(one) else len(one) for one in shown)
    if pictures and words < WORDS_MIN:
        mend = "Write its words as words: many programs show no pictures until they are asked."
        yield page.problem("pictures", "", "the mail is nothing but pictures", mend)
