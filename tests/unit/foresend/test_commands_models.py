"""Model snapshots as people write them."""

from pathlib import Path

import pytest

from foresend.commands.models import read_snapshot
from schemas.errors import ConfigError
from schemas.models import SlotPrior


def write(folder: Path, text: str) -> Path:
    file = folder / "snapshot.json"
    file.write_text(text)
    return file


def test_a_snapshot_is_read_by_names(tmp_path: Path) -> None:
    text = '{"workspace": "shop", "number": 3, "slots": {"mail/hero": {"bias": 0.5, "weights": {"affinity": 2}}}}'
    snapshot = read_snapshot(write(tmp_path, text))
    assert (snapshot.workspace, snapshot.number) == ("shop", 3)
    assert snapshot.slots == {"mail/hero": SlotPrior(0.5, {"affinity": 2.0})}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"workspace": "shop"}',
        '{"workspace": "shop", "number": 1, "slots": {"a/b": {"bias": NaN}}}',
        '{"workspace": "shop", "number": 1, "slots": {"a/b": {"weight": {}}}}',
    ],
)
def test_what_is_none_is_refused_with_the_files_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"snapshot\.json"):
        read_snapshot(write(tmp_path, text))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_snapshot(tmp_path / "snapshot.json")
