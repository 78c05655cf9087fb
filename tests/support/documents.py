"""The project's own documents, read as their readers do: commands, links, paths, tables."""

import re
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "online_models", "templates", "flink_jobs", "connectors", "training", "foresend")
FOLDERS = (*PACKAGES, "docs", "examples", "tests")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*/?")
_NAMED_IN = re.compile(r"`([A-Za-z_][A-Za-z0-9_.]*)`(?: \([^)]*\))? (?:in|of) `([^`]+\.py)`")


@dataclass(frozen=True)
class Command:
    """One command of a `console` block: what stands after `$ `, continued lines joined."""

    document: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its words, as a shell would split them; `&` and redirections left away."""
        words = shlex.split(self.text.removesuffix("&").strip())
        return words[: next((i for i, word in enumerate(words) if word in {">", "|", "2>"}), len(words))]


def documents() -> list[Path]:
    """Every document of the project."""
    return [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *(ROOT / "docs").rglob("*.md")]


def name_of(document: Path) -> str:
    """How a document is named in a failing test."""
    return str(document.relative_to(ROOT))


def commands(document: Path, section: str = "") -> list[Command]:
    """The commands of a document, or of one section of it, in order."""
    found = []
    for kind, block in _FENCE.findall(section_of(document, section)):
        if kind != "console":
            continue
        joined = block.replace("\\\n", " ")
        lines = [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]
        found += [Command(name_of(document), re.sub(r"\s+", " ", line).strip()) for line in lines]
    return found


def section_of(document: Path, heading: str) -> str:
    """The text below a heading of the second level, up to the next; all of it where no heading is named."""
    text = document.read_text(encoding="utf-8")
    if not heading:
        return text
    starts = [match.start() for match in re.finditer(r"^## ", text, re.MULTILINE)]
    for start, end in pairwise([*starts, len(text)]):
        if text[start:].startswith(f"## {heading}\n"):
            return text[start:end]
    raise AssertionError(f"{name_of(document)} has no section {heading!r}")


def links(document: Path) -> list[str]:
    """Where a document's relative links lead."""
    found = _LINK.findall(_FENCE.sub("", document.read_text(encoding="utf-8")))
    return [link for link in found if not link.startswith(("http://", "https://", "mailto:"))]


def spans(document: Path) -> list[str]:
    """What stands between backticks, outside blocks."""
    return _SPAN.findall(_FENCE.sub("", document.read_text(encoding="utf-8")))


def paths(document: Path) -> list[str]:
    """Spans that name a file or folder of the project."""
    return [
        span
        for span in spans(document)
        if _PATH.fullmatch(span)
        and "/" in span
        and (span.split("/")[0] in FOLDERS or span.startswith((".ci/", "templates/")))
    ]


def dotted(document: Path) -> list[str]:
    """Spans that name a module of ours, or something in one: `online_models.cells.TAGS_MAX`."""
    own = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+")
    # `foresend.yaml` is a file of every workspace, not a module.
    return [span for span in spans(document) if own.fullmatch(span) and span != "foresend.yaml"]


def names_in_files(document: Path) -> list[tuple[str, str]]:
    """What is said to stand in which file: "`on_event` in `flink_jobs/personalize/step.py`"."""
    return [(name, path) for name, path in _NAMED_IN.findall(document.read_text(encoding="utf-8"))]


def bounds(document: Path) -> dict[str, int]:
    """Rows of tables that give a constant's value: "| `module.NAME` | 128 | …"."""
    rows = re.findall(r"^\| `([\w.]+\.[A-Z_]+)` \| ([\d ]+) \|", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: int(value.replace(" ", "")) for name, value in rows}


def anchors(document: Path) -> set[str]:
    """The anchors that headings give, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
