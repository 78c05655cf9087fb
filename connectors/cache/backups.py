"""Copies of a cache: entries, sends, outbox and offsets of one moment, from which a node goes on in Kafka's topics.

A running node makes a copy itself: whoever wants one leaves a request in its folder. A copy holds persons' data, and
erasures that come later do not reach it: a node that starts on it reads them from Kafka before it answers; one that
is older than the topics keep them is read anew (`Follower`).
"""

import time
from collections.abc import Callable
from pathlib import Path
from shutil import copy2, copytree, rmtree

import msgspec

from connectors.cache.places import database_path, mark_path
from connectors.cache.store import CacheStore
from schemas.errors import CacheBusy, ConfigError

ANSWER_S = 600.0
LOOK_S = 0.2
_ABOUT = "backup.json"
_KEY = "signing.key"
_REQUEST = "backup.request"
_ANSWER = "backup.answer"
_MOMENT = "backup-"
_RESTORED = "restored.part"


class Backup(msgspec.Struct, frozen=True):
    """What a copy is of.

    offsets  `topic|partition`: the offset that a node which starts on it reads on from
    """

    made_ms: int
    entries: int
    entry_bytes: int
    outbox_rows: int
    offsets: dict[str, int]


class _Answer(msgspec.Struct, frozen=True):
    """What the node says to a request."""

    target: str
    problem: str = ""


def make(store: CacheStore, folder: Path, target: Path, now_ms: int) -> Backup:
    """Copy a cache that this process has open.

    The moment is taken by links, which last milliseconds; the copying is at leisure, of files that nobody changes.

    Raises:
        ConfigError: there is something at the target.
    """
    _require_free(target)
    moment = folder / f"{_MOMENT}{now_ms}"
    part = target.with_name(f"{target.name}.part")
    try:
        offsets = {f"{topic}|{partition}": at for (topic, partition), at in store.offsets().items()}
        about = Backup(now_ms, store.live.entries, store.live.size, store.outbox_rows, offsets)
        store.checkpoint(moment)
        rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        copytree(moment, database_path(part))
        if (folder / _KEY).exists():
            copy2(folder / _KEY, part / _KEY)
        (part / _ABOUT).write_bytes(msgspec.json.encode(about))
        part.rename(target)
    finally:
        rmtree(moment, ignore_errors=True)
    return about


def request(folder: Path, target: Path, clock_s: Callable[[], float] = time.monotonic) -> Backup:
    """Copy a cache, whoever has it open.

    Raises:
        ConfigError: there is no cache, or something at the target.
        CacheBusy: the node that has it open did not answer.
    """
    if not (database_path(folder) / "CURRENT").exists():
        raise ConfigError(f"cache {folder}: expected a cache written by `foresend serve`, found none")
    target = target.absolute()
    _require_free(target)
    try:
        store = CacheStore(folder)
    except CacheBusy:
        return _ask(folder, target, clock_s)
    try:
        return make(store, folder, target, time.time_ns() // 1_000_000)
    finally:
        store.close()


def answer_request(store: CacheStore, folder: Path, now_ms: int) -> None:
    """Make the copy that somebody asked for, if anybody did."""
    try:
        target = Path((folder / _REQUEST).read_text())
    except FileNotFoundError:
        return
    (folder / _REQUEST).unlink(missing_ok=True)
    problem = ""
    try:
        make(store, folder, target, now_ms)
    except (ConfigError, CacheBusy, OSError) as error:
        problem = str(error)
    _write(folder / _ANSWER, msgspec.json.encode(_Answer(str(target), problem)))


def remove_left(folder: Path) -> None:
    """Remove what a kill left of copies that were under way: erasures do not reach it. For who has the cache open."""
    for moment in folder.glob(f"{_MOMENT}*"):
        # Somebody may keep whole copies here, under such names.
        if moment.name.removeprefix(_MOMENT).isdigit() and not (moment / _ABOUT).exists():
            rmtree(moment)
    rmtree(folder / _RESTORED, ignore_errors=True)


def restore(folder: Path, source: Path) -> Backup:
    """Make a copy the cache of a folder, from which `foresend serve` then goes on.

    Raises:
        ConfigError: the source is no copy, or the folder holds a cache.
    """
    about = told(source)
    if database_path(folder).exists():
        raise ConfigError(f"cache {folder}: expected a folder without a cache; move {database_path(folder)} away first")
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / _RESTORED
    rmtree(part, ignore_errors=True)
    copytree(database_path(source), part)
    if (source / _KEY).exists() and not (folder / _KEY).exists():
        copy2(source / _KEY, folder / _KEY)
    mark_path(folder).unlink(missing_ok=True)
    part.rename(database_path(folder))
    return about


def told(source: Path) -> Backup:
    """What a copy is of.

    Raises:
        ConfigError: it is none.
    """
    try:
        return msgspec.json.decode((source / _ABOUT).read_bytes(), type=Backup)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"backup {source}: expected a copy made by `foresend cache backup`, found none") from error


def _ask(folder: Path, target: Path, clock_s: Callable[[], float]) -> Backup:
    (folder / _ANSWER).unlink(missing_ok=True)
    _write(folder / _REQUEST, str(target).encode())
    deadline = clock_s() + ANSWER_S
    while clock_s() < deadline:
        if (folder / _ANSWER).exists():
            answer = msgspec.json.decode((folder / _ANSWER).read_bytes(), type=_Answer)
            (folder / _ANSWER).unlink()
            if answer.problem:
                raise CacheBusy(f"cache {folder}: the node that serves from it could not: {answer.problem}")
            return told(target)
        time.sleep(LOOK_S)
    (folder / _REQUEST).unlink(missing_ok=True)
    raise CacheBusy(f"cache {folder}: the node that has it open did not answer in {ANSWER_S:.0f} s")


def _write(file: Path, content: bytes) -> None:
    """All of it or nothing: somebody looks for the file every moment."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(file)


def _require_free(target: Path) -> None:
    if target.exists():
        raise ConfigError(f"backup {target}: expected a folder that is not there yet")
