"""`foresend cache` as it is typed: copies, restores, checks, exit codes."""

import json
from pathlib import Path

import pytest

from connectors.cache.places import database_path
from connectors.cache.store import CacheStore
from foresend import cli
from tests.support.gateway import GatewayInProcess
from tests.support.messages import communication, release


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A folder with a release and an entry."""
    node = GatewayInProcess(tmp_path / "cache")
    node.release(release(1))
    node.entry(communication())
    node.store.flush()
    node.close()
    return tmp_path / "cache"


def test_a_cache_is_copied_checked_and_restored(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, other = str(tmp_path / "copy"), tmp_path / "other"
    assert cli.main(["cache", "backup", copy, "--folder", str(cache), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 1
    assert cli.main(["cache", "verify", "--folder", copy]) == 0
    assert capsys.readouterr().out.startswith("whole: 1 entries")
    assert cli.main(["cache", "restore", copy, "--folder", str(other)]) == 0
    assert "1 entries" in capsys.readouterr().out
    store = CacheStore(other)
    assert store.live.entries == 1
    store.close()


def test_damage_is_a_failed_check_and_a_wrong_folder_wrong_use(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = max(database_path(cache).glob("*.sst"), key=lambda path: path.stat().st_size)
    data = bytearray(table.read_bytes())
    data[20] ^= 0x10  # of its first block of rows
    table.write_bytes(data)
    assert cli.main(["cache", "verify", "--folder", str(cache)]) == 1
    assert "NOT whole" in capsys.readouterr().out
    assert cli.main(["cache", "verify", "--folder", str(tmp_path / "none")]) == 2
    assert cli.main(["cache", "backup", str(tmp_path / "copy"), "--folder", str(tmp_path / "none")]) == 2
    assert cli.main(["cache", "restore", str(tmp_path / "none"), "--folder", str(tmp_path / "new")]) == 2
