"""Loads a workspace: a folder in git that holds everything one brand says."""

from pathlib import Path

from msgspec.structs import replace

from schemas.errors import ConfigError
from schemas.library import MessageClass
from templates.problems import Severity
from templates.sources import LocaleSource, SamplePerson, TemplateSource, Workspace
from templates.validation import check

SAMPLE = Path(__file__).parent / "sample_workspace"
"""The workspace that is shipped: a film and record shop's newsletter, cart reminder and receipt."""


def load(folder: Path) -> Workspace:
    """The workspace in a folder.

    Raises:
        ConfigError: it has errors; all of them are listed. Warnings are not.
    """
    workspace, problems = check(folder)
    if workspace is None:
        raise ConfigError([str(problem) for problem in problems if problem.severity is Severity.ERROR])
    return workspace


def load_marketing(folder: Path) -> Workspace:
    """The workspace in a folder without its receipts and the like: what is measured is of messages that are chosen.

    Where there is no template of marketing, all of them stay.

    Raises:
        ConfigError: it has errors.
    """
    workspace = load(folder)
    marketing = [one for one in workspace.templates if one.template.message_class is MessageClass.MARKETING]
    return replace(workspace, templates=tuple(marketing) or workspace.templates)


__all__ = ["SAMPLE", "LocaleSource", "SamplePerson", "TemplateSource", "Workspace", "load", "load_marketing"]
