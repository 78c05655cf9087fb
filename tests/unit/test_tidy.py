"""House rules that a machine can check, over the files as they stand."""

import argparse
import ast
import importlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from foresend.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "online_models", "templates", "flink_jobs", "connectors", "training", "foresend")
LINES_MAX = 500
UNTIDY_NAMES = re.compile(r"(^|_)(utils?|helpers?|managers?|v2)(_|$)")
LEFT_OVER = re.compile("#.*(" + "TO" + "DO|FIX" + "ME)(?!.*#[0-9])")
MACHINE = re.compile(r"/(tmp|home|root|Users)/")
"""Places that are on one machine only."""
TEXT = frozenset({".py", ".md", ".toml", ".yaml", ".yml", ".json", ".mjml", ".txt", ".xml", ".properties", ".cfg", ""})

READS_FILES = {
    "schemas/zones.py": "the tz database that is locked with the code",
    "templates/reading.py": "the workspace's folder",
    "templates/yaml_files.py": "the workspace's folder",
    "templates/schema_check.py": "the JSON Schemas that lie beside it",
}
"""Modules of pure packages that may read files, and which."""
SUPPORT = ("tests/support/", "tests/stack/jobs/")
"""What tests use: code, and jobs that are handed to Flink as files."""
FLINK_MODULES = re.compile(r"flink_jobs/(adapter|kafka_tables|\w+/job)\.py")
IMPURE_MODULES = frozenset({"os", "secrets", "socket", "subprocess", "threading", "logging", "time", "uuid"})
# Compressors cannot be shared by threads; what they give is the same in all.
BY_THREAD = frozenset({("schemas/codec.py", "threading")})
IMPURE_CALLS = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "numpy.random", "np.random", "input", "print"}
)
FILE_CALLS = re.compile(r"(^|\.)(open|read_text|read_bytes|write_text|write_bytes|iterdir|glob|rglob|exists)$")


class Source(NamedTuple):
    """One Python file of ours."""

    path: str
    text: str
    tree: ast.Module

    def imports(self) -> Iterator[tuple[str, int]]:
        """Each module that is imported, wherever in the file, and the line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module, node.lineno

    def calls(self) -> Iterator[tuple[str, int]]:
        """Each call by the name it is made by, `a.b.c` for attributes, and the line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node.lineno

    def is_pure(self) -> bool:
        package = self.path.split("/")[0]
        return package in ("schemas", "online_models", "templates") or self.path.endswith("/step.py")


def source_of(path: str, text: str) -> Source:
    return Source(path, text, ast.parse(text, path))


