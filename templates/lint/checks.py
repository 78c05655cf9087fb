"""All rules of lint over one template."""

from collections.abc import Mapping

from schemas.library import TemplateKind
from templates.expressions import Fault
from templates.layout_source import compile_layout
from templates.lint.contrast import contrast_problems
from templates.lint.dark import dark_problems
from templates.lint.footer import footer_problems
from templates.lint.links import link_problems
from templates.lint.page import Page
from templates.lint.pictures import picture_problems
from templates.lint.styles import Styles
from templates.lint.words import alt_problems, header_problems, language_problems, text_problems
from templates.problems import Problem
from templates.reading import TemplateFiles
from templates.sources import TemplateSource


def lint_problems(
    files: TemplateFiles, source: TemplateSource, hosts: tuple[str, ...], utm: Mapping[str, str]
) -> list[Problem]:
    """What every rule finds in a template whose layout can be compiled; nothing in another."""
    if source.template.kind is not TemplateKind.EMAIL or not source.mjml:
        return []
    html = compile_layout(source)
    if isinstance(html, Fault):
        return []
    page = Page(source, html)
    styles = Styles(page.tree)
    return [
        *link_problems(page, hosts, utm),
        *picture_problems(page, styles),
        *alt_problems(page, files),
        *contrast_problems(page, styles),
        *dark_problems(page, styles),
        *footer_problems(page, styles),
        *text_problems(page, html),
        *language_problems(page),
        *header_problems(page, files),
    ]
