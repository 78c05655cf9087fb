"""The Dockerfiles as text: a linter's rules, and what images promise. tests/stack/test_images.py runs their steps."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.dockerfiles import Stage, UnknownInstruction, ignore_patterns, instructions, is_ignored, stages
from tests.support.documents import ROOT
from tests.support.image_layers import context_files

FILES = sorted((ROOT / "deploy/docker").glob("*.Dockerfile"))
TARGETS = {"python": ("programs", "train"), "flink": ("flink",)}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXACT = re.compile(r"[a-z-]+:\d+\.\d+\.\d+[\w.-]*")
"""A name and a whole version: no `latest`, no `3.11`, that mean something else tomorrow."""

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def lint(file: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("hadolint")
    return subprocess.run([program, "--no-color", file], capture_output=True, text=True, check=False)


def last_stages(file: Path) -> list[list[Stage]]:
    """Each target that is an image, with the stages that it goes on from, itself first."""
    by_name = {stage.name: stage for stage in stages(file)}
    found = []
    for target in TARGETS[file.stem.removesuffix(".Dockerfile")]:
        chain = [by_name[target]]
        while chain[-1].base in by_name:
            chain.append(by_name[chain[-1].base])
        found.append(chain)
    return found


def test_there_is_a_dockerfile_for_each_kind() -> None:
    assert {file.stem for file in FILES} == set(TARGETS)


@every_file
def test_the_linter_finds_nothing(file: Path) -> None:
    done = lint(file)

    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM python:latest\nRUN cd /tmp && sudo true\n")

    done = lint(file)

    assert done.returncode == 1
    assert "DL3007" in done.stdout


@every_file
def test_everything_from_elsewhere_has_an_exact_version(file: Path) -> None:
    own = {stage.name for stage in stages(file)}
    taken = {stage.base for stage in stages(file)}
    taken |= {step.flag("from") for stage in stages(file) for step in stage.instructions}

    assert [name for name in sorted(taken - own - {""}) if not EXACT.fullmatch(name)] == []


@every_file
def test_images_run_as_nobody_in_particular(file: Path) -> None:
    for chain in last_stages(file):
        steps = [step for stage in reversed(chain) for step in stage.instructions]
        users = [step.text for step in steps if step.keyword == "USER"]
        after = steps[max(number for number, step in enumerate(steps) if step.keyword == "USER") :]

        # A number, or Kubernetes cannot tell that it is not root.
        assert users == ["10001:10001"]
        assert [step for step in after if step.keyword == "RUN"] == []


@every_file
def test_images_are_made_of_what_earlier_stages_built(file: Path) -> None:
    """What builds stays behind: no package manager, compiler or source comes along; files that are only read may."""
    harmless = "docker-entrypoint.sh", ".properties "
    for chain in last_stages(file):
        copied = [step for stage in chain for step in stage.instructions if step.keyword == "COPY"]

        assert copied
        ours = [step.text for step in copied if not step.flag("from")]
        assert [text for text in ours if not any(name in text for name in harmless)] == []


@every_file
def test_all_of_our_packages_are_built_in(file: Path) -> None:
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copied = [step.words[0] for stage in stages(file) for step in stage.instructions if step.keyword == "COPY"]

    assert [package for package in packages if package not in copied] == []


def test_versions_are_those_of_the_project() -> None:
    texts = {file.stem: file.read_text(encoding="utf-8") for file in FILES}
    make = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    (flink,) = (one.partition("==")[2] for one in PROJECT["project"]["optional-dependencies"]["flink"])
    pom = (ROOT / "deploy/docker/flink/pom.xml").read_text(encoding="utf-8")

    assert make
    assert all(f"uv=={make[1]} " in f"{text} ".replace("\n", " ") for text in texts.values())
    assert f"<version>{flink}</version>" in pom


def test_the_page_tells_the_version_of_the_images() -> None:
    page = (ROOT / "docs/deploy/images.md").read_text(encoding="utf-8")

    assert f"now `{PROJECT['project']['version']}`" in page


def test_a_build_is_handed_code_and_nothing_else() -> None:
    names = context_files()
    tops = {name.partition("/")[0] for name in names}
    packages = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])

    assert tops == {*packages, "LICENSE", "README.md", "pyproject.toml", "uv.lock", "deploy"}
    assert {name for name in names if name.startswith("deploy/")} == {
        "deploy/docker/flink/docker-entrypoint.sh",
        "deploy/docker/flink/pom.xml",
    }


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("tests/unit/test_tidy.py", True),
        (".git/config", True),
        ("my.env", True),
        ("schemas/events.py", False),
        ("schemas/__pycache__/events.cpython-311.pyc", True),
        ("deploy/docker/compose.yaml", True),
        ("deploy/docker/flink/pom.xml", False),
    ],
)
def test_what_is_left_out(path: str, ignored: bool) -> None:
    assert is_ignored(path, ignore_patterns(ROOT / ".dockerignore")) == ignored


def test_the_reader_joins_lines_and_leaves_out_comments() -> None:
    text = '# first\nFROM a:1 AS b\nRUN --mount=type=cache,target=/c one \\\n# within\n    && two\nCMD ["x", "y z"]\n'

    first, run, command = instructions(text)

    assert (first.words, first.line) == (["a:1", "AS", "b"], 2)
    assert (run.flag("mount"), run.text, run.line) == ("type=cache,target=/c", "one && two", 3)
    assert command.words == ["x", "y z"]


@pytest.mark.parametrize("text", ["ONBUILD RUN x", "RUN <<EOF\nx\nEOF", "ADD a b"])
def test_the_reader_refuses_what_it_would_pass_over(text: str) -> None:
    with pytest.raises(UnknownInstruction, match="line 1"):
        instructions(text)
