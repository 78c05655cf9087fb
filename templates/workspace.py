"""Loads a workspace: a folder in git that holds everything one brand says."""

from pathlib import Path

from schemas.errors import ConfigError
from templates.problems import Severity
from templates.sources import LocaleSource, SamplePerson, TemplateSource, Workspace
from templates.validation import check

SAMPLE = Path(__file__).parent / "sample_workspace"
"""The workspace that is shipped: a film and record shop's newsletter and cart reminder."""


def load(folder: Path) -> Workspace:
    """The workspace in a folder.

    Raises:
        ConfigError: it has errors; all of them are listed. Warnings are not.
    """
    workspace, problems = check(folder)
    if workspace is None:
        raise ConfigError([str(problem) for problem in problems if problem.severity is Severity.ERROR])
    return workspace


__all__ = ["SAMPLE", "LocaleSource", "SamplePerson", "TemplateSource", "Workspace", "load"]
