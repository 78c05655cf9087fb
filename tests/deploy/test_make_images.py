"""`make images`: what it asks an engine for, and what it says where there is none."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.deploy.test_dockerfiles import TARGETS
from tests.support.documents import ROOT

ENGINE = '#!/bin/sh\necho "$@" >> "$(dirname "$0")/asked"\n'


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """All that the target may find on the PATH."""
    for name in ("sed", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    return tmp_path


def make(programs: Path) -> subprocess.CompletedProcess[str]:
    found = shutil.which("make")
    assert found
    # A make around this one would say so by its own variables.
    given = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        [found, "images"], cwd=ROOT, env={**given, "PATH": str(programs)}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_every_target_is_built_and_tagged_with_the_version(programs: Path, engine: str) -> None:
    (programs / engine).write_text(ENGINE)
    (programs / engine).chmod(0o755)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    done = make(programs)

    assert done.returncode == 0, done.stderr
    asked = (programs / "asked").read_text().splitlines()
    built = {
        (found[1], found[2], found[3])
        for line in asked
        if (found := re.fullmatch(r"build --file deploy/docker/(\w+)\.Dockerfile --target (\w+) --tag (\S+) \.", line))
    }
    assert {(name, target) for name, target, _ in built} == {
        (n, target) for n, many in TARGETS.items() for target in many
    }
    assert {tag for _, _, tag in built} == {f"foresend{kind}:{version}" for kind in ("", "-train", "-flink")}
    assert len(asked) == 3


def test_without_an_engine_it_says_what_it_needs(programs: Path) -> None:
    done = make(programs)

    assert done.returncode != 0
    assert "expected docker or podman" in done.stderr
