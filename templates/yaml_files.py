"""YAML 1.2 files read into plain values that remember where each of them stood."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from templates.problems import Problem

FILE_BYTES_MAX = 1_000_000
DEPTH_MAX = 32
NODES_MAX = 100_000
"""Aliases may repeat a part of a file; a bound on what they unfold to keeps a small file small."""

Path_ = tuple[str | int, ...]
"""A way into a document: names of keys and indexes of lists."""


class Document:
    """A file's value, and the place of every key and entry in it.

    texts  where the text under a key begins, of texts that stand on one line
    """

    def __init__(
        self,
        file: str,
        value: Any,
        places: dict[Path_, tuple[int, int]],
        texts: dict[Path_, tuple[int, int]] | None = None,
    ) -> None:
        self.file = file
        self.value = value
        self._places = places
        self._texts = texts or {}

    def place(self, *path: str | int) -> tuple[int, int]:
        """Line and column of the key or entry at a path, or of the nearest one above that exists."""
        while path not in self._places and path:
            path = path[:-1]
        return self._places.get(path, (1, 1))

    def problem(self, path: Path_, message: str, mend: str) -> Problem:
        """A problem at the place of a path."""
        line, column = self.place(*path)
        return Problem(self.file, line, column, message, mend)

    def problem_in(self, path: Path_, offset: int, message: str, mend: str) -> Problem:
        """A problem so many characters into the text at a path; at its key where the text has more than one line."""
        if path not in self._texts:
            return self.problem(path, message, mend)
        line, column = self._texts[path]
        return Problem(self.file, line, column + offset, message, mend)


class _Unreadable(Exception):
    def __init__(self, node: Node, message: str, mend: str) -> None:
        super().__init__(message)
        self.node, self.mend = node, mend


def read_yaml(folder: Path, file: str) -> Document | Problem:
    """Read one file of a workspace; a problem where it is not readable YAML 1.2."""
    path = folder / file
    try:
        data = path.read_bytes()
    except OSError as error:
        return Problem(file, 1, 1, f"the file cannot be read: {error.strerror}", "Add it to the workspace.")
    if len(data) > FILE_BYTES_MAX:
        return Problem(file, 1, 1, f"the file has {len(data)} bytes, over {FILE_BYTES_MAX}", "Split the workspace.")
    try:
        return parse_yaml(file, data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Problem(file, line, 1, "the file is not UTF-8", "Save it as UTF-8.")


def parse_yaml(file: str, text: str) -> Document | Problem:
    """The value of a YAML text and its places, or what is wrong with it."""
    try:
        node = YAML(typ="safe", pure=True).compose(text)
        if node is None:
            return Document(file, {}, {})
        places: dict[Path_, tuple[int, int]] = {(): _place(node)}
        reader = _Reader(places)
        return Document(file, reader.value(node, ()), places, reader.texts)
    except _Unreadable as error:
        return Problem(file, *_place(error.node), str(error), error.mend)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Problem(file, line, column, f"this is not YAML: {error.problem or error.context}", "Mend the syntax.")
    except (YAMLError, RecursionError) as error:
        return Problem(file, 1, 1, f"this is not YAML: {error}", "Mend the syntax.")


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Reader:
    """Turns nodes into values. Times stay text: what they mean is the reader's business, not YAML's."""

    def __init__(self, places: dict[Path_, tuple[int, int]]) -> None:
        self._places = places
        self._left = NODES_MAX
        self.texts: dict[Path_, tuple[int, int]] = {}

    def value(self, node: Node, path: Path_) -> Any:
        self._left -= 1
        if self._left < 0 or len(path) > DEPTH_MAX:
            raise _Unreadable(node, "the file is nested too deep or repeats too much", "Write it flat.")
        if isinstance(node, MappingNode):
            return {key: self.value(child, (*path, key)) for key, child in self._entries(node, path)}
        if isinstance(node, SequenceNode):
            for index, child in enumerate(node.value):
                self._places[(*path, index)] = _place(child)
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # noqa: S101 - there is no fourth kind of node
        if node.start_mark.line == node.end_mark.line:
            line, column = _place(node)
            self.texts[path] = line, column + (1 if node.style in {"'", '"'} else 0)
        return _scalar(node)

    def _entries(self, node: MappingNode, path: Path_) -> Iterator[tuple[str, Node]]:
        seen: set[str] = set()
        for key_node, child in node.value:
            key = str(key_node.value)
            if not isinstance(key_node, ScalarNode) or key == "<<":
                raise _Unreadable(key_node, "a key must be a plain name", "Write the entries out.")
            if key in seen:
                raise _Unreadable(key_node, f"the key {key!r} stands here twice", "Keep one of them.")
            seen.add(key)
            self._places[(*path, key)] = _place(key_node)
            yield key, child


def _scalar(node: ScalarNode) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:") if isinstance(node.tag, str) else "str"
    text: str = node.value
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return int(text, 10 if text.lstrip("+-").isdigit() else 0)
        if kind == "float":
            return float(text)
    except ValueError:
        return text
    return text
