"""The secret of an installation that was given none: one for all of its programs, kept from others."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from foresend.settings.installation import SECRET_LENGTH_MIN, InstallationSettings, secret_of


def test_a_secret_that_was_given_is_the_one(tmp_path: Path) -> None:
    given = "x" * SECRET_LENGTH_MIN
    assert secret_of(InstallationSettings(given), tmp_path / "own") == given.encode()
    assert not (tmp_path / "own").exists()


def test_without_one_it_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "own"
    first = secret_of(InstallationSettings(), file)
    assert len(first) >= SECRET_LENGTH_MIN
    assert secret_of(InstallationSettings(), file) == first
    assert file.stat().st_mode & 0o077 == 0
    assert list(file.parent.iterdir()) == [file]


def test_programs_that_start_together_have_the_same(tmp_path: Path) -> None:
    file = tmp_path / "own"
    with ThreadPoolExecutor(16) as threads:
        found = {one.result() for one in [threads.submit(secret_of, InstallationSettings(), file) for _ in range(64)]}
    assert found == {file.read_bytes()}
