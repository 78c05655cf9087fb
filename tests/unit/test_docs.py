"""The documents tell the truth: what they name exists, what they say to type can be typed."""

import ast
import dataclasses
import importlib.util
import re
from importlib import import_module
from pathlib import Path

import pytest

from connectors.kafka.settings import KafkaSettings
from connectors.metrics.making import COMMIT
from foresend import cli, logs
from foresend.settings import loading
from foresend.settings.campaign import CampaignSettings
from foresend.settings.collect import CollectSettings
from foresend.settings.deliver import SECTION as DELIVER
from foresend.settings.deliver import DeliverSettings
from foresend.settings.installation import InstallationSettings
from foresend.settings.serve import SECTION, ServeSettings
from foresend.settings.webhooks import WebhookSettings
from schemas.errors import Reason
from schemas.topics import TOPICS
from tests.support import documents
from tests.support.documents import ROOT, Command, name_of

DOCUMENTS = documents.documents()
ADRS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
COMMANDS = [command for document in DOCUMENTS for command in documents.commands(document)]
LINES_MAX = 60
"""One screen."""

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)


@every_document
def test_relative_links_resolve(document: Path) -> None:
    broken = []
    for link in documents.links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in documents.anchors(target)):
            broken.append(link)

    assert broken == []


@every_document
def test_named_paths_exist(document: Path) -> None:
    assert [path for path in documents.paths(document) if not (ROOT / path).exists()] == []


def test_documents_that_the_code_names_exist() -> None:
    sources = [file for package in documents.PACKAGES for file in (ROOT / package).rglob("*.py")]
    named = {name for file in sources for name in re.findall(r"docs/[\w/.-]+\.md", file.read_text(encoding="utf-8"))}

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@every_document
def test_named_modules_and_their_contents_exist(document: Path) -> None:
    assert [name for name in documents.dotted(document) if not _exists(name)] == []


@every_document
def test_what_is_said_to_stand_in_a_file_stands_there(document: Path) -> None:
    missing = [(name, path) for name, path in documents.names_in_files(document) if not _stands_in(name, path)]

    assert missing == []


@every_document
def test_bounds_are_those_of_the_code(document: Path) -> None:
    told = documents.bounds(document)

    assert told == {name: _value(name) for name in told}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.document}: {command.text}")
def test_a_command_can_be_typed(command: Command) -> None:
    program, *arguments = [word for word in command.words if "=" not in word or word.startswith("-")]
    match program:
        case "foresend":
            parser, _ = cli._parser(arguments)
            parser.parse_args(arguments)
        case "make":
            assert set(arguments) <= _make_targets(), command.text
        case ".venv/bin/pytest":
            named = [ROOT / word.partition("::")[0] for word in arguments if word.startswith("tests/")]
            assert all(path.exists() for path in named), command.text
        case ".venv/bin/python":
            assert arguments[0] != "-m" or importlib.util.find_spec(arguments[1]), command.text
        case "deploy/go-tool":
            assert all((ROOT / word).exists() for word in arguments if word.startswith("deploy/")), command.text
        case _:
            # What is said of kubectl is held against the manifests: tests/deploy/test_what_is_told.py.
            assert program in {"curl", "export", "cd", "cp", "sed", "git", "cat", "kill", ".", "tar", "kubectl"}, (
                f"not a known program: {command.text}"
            )


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])

    assert stopped.value.code == 0
    assert f"usage: foresend {name}" in capsys.readouterr().out


def test_the_help_of_the_front_door_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])

    assert set(cli.COMMANDS) <= set(capsys.readouterr().out.split())


def test_the_sample_workspace_is_valid_as_the_documents_say() -> None:
    validations = {command.text for command in COMMANDS if command.text.startswith("foresend validate")}
    validations = {text for text in validations if "shop" not in text}  # made by the reader: `test_newcomers_path.py`

    assert validations, "expected the documents to tell how a workspace is checked"
    for text in validations:
        _, *arguments = text.split()
        assert cli.main([str(ROOT / word) if "/" in word else word for word in arguments]) == 0


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [name for name in cli.COMMANDS if f"`foresend {name}" not in text] == []


def test_the_architecture_names_every_topic_and_every_reason() -> None:
    named = documents.spans(ROOT / "docs/architecture.md")

    assert [topic.name for topic in TOPICS if topic.name not in named] == []
    assert [reason.value for reason in Reason if reason.value not in named] == []


def test_variables_of_the_environment_belong_to_a_setting() -> None:
    known = _variables()
    named = {
        variable
        for document in DOCUMENTS
        for variable in re.findall(rf"\b{loading.PREFIX}_[A-Z_]+\b", document.read_text(encoding="utf-8"))
    }

    assert named <= known


@pytest.mark.parametrize("page", ADRS, ids=name_of)
def test_a_decision_has_its_parts_on_one_screen_and_stands_in_the_index(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    number = page.name[:4]

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert text.startswith(f"# {number} ")
    assert len(text.splitlines()) <= LINES_MAX
    assert f"| [{number}]({page.name}) |" in (page.parent / "README.md").read_text(encoding="utf-8")


def test_no_two_decisions_have_one_number() -> None:
    numbers = [page.name[:4] for page in ADRS]

    assert sorted(set(numbers)) == numbers


def _exists(name: str) -> bool:
    """Whether a dotted name is a module, or something defined in one. Nothing of Flink is imported."""
    module, _, attribute = name.rpartition(".")
    if _source(name) is not None:
        return True
    source = _source(module)
    return source is not None and attribute in _defined(source)


def _source(module: str) -> Path | None:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(found.origin) if found and found.origin else None


def _stands_in(name: str, path: str) -> bool:
    file = ROOT / path
    defined = _defined(file) if file.exists() else set()
    return set(name.split(".")) <= defined


def _defined(file: Path) -> set[str]:
    """Every name that a file defines: functions, classes, constants, fields, at any depth."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = {n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))}
    return functions | {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _value(name: str) -> object:
    module, _, constant = name.rpartition(".")
    return getattr(import_module(module), constant)


def _make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _variables() -> set[str]:
    """Every variable that the settings of some program read, and those of all programs."""
    found = {logs.FORMAT, logs.LEVEL, COMMIT}
    sections = {
        "kafka": KafkaSettings,
        "campaign": CampaignSettings,
        "collect": CollectSettings,
        "webhooks": WebhookSettings,
        DELIVER: DeliverSettings,
        "installation": InstallationSettings,
        SECTION: ServeSettings,
    }
    for section, kind in sections.items():
        found |= {loading._variable(section, field.name) for field in dataclasses.fields(kind)}
    return found | {f"{name}{loading.FILE}" for name in found}
