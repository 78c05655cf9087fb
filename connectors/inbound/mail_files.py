"""Mails in files: one a file, an mbox, a Maildir, or a folder of files with one each."""

import mailbox
from collections.abc import Iterator
from pathlib import Path

from connectors.inbound.lmtp_input import KEPT_BYTES
from schemas.errors import ConfigError

_MBOX_START = b"From "


def mails_in(path: Path) -> Iterator[bytes]:
    """The mails, each as far as it is kept, in the order of their names.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
    """
    try:
        if path.is_dir():
            yield from _of_folder(path)
        else:
            yield from _of_file(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _of_folder(path: Path) -> Iterator[bytes]:
    is_maildir = (path / "cur").is_dir() and (path / "new").is_dir()
    folders = (path / "new", path / "cur") if is_maildir else (path,)
    for folder in folders:
        for file in sorted(one for one in folder.iterdir() if one.is_file()):
            yield _beginning(file)


def _of_file(path: Path) -> Iterator[bytes]:
    """A single mail may begin as an mbox does, too: it is one of one."""
    if not _beginning(path).startswith(_MBOX_START):
        yield _beginning(path)
        return
    box = mailbox.mbox(path, create=False)
    try:
        for key in box.iterkeys():
            with box.get_file(key) as file:
                yield file.read(KEPT_BYTES)
    finally:
        box.close()


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(KEPT_BYTES)
