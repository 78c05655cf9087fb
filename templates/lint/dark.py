"""Whether a mail is made for dark mode: programs that find nothing turn colours as they think best."""

from collections.abc import Iterator

from templates.lint.page import Page, attribute
from templates.lint.styles import Styles
from templates.problems import Problem


def dark_problems(page: Page, styles: Styles) -> Iterator[Problem]:
    """Meta elements and styles of dark mode that are not there."""
    for name in ("color-scheme", "supported-color-schemes"):
        if not any("dark" in attribute(meta, "content") for meta in page.tree.css(f'meta[name="{name}"]')):
            yield page.problem(
                "dark-mode", "", f"the layout has no <meta name={name!r}> that names dark",
                f'Add <meta name="{name}" content="light dark"> to its head, in MJML inside <mj-raw>.',
            )  # fmt: skip
    if not styles.has_dark:
        yield page.problem(
            "dark-mode", "", "no style is for dark mode",
            "Add @media (prefers-color-scheme: dark) { … } to its styles.",
        )  # fmt: skip
