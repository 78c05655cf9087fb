"""Folders that cannot be written to, and disks without room."""

import os
from pathlib import Path

import pytest

from foresend.doctor.folders import folder_findings, room, writable

GB = 10**9


def disk(free: int, size: int, free_files: int = 10**6) -> os.statvfs_result:
    """What the kernel says of a disk; in blocks of a byte."""
    return os.statvfs_result((1, 1, size, free, free, 10**6, free_files, free_files, 0, 255))


@pytest.mark.parametrize(
    ("free", "size", "is_fine"),
    [
        (50 * GB, 100 * GB, True),
        (10 * GB, 100 * GB, True),
        (10 * GB - 1, 100 * GB, False),
        (20 * GB, 4000 * GB, True),
        (2 * GB - 1, 10 * GB, False),
        (GB, 2 * GB, True),
    ],
)
def test_a_disk_that_is_nearly_full(tmp_path: Path, free: int, size: int, is_fine: bool) -> None:
    finding = room("disk.cache", tmp_path, disk_use=lambda _: disk(free, size))

    assert finding.ok is is_fine
    assert bool(finding.mend) is not is_fine


def test_a_disk_without_inodes(tmp_path: Path) -> None:
    finding = room("disk.cache", tmp_path, disk_use=lambda _: disk(50 * GB, 100 * GB, free_files=10))

    assert not finding.ok
    assert "10 files" in finding.found


def test_a_limit_of_the_cache_that_the_disk_cannot_hold(tmp_path: Path) -> None:
    (tmp_path / "held").write_bytes(b"." * 10**6)

    def free(left: int) -> bool:
        return room("disk.cache", tmp_path, 40 * GB, lambda _: disk(left, 100 * GB)).ok

    assert not free(39 * GB)
    assert free(40 * GB), "what the folder holds already counts"
    assert free(40 * GB - 10**6)


def test_a_folder_that_is_there_and_one_that_can_be_made(tmp_path: Path) -> None:
    assert writable("folder.cache", tmp_path, "X").ok
    assert "can be made in" in writable("folder.cache", tmp_path / "a" / "b", "X").found
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_a_place_where_nobody_can_make_a_file() -> None:
    finding = writable("folder.checkpoints", Path("/proc/self"), "FORESEND_JOB_FOLDER")

    assert not finding.ok
    assert "/proc/self" in finding.found
    assert "FORESEND_JOB_FOLDER" in finding.mend


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()

    assert "is no folder" in writable("folder.cache", tmp_path / "cache", "X").found


def test_checkpoints_by_flinks_addresses(tmp_path: Path) -> None:
    folder = tmp_path / "with blank"
    folder.mkdir()

    here = list(folder_findings("checkpoints", folder.as_uri(), "X"))
    (away,) = folder_findings("checkpoints", "s3://bucket/checkpoints", "X")

    assert [one.check for one in here] == ["folder.checkpoints", "disk.checkpoints"]
    assert here[0].found == f"{folder} can be written to"
    assert away.ok
    assert "not looked at" in away.found
