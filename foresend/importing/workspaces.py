"""The workspace that an import is for: what must be known of it, and the folder that is written."""

import shutil
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError
from templates.importing import DEFAULTS, Imported
from templates.problems import Problem
from templates.schema_check import schema_problems
from templates.sources import SETTINGS_FILE, TEMPLATES_FOLDER
from templates.yaml_files import read_yaml


def settings_of(folder: Path | None) -> dict[str, Any]:
    """The content of a workspace's `foresend.yaml`; what stands for one where there is none.

    Raises:
        ConfigError: the file is there, and wrong.
    """
    if folder is None or not (folder / SETTINGS_FILE).is_file():
        return DEFAULTS
    document = read_yaml(folder, SETTINGS_FILE)
    problems = [document] if isinstance(document, Problem) else schema_problems(document, "foresend")
    if isinstance(document, Problem) or problems:
        raise ConfigError([str(problem) for problem in problems])
    value: dict[str, Any] = document.value
    return value


def template_folder(folder: Path, name: str) -> Path:
    """Where a template stands in a workspace."""
    return folder / TEMPLATES_FOLDER / name


def templates_in(folder: Path | None) -> list[str]:
    """The names of the templates that a workspace has."""
    return [path.name for path in (folder / TEMPLATES_FOLDER).glob("*")] if folder is not None else []


def write(folder: Path, imported: Imported) -> None:
    """Write a template's folder, whole: what stood there before is gone."""
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for file, text in imported.files.items():
        path = fresh / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
