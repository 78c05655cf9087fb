"""What setting up took: seconds from the Makefile's notes, megabytes from the lock file."""

from importlib.metadata import version
from pathlib import Path

import pytest

from foresend.demo.setup_facts import CHECKOUT, SECONDS_FILES, download_mb, setup_s

LOCK = """
[[package]]
name = "foresend"
version = "0.1.0"
source = {{ editable = "." }}
[[package]]
name = "msgspec"
version = "{msgspec}"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [
  {{ url = "https://x/msgspec-1-cp39-cp39-win32.whl", size = 7 }},
  {{ url = "https://x/msgspec-1-py3-none-any.whl"{size} }},
]
sdist = {{ url = "https://x/msgspec-1.tar.gz", size = 3000000 }}
[[package]]
name = "not-installed-here"
version = "1.0"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [{{ url = "https://x/not_installed_here-1.0-py3-none-any.whl", size = 900 }}]
"""


def checkout(folder: Path, msgspec: str = "", size: str = "") -> Path:
    (folder / "uv.lock").write_text(LOCK.format(msgspec=msgspec or version("msgspec"), size=size))
    (folder / "jars" / "broker-1").mkdir(parents=True)
    (folder / "jars" / "broker-1" / "a.jar").write_bytes(b"x" * 500_000)
    return folder


def test_the_seconds_of_all_steps_are_added_up(tmp_path: Path) -> None:
    for number, name in enumerate(SECONDS_FILES, 1):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(f"{number}0\n")
    assert setup_s(tmp_path) == 60


@pytest.mark.parametrize("words", ["", "soon"])
def test_a_setup_that_left_no_seconds_is_not_known(tmp_path: Path, words: str) -> None:
    assert setup_s(tmp_path) is None
    for name in SECONDS_FILES:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(words)
    assert setup_s(tmp_path) is None


def test_the_makefile_writes_the_seconds_that_are_read() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    assert all(f"> {name}\n" in makefile for name in SECONDS_FILES)


def test_what_is_installed_counts_by_the_lock_and_jars_by_their_size(tmp_path: Path) -> None:
    # No wheel of the lock has the tag of the one that is installed: it was built from the source.
    assert download_mb(checkout(tmp_path), tmp_path / "jars") == pytest.approx(3.5)


def test_another_version_than_the_locked_one_does_not_count(tmp_path: Path) -> None:
    assert download_mb(checkout(tmp_path, msgspec="0.0.1"), tmp_path / "jars") == pytest.approx(0.5)


def test_a_lock_without_sizes_or_no_lock_is_not_known(tmp_path: Path) -> None:
    assert download_mb(tmp_path, tmp_path / "jars") is None
    folder = checkout(tmp_path)
    lock = folder / "uv.lock"
    lock.write_text(lock.read_text().replace(", size = 3000000", ""))
    assert download_mb(folder, tmp_path / "jars") is None


def test_the_real_lock_has_a_size_for_everything() -> None:
    found = download_mb()
    assert found is not None
    assert 100 < found < 2000
