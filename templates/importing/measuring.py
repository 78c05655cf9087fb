"""Renders an import's default message as a release would, to lay it beside the original."""

from collections.abc import Mapping
from pathlib import Path

from mjml import mjml2html

from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from schemas.library import WorkspaceSettings
from templates.compiler import compile_release
from templates.importing.standing import mark_address
from templates.importing.whole import Reason
from templates.send_marks import MARKS, fill
from templates.sources import TemplateSource, Workspace


def default_message(template: TemplateSource, settings: WorkspaceSettings, values: Mapping[str, str]) -> str:
    """The HTML of the fallback of a release with this template alone; no campaign parameters are added to its links.

    Raises:
        Reason: it cannot be compiled.
    """
    workspace = Workspace(Path(), WorkspaceId("import"), settings, dict(values), {}, (template,), ())
    try:
        release = compile_release(workspace)
    except ConfigError as error:
        raise Reason(0, str(error), "Mend the source.") from error
    rendered = next(iter(release.fallbacks.values()))
    marks = {name: mark_address(name) for name in MARKS}
    return fill(rendered, release.mark_prefix, marks).html.decode()


def original_message(source: str, *, mjml: bool) -> str:
    """The HTML of an original: itself, or what MJML makes of it."""
    if not mjml:
        return source
    html: str = mjml2html(source, disable_comments=True, fonts={})
    return html
