"""Whether a folder can be written to, and whether its disk has room."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from foresend.doctor.findings import Finding, fault, fine

FREE_SHARE_MIN = 0.1
FREE_BYTES_MIN = 2 * 10**9
"""What the whole path writes in a first hour on one machine: README, "What it needs"."""
FREE_BYTES_ENOUGH = 20 * 10**9
"""Of a large disk a tenth would be more than anybody needs."""
GB = 10**9

DiskUse = Callable[[Path], os.statvfs_result]


def folder_findings(
    name: str, place: str, variable: str, needs_bytes: int = 0, disk_use: DiskUse = os.statvfs
) -> Iterator[Finding]:
    """The right to write in a folder, and room on its disk.

    place        a path, or an address as Flink has it: file:///…, s3://…
    variable     what names the folder
    needs_bytes  that the disk must have for it beyond what the folder holds already; 0: no more than any disk
    """
    parts = urlsplit(place)
    if len(parts.scheme) > 1 and parts.scheme != "file":
        expected = "whoever writes there may"
        yield fine(f"folder.{name}", f"{parts.scheme}: not on this machine, so not looked at", expected)
        return
    folder = Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(place)
    yield writable(f"folder.{name}", folder, variable)
    yield room(f"disk.{name}", folder, needs_bytes, disk_use)


def writable(check: str, folder: Path, variable: str) -> Finding:
    """Whether this user can make a file there: by making one, for a mount or an attribute refuses root, too."""
    there = nearest(folder)
    expected = f"{folder.absolute()} can be written to by user {os.geteuid()}"
    mend = f"chown or chmod {there.absolute()} for user {os.geteuid()}, or name another folder by {variable}"
    if folder.exists() and not folder.is_dir():
        return fault(check, f"{folder} is no folder", expected, f"move it away, or name another folder by {variable}")
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        if error.errno == errno.EROFS:
            mend = f"mount {there.absolute()} for writing, or name another folder by {variable}"
        return fault(check, f"{there.absolute()}: {error.strerror}", expected, mend)
    found = "can be written to" if there == folder else f"is not there yet, and can be made in {there.absolute()}"
    return fine(check, f"{folder.absolute()} {found}", expected)


def room(check: str, folder: Path, needs_bytes: int = 0, disk_use: DiskUse = os.statvfs) -> Finding:
    """Whether the disk of a folder has room, in bytes and in files."""
    there = nearest(folder)
    use = disk_use(there)
    free, size = use.f_bavail * use.f_frsize, use.f_blocks * use.f_frsize
    share = min(int(FREE_SHARE_MIN * size), FREE_BYTES_ENOUGH)
    wanted = max(share, min(FREE_BYTES_MIN, size // 2), needs_bytes - _held(folder, needs_bytes))
    expected = f"{wanted / GB:.1f} GB free"
    found = f"{free / GB:.1f} GB free of {size / GB:.1f} GB at {there.absolute()}"
    mend = "make room, or put it on a larger disk"
    if free < wanted:
        return fault(check, found, expected, mend)
    if use.f_files and use.f_favail < FREE_SHARE_MIN / 10 * use.f_files:
        return fault(check, f"{use.f_favail} files can be made at {there.absolute()}", "1 % of all inodes free", mend)
    return fine(check, found, expected)


def nearest(folder: Path) -> Path:
    """The folder, or what is there of the way to it."""
    return next(one for one in (folder, *folder.absolute().parents) if one.is_dir())


def _held(folder: Path, needs_bytes: int) -> int:
    """Bytes that the folder holds already of what it needs. Files may go while they are counted."""
    total = 0
    for file in folder.rglob("*") if needs_bytes and folder.is_dir() else ():
        try:
            total += file.lstat().st_blocks * 512
        except OSError:
            continue
    return total
