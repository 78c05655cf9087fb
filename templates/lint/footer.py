"""What the law wants to be seen in marketing: a way to unsubscribe, and where the sender is."""

from collections.abc import Iterator

from schemas.library import MessageClass
from templates.expressions import Reference
from templates.lint.contrast import INVISIBLE, Seen, seen
from templates.lint.page import Page
from templates.lint.styles import Styles
from templates.problems import Problem, Severity

SIZE_MIN_PX = 9.0
"""Smaller words are not there for readers."""
UNSUBSCRIBE: Reference = ("marks", "unsubscribe_url")
ADDRESS: Reference = ("workspace", "postal_address")


def footer_problems(page: Page, styles: Styles) -> Iterator[Problem]:
    """What of it is hidden. That it is printed at all, `layout_check` demands."""
    if page.source.template.message_class is not MessageClass.MARKETING:
        return
    shown = list(seen(page, styles))
    yield from _unseen(page, UNSUBSCRIBE, "the link to unsubscribe", [o for o in shown if _leads(page, o)])
    yield from _unseen(page, ADDRESS, "the postal address", [o for o in shown if ADDRESS in page.references(o.words)])


def _leads(page: Page, one: Seen) -> bool:
    return UNSUBSCRIBE in page.references(one.in_link)


def _unseen(page: Page, reference: Reference, what: str, shown: list[Seen]) -> Iterator[Problem]:
    if not any(span == reference for span in page.printed):
        return
    reasons = [_why_unseen(one) for one in shown]
    if all(reasons):
        why = reasons[0] if reasons else "it has no words"
        mend = "Let it be seen: the law wants it, and who does not find it reports the mail as spam."
        yield page.problem_at("footer", reference, f"{what} is not visible: {why}", mend, Severity.ERROR)


def _why_unseen(one: Seen) -> str:
    if one.is_hidden:
        return "it is hidden by a style"
    if one.size_px < SIZE_MIN_PX:
        return f"its words are {one.size_px:g} px high, under {SIZE_MIN_PX:g}"
    if one.contrast is not None and one.contrast < INVISIBLE:
        return f"it is {one.colour} on {one.behind}"
    return ""
