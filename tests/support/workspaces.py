"""Workspaces for tests: the sample, copied, with one thing changed."""

import shutil
from pathlib import Path

from templates.workspace import SAMPLE


def sample_with(folder: Path, *changes: tuple[str, str, str]) -> Path:
    """A copy of the sample workspace in a folder, each `(file, old, new)` replaced once in it.

    `templates/` before a template's file is left out: `newsletter/variants.yaml`.
    """
    copy = folder / "workspace"
    shutil.copytree(SAMPLE, copy)
    for file, old, new in changes:
        path = copy / file if (copy / file).exists() else copy / "templates" / file
        text = path.read_text("utf-8")
        assert old in text, f"{file} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1), "utf-8")
    return copy
