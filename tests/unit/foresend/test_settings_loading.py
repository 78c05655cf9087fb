"""The loader of settings: order of sources, types, and all problems told together."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foresend.settings.loading import load
from schemas.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    address: str
    copies: int = 1

    def problems(self) -> list[str]:
        return [] if self.copies > 0 else [f"inner.copies: expected at least 1, got {self.copies}"]


@dataclass(frozen=True)
class Outer:
    inner: Inner
    port: int = 8080
    wait_s: float = 1.0
    loud: bool = False
    folder: Path = Path("here")
    names: tuple[str, ...] = ()
    keys: dict[str, str] = field(default_factory=dict)

    def problems(self) -> list[str]:
        return [] if self.port else ["outer.port: expected not 0"]


ADDRESS = {"FORESEND_INNER_ADDRESS": "host:1"}


def outer(environment: dict[str, str] | None = None, file: Path | None = None, **given: Any) -> Outer:
    return load(Outer, "outer", environment={**ADDRESS, **(environment or {})}, file=file, given=given)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text('[outer]\nport = 1\nwait_s = 2\nnames = ["a", "b"]\n[inner]\ncopies = 3\n[other]\nx = 1\n')
    return path


def test_nothing_given_means_the_defaults() -> None:
    assert outer() == Outer(Inner("host:1"))


def test_the_environment_goes_over_the_file_and_the_command_line_over_both(file: Path) -> None:
    assert outer(file=file).port == 1
    assert outer({"FORESEND_OUTER_PORT": "2"}, file=file).port == 2
    assert outer({"FORESEND_OUTER_PORT": "2"}, file=file, port=3).port == 3
    assert outer({"FORESEND_OUTER_PORT": "2"}, file=file, port=None).port == 2


def test_a_nested_field_can_be_given(file: Path) -> None:
    loaded = load(Outer, "outer", environment=ADDRESS, file=file, given={"inner.address": "there:2"})
    assert loaded.inner == Inner("there:2", copies=3)


def test_every_type_is_read_from_text() -> None:
    loaded = outer(
        {
            "FORESEND_OUTER_WAIT_S": "0.5",
            "FORESEND_OUTER_LOUD": "Yes",
            "FORESEND_OUTER_FOLDER": "/there",
            "FORESEND_OUTER_NAMES": "a, b,",
            "FORESEND_OUTER_KEYS": "k1:shop,k2:store",
        }
    )
    assert loaded == Outer(Inner("host:1"), 8080, 0.5, True, Path("/there"), ("a", "b"), {"k1": "shop", "k2": "store"})


def test_a_whole_number_is_a_number(file: Path) -> None:
    assert outer(file=file).wait_s == 2.0


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[outer]\nport = 1.5\ntypo = 1\nloud = 3\n[inner]\ncopies = 0\n")
    with pytest.raises(ConfigError) as caught:
        outer({"FORESEND_OUTER_WAIT_S": "soon", "FORESEND_OUTER_PROT": "1"}, file=path)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "outer.typo",
        "FORESEND_OUTER_PROT",
        "inner.copies",
        "outer.port",
        "FORESEND_OUTER_WAIT_S",
        "outer.loud",
    ]


def test_what_is_needed_and_missing_is_told_with_its_name() -> None:
    with pytest.raises(ConfigError, match="FORESEND_INNER_ADDRESS"):
        load(Outer, "outer", environment={})


def test_relations_are_checked_when_all_fields_can_be_read() -> None:
    with pytest.raises(ConfigError, match="expected not 0"):
        outer(port=0)


def test_a_wrong_pair_is_told_by_its_place_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="entry 2 is not") as caught:
        outer({"FORESEND_OUTER_KEYS": "k1:shop,secret"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("text", "words"), [("not = = toml", "is not TOML"), (None, "cannot be read")])
def test_a_bad_file_is_named(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "settings.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        outer(file=path)
    assert path.name in "settings.toml"


def test_a_section_that_is_no_table_is_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("outer = 1\n")
    with pytest.raises(ConfigError, match="expected a table"):
        outer(file=path)


def test_a_variable_with_file_at_its_end_names_the_file_that_holds_the_value(tmp_path: Path) -> None:
    port, keys, names = tmp_path / "port", tmp_path / "keys", tmp_path / "names"
    port.write_text("81\n")
    keys.write_text("a:1\nb:2\n\n")
    names.write_text("one\ntwo,three\n")

    found = outer(
        {
            "FORESEND_OUTER_PORT_FILE": str(port),
            "FORESEND_OUTER_KEYS_FILE": str(keys),
            "FORESEND_OUTER_NAMES_FILE": str(names),
        }
    )

    assert (found.port, found.keys, found.names) == (81, {"a": "1", "b": "2"}, ("one", "two", "three"))


def test_a_file_goes_over_the_settings_file_and_below_the_command_line(file: Path, tmp_path: Path) -> None:
    port = tmp_path / "port"
    port.write_text("2")

    assert outer({"FORESEND_OUTER_PORT_FILE": str(port)}, file=file).port == 2
    assert outer({"FORESEND_OUTER_PORT_FILE": str(port)}, file=file, port=3).port == 3


def test_a_variable_and_its_file_are_not_both_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FORESEND_OUTER_PORT: is set beside FORESEND_OUTER_PORT_FILE"):
        outer({"FORESEND_OUTER_PORT": "1", "FORESEND_OUTER_PORT_FILE": str(tmp_path / "port")})


def test_a_file_that_is_not_there_is_told_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"FORESEND_OUTER_KEYS_FILE: .*/none: cannot be read: No such file"):
        outer({"FORESEND_OUTER_KEYS_FILE": str(tmp_path / "none")})


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="expected UTF-8"):
        outer({"FORESEND_OUTER_KEYS_FILE": str(tmp_path / "keys")})


def test_a_file_for_a_setting_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FORESEND_OUTER_PROT_FILE: no such setting of outer"):
        outer({"FORESEND_OUTER_PROT_FILE": str(tmp_path / "port")})


@pytest.mark.parametrize("name", ["port", "wait_s", "loud", "keys"])
def test_what_a_file_holds_is_never_quoted(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("canary-of-a-secret")

    with pytest.raises(ConfigError) as raised:
        outer({f"FORESEND_OUTER_{name.upper()}_FILE": str(file)})

    assert "canary" not in str(raised.value)
    assert f"FORESEND_OUTER_{name.upper()}_FILE" in str(raised.value)