@cache
def sources() -> tuple[Source, ...]:
    paths = [path for name in (*PACKAGES, "tests") for path in sorted((ROOT / name).rglob("*.py"))]
    return tuple(source_of(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths)


def ours() -> list[Source]:
    return [source for source in sources() if not source.path.startswith("tests/")]


def of_tests() -> list[Source]:
    return [source for source in sources() if source.path.startswith("tests/")]


def pure_impurities(source: Source) -> list[str]:
    if not source.is_pure():
        return []
    imports = [(name, line) for name, line in source.imports() if (source.path, name) not in BY_THREAD]
    found = [f"{name}:{line}" for name, line in imports if name.split(".")[0] in IMPURE_MODULES]
    found += unseeded(source)
    for name, line in source.calls():
        if name in IMPURE_CALLS or name.startswith(("np.random.", "numpy.random.")):
            found.append(f"{name}:{line}")
        if FILE_CALLS.search(name) and source.path not in READS_FILES:
            found.append(f"{name}:{line}")
    return found


def unseeded(source: Source) -> list[str]:
    """Chance is allowed where its seed is an argument."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import) and any(alias.name == "random" for alias in node.names):
            found.append(f"random:{node.lineno}")
        elif isinstance(node, ast.ImportFrom) and node.module == "random":
            found += [f"random.{alias.name}:{node.lineno}" for alias in node.names if alias.name != "Random"]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "Random" and not node.args:
            found.append(f"Random without a seed:{node.lineno}")
    return found


def pickles(source: Source) -> list[str]:
    # The naive way to answer a read is what others do, and is there to be measured.
    own = {"foresend/bench/naive.py": {"pickle"}}
    allowed = {"cloudpickle"} if source.path.startswith("tests/support/") else own.get(source.path, set())
    picklers = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"} - allowed
    return [f"{name}:{line}" for name, line in source.imports() if name.split(".")[0] in picklers]


def wide_catches(source: Source) -> list[str]:
    """Whoever only tidies up and raises again may catch everything."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and not _passes_on(node):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {ast.unparse(one) for one in caught if one}
            if node.type is None or names & {"Exception", "BaseException"}:
                found.append(f"except {', '.join(sorted(names))}:{node.lineno}")
    return found


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether the error goes on: raised again, or handed whole to whoever waits for the result."""
    last = ast.unparse(handler.body[-1])
    return last == "raise" or last.endswith(f".set_exception({handler.name})")


def undocumented(source: Source) -> list[str]:
    if source.path.startswith("tests/"):
        return []
    found = [] if ast.get_docstring(source.tree) else ["module"]

    def look(body: list[ast.stmt], within: str) -> None:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                if node.name.startswith("_"):
                    continue
                overloads = {ast.unparse(decorator) for decorator in node.decorator_list}
                if not ast.get_docstring(node) and "overload" not in overloads:
                    found.append(f"{within}{node.name}:{node.lineno}")
                if isinstance(node, ast.ClassDef):
                    look(node.body, f"{node.name}.")

    look(source.tree.body, "")
    return found


def prints(source: Source) -> list[str]:
    if source.path.startswith(("foresend/", "tests/")):
        return []
    return [f"print:{line}" for name, line in source.calls() if name == "print"]


def foreign_flink(source: Source) -> list[str]:
    if FLINK_MODULES.fullmatch(source.path) or source.path.startswith("tests/"):
        return []
    return [f"{name}:{line}" for name, line in source.imports() if name.split(".")[0] in ("pyflink", "py4j", "pemja")]


def sleeps(source: Source) -> list[str]:
    if not source.path.startswith("tests/") or source.path == "tests/support/waiting.py":
        return []
    calls = (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))
    names = ((ast.unparse(node), node.lineno) for node in calls)
    return [f"{call}:{line}" for call, line in names if re.match(r"([\w.]+\.)?sleep\((?!0\))", call)]


def left_overs(source: Source) -> list[str]:
    lines = source.text.splitlines()
    return [f"line {number}" for number, line in enumerate(lines, 1) if LEFT_OVER.search(line)]


Rule = Callable[[Source], list[str]]
RULES: dict[str, Rule] = {
    "pure packages read no clock, chance, environment or file": pure_impurities,
    "nothing is pickled": pickles,
    "only errors that can be named are caught": wide_catches,
    "what is public says what it does": undocumented,
    "only the front door prints": prints,
    "only the adapter, the tables and the jobs know Flink": foreign_flink,
    "tests wait by polling": sleeps,
    "what is left to do has the number of an issue": left_overs,
}


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_holds_everywhere(rule: str) -> None:
    problems = [f"{source.path}: {problem}" for source in sources() for problem in RULES[rule](source)]
    assert not problems, f"{rule}:\n" + "\n".join(problems)


BROKEN = {
    "pure packages read no clock, chance, environment or file": [
        "import random",
        "from random import choice",
        "Random()",
        "import os.path",
        "from time import monotonic",
        "def f():\n    import secrets",
        "datetime.now(UTC)",
        "np.random.default_rng()",
        "open('x')",
        "Path('x').read_text()",
    ],
    "nothing is pickled": ["import pickle", "from cloudpickle import dumps", "import joblib.numpy_pickle"],
    "only errors that can be named are caught": [
        "try:\n    f()\nexcept:\n    pass",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept (KeyError, BaseException) as error:\n    pass",
    ],
    "what is public says what it does": [
        "x = 1",
        '"""M."""\ndef f():\n    pass',
        '"""M."""\nclass C:\n    """C."""\n    async def f(self):\n        pass',
    ],
    "only the front door prints": ["print('x')"],
    "only the adapter, the tables and the jobs know Flink": ["import pyflink.common", "from pyflink import x"],
    "tests wait by polling": ["time.sleep(1)", "await asyncio.sleep(0.1)"],
    "what is left to do has the number of an issue": ["x = 1  # TO" + "DO later", "# FIX" + "ME"],
}


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in BROKEN.items() for text in texts])
def test_the_rule_can_fail(rule: str, text: str) -> None:
    path = "tests/unit/test_x.py" if rule.startswith("tests") else "schemas/x.py"
    assert RULES[rule](source_of(path, text))


@pytest.mark.parametrize("path", READS_FILES)
def test_who_may_read_files_still_does(path: str) -> None:
    (source,) = [source for source in sources() if source.path == path]
    assert any(FILE_CALLS.search(name) for name, _ in source.calls())


def test_files_are_short_and_named_by_what_they_hold() -> None:
    problems = [
        f"{source.path}: {len(source.text.splitlines())} lines"
        for source in sources()
        if len(source.text.splitlines()) > LINES_MAX
    ]
    problems += [source.path for source in sources() if any(map(UNTIDY_NAMES.search, Path(source.path).parts))]
    assert not problems


@pytest.mark.parametrize("name", ["utils.py", "my_helpers.py", "cache_manager.py", "step_v2.py"])
def test_an_untidy_name_is_found(name: str) -> None:
    assert UNTIDY_NAMES.search(Path(name).stem)


def test_every_package_says_what_it_is_for() -> None:
    folders = {Path(source.path).parent for source in ours()}
    assert not [str(folder) for folder in folders if not (ROOT / folder / "__init__.py").is_file()]
    packages = [source for source in ours() if source.path.endswith("__init__.py")]
    assert not [source.path for source in packages if not ast.get_docstring(source.tree)]


def test_tests_are_named_so_that_they_are_found() -> None:
    strays = [
        source.path
        for source in of_tests()
        if not Path(source.path).name.startswith("test_")
        and Path(source.path).name != "conftest.py"
        and not source.path.startswith(SUPPORT)
    ]
    assert not strays
    in_support = [source.path for source in of_tests() if source.path.startswith("tests/support/test_")]
    assert not in_support


def test_every_test_that_is_written_is_run() -> None:
    """A second function of the same name would silently take the first one's place."""
    problems = []
    for source in of_tests():
        names = [node.name for node in source.tree.body if isinstance(node, ast.FunctionDef)]
        problems += [f"{source.path}: {name}" for name in set(names) if names.count(name) > 1]
    assert not problems


def tracked_texts() -> Iterator[tuple[str, str]]:
    """The project's own text files, as far as they lie in folders of ours or at the top."""
    folders = [*PACKAGES, "tests", "docs", "examples", "deploy", ".ci"]
    paths = [path for name in folders for path in sorted((ROOT / name).rglob("*")) if path.is_file()]
    paths += [path for path in sorted(ROOT.iterdir()) if path.is_file()]
    for path in paths:
        if "__pycache__" in path.parts or path.name == "uv.lock" or path.suffix not in TEXT:
            continue
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_no_file_names_a_place_or_registry_of_one_machine() -> None:
    problems = [
        f"{path}:{number}"
        for path, text in tracked_texts()
        if path != "tests/unit/test_tidy.py"
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert not problems


@pytest.mark.parametrize("line", ["cd /home/ana/foresend", "open('/tmp/x')"])
def test_a_place_of_one_machine_is_found(line: str) -> None:
    assert MACHINE.search(line)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_front_door_is_there_and_explains_itself(name: str) -> None:
    module = importlib.import_module(COMMANDS[name])
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(dest="command")
    module.add_parser(subparsers)
    assert list(subparsers.choices) == [name]
    assert callable(module.run)
    assert subparsers.choices[name].format_help()
