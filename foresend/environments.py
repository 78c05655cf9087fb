"""Environments of their own for parts whose dependencies exclude each other (the extras of pyproject.toml).

`make setup` installs everything that fits together into `.venv`; an extra that does not lives in `.venv-<extra>`.
A command says what it needs, and is executed again in the environment that has it.
"""

import importlib.util
import os
import sys
from pathlib import Path

from schemas.errors import ConfigError


def require(extra: str, module: str) -> None:
    """Go on where `module` is installed; else run the same command line again in `.venv-<extra>`.

    Raises:
        ConfigError: it is installed nowhere.
    """
    if importlib.util.find_spec(module) is not None:
        return
    program = Path(sys.prefix).parent / f".venv-{extra}" / "bin" / "foresend"
    if not program.exists() or Path(sys.prefix) == program.parent.parent:
        raise ConfigError(
            f"expected the package {module} (extra `{extra}`), found it neither here nor in {program.parent.parent}: "
            f"run `make setup`, or install `foresend[{extra}]`"
        )
    os.execv(program, [str(program), *sys.argv[1:]])  # noqa: S606
