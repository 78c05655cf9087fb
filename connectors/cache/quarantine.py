"""A damaged cache is moved aside, never read from again, and rebuilt from Kafka; its outbox is saved if it can be.

It holds persons' data: at most one is kept, for a week at most, and the next erasure of anybody removes it.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import NamedTuple

from connectors.cache.exposures import opened_row
from connectors.cache.families import OUTBOX
from connectors.cache.places import database_path, mark_path
from connectors.cache.rocks import Database
from connectors.cache.rows import OutboxRow
from schemas.errors import PersonalizationError
from schemas.topics import DAY_MS

QUARANTINES_MAX = 1
QUARANTINE_MS = 7 * DAY_MS
_PREFIX = "quarantine-"

_log = logging.getLogger(__name__)


class Saved(NamedTuple):
    """What could be read of a damaged cache's outbox. `is_whole`: to its end, so nothing of it is lost."""

    rows: list[OutboxRow]
    is_whole: bool


def put_aside(folder: Path, now_ms: int) -> Saved:
    """Move a cache's files aside, so that the folder can be filled anew. Nobody may have it open."""
    path = database_path(folder)
    mark_path(folder).unlink(missing_ok=True)
    if not path.exists():
        _log.error("cache %s: its files are gone: it is rebuilt from Kafka", folder)
        return Saved([], is_whole=False)
    saved = _saved(path)
    aside = folder / f"{_PREFIX}{now_ms}"
    path.rename(aside)
    for older in _quarantines(folder)[:-QUARANTINES_MAX]:
        rmtree(older)
    _log.error("cache %s: damaged; moved to %s, and rebuilt from Kafka", folder, aside.name)
    return saved


def remove_old(folder: Path, now_ms: int) -> None:
    """Remove what was moved aside a week ago."""
    for aside in _quarantines(folder):
        if now_ms - int(aside.name.removeprefix(_PREFIX)) > QUARANTINE_MS:
            rmtree(aside)


def remove_all(folder: Path) -> None:
    """Remove all that was moved aside: somebody was erased, who may be in it."""
    for aside in _quarantines(folder):
        rmtree(aside)


def _quarantines(folder: Path) -> list[Path]:
    """What was moved aside, oldest first."""
    found = [path for path in folder.glob(f"{_PREFIX}*") if path.name.removeprefix(_PREFIX).isdigit()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(_PREFIX)))


def _saved(path: Path) -> Saved:
    """The outbox as far as it can be read, by an instance that writes nothing there."""
    rows: list[OutboxRow] = []
    with TemporaryDirectory(prefix="foresend-saved-") as scratch:
        try:
            rows += _outbox(path, Path(scratch))
        except PersonalizationError as error:
            # Damaged rows among others: what was read before them stands.
            _log.error("its outbox cannot be read to its end: %s", type(error).__name__)
            return Saved(rows, is_whole=False)
    return Saved(rows, is_whole=True)


def _outbox(path: Path, scratch: Path) -> Iterator[OutboxRow]:
    database = Database(path, second=scratch)
    try:
        for _, value in database.scan(OUTBOX):
            yield opened_row(value)
    finally:
        database.close()
