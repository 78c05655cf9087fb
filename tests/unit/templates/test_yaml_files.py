from pathlib import Path

import pytest

from templates.problems import Problem
from templates.yaml_files import FILE_BYTES_MAX, NODES_MAX, Document, parse_yaml, read_yaml


def document(text: str) -> Document:
    found = parse_yaml("a.yaml", text)
    assert isinstance(found, Document), found
    return found


def problem(text: str) -> Problem:
    found = parse_yaml("a.yaml", text)
    assert isinstance(found, Problem), found.value
    return found


def test_every_key_and_entry_knows_its_place() -> None:
    found = document("a: 1\nb:\n  - x\n  - c: 2\n")
    assert found.value == {"a": 1, "b": ["x", {"c": 2}]}
    assert (found.place("a"), found.place("b", 1), found.place("b", 1, "c")) == ((1, 1), (4, 5), (4, 5))
    assert found.place("b", 1, "nowhere", "deeper") == (4, 5)


def test_words_of_yaml_1_1_are_words() -> None:
    assert document("a: [no, yes, on, 010, 2026-01-01T00:00:00Z, 0x10, true, ~, 1.5]").value == {
        "a": ["no", "yes", "on", 10, "2026-01-01T00:00:00Z", 16, True, None, 1.5]
    }


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1), "twice"),
        ("a: [1,\n", (2, 1), "not YAML"),
        ("a: 1\n<<: {b: 2}\n", (2, 1), "plain name"),
        ("? [a, b]\n: 1\n", (1, 3), "plain name"),
        ("a: 1\n---\nb: 2\n", (2, 1), "not YAML"),
        ("[" * 40 + "]" * 40, (1, 34), "nested too deep"),
        ("a: &x [*x]", (1, 4), "nested too deep"),
    ],
)
def test_what_is_no_plain_yaml_is_told_with_its_place(text: str, place: tuple[int, int], word: str) -> None:
    found = problem(text)
    assert (found.line, found.column) == place
    assert word in found.message


def test_a_small_file_that_unfolds_to_a_large_one_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 7)]
    assert NODES_MAX < 10**7
    assert "repeats too much" in problem("\n".join(lines)).message


def test_an_unknown_tag_makes_no_object() -> None:
    assert document("a: !!python/object/apply:os.system [id]").value == {"a": ["id"]}


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"a: 1\nb: \xff\n")
    (tmp_path / "large.yaml").write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    missing, bad, large = (read_yaml(tmp_path, name) for name in ("none.yaml", "bad.yaml", "large.yaml"))
    assert isinstance(missing, Problem)
    assert isinstance(bad, Problem)
    assert isinstance(large, Problem)
    assert (bad.line, "UTF-8" in bad.message) == (2, True)
    assert str(FILE_BYTES_MAX) in large.message


def test_an_empty_file_is_an_empty_document() -> None:
    assert document("").value == {}
