"""A simulated day of a cache under a limit: who is read, what comes back, and what other policies would have kept."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from time import perf_counter
from typing import NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry

from connectors.cache.applying import Applier, LogRecord
from connectors.cache.follower import now_ms
from connectors.cache.heads import head_of
from connectors.cache.meters import CacheMeters
from connectors.cache.releases import Releases
from connectors.cache.store import CacheStore
from connectors.gateway.marks import LOOK_MARKS
from foresend.bench.figures import percentile
from foresend.bench.people import START_MS, ModelPerson, user_number
from foresend.bench.telling import Moved
from schemas.keys import communication_key
from schemas.library import Release
from schemas.topics import COMMUNICATIONS, DAY_MS
from templates.send_marks import Opener

SKEW = 0.9
"""Of the Zipf distribution by which people are read. Web caches saw 0.64 to 0.83 (Breslau and others, INFOCOM 1999);
messages are triggered by behaviour, which is more skewed: of 2 000 000 entries a quarter gets 83 % of the reads."""
BURST_SHARE = 0.3
"""Of the reads those of somebody who was read a moment ago."""
BURST_BACK = 20_000
CAMPAIGN_SHARE = 0.05
"""Of the reads those of a campaign in the middle of the day, which reads people once, in order."""
BATCH_READS = 2_000
DISK_EVERY = 5
"""After so many batches the folder is looked at."""
ACTIVE_EVERY = 10
"""After every so manieth read, the one who was read is rendered anew."""
SEED = 20_261_123


class Day(NamedTuple):
    """What became of it. Hit rates are of the second half: until then each policy learns."""

    hit_rate: float
    lru: float
    random: float
    live_bytes_max: int
    disk_bytes_max: int
    times: "Sequence[Timed]"


def reads_of_a_day(places: int, reads: int) -> list[int]:
    """Which entry is read, read by read: a place among so many."""
    chance = np.random.default_rng(SEED)
    weights = 1.0 / np.arange(1, places + 1) ** SKEW
    drawn = np.searchsorted(np.cumsum(weights) / weights.sum(), chance.random(reads), side="right")
    order = chance.permutation(places)
    trace = order[np.minimum(drawn, places - 1)]
    again = np.flatnonzero(chance.random(reads) < BURST_SHARE)
    again = again[again > 0]
    # In order, so that a burst may go on with one that was itself read again.
    back = 1 + (chance.random(len(again)) * np.minimum(again, BURST_BACK)).astype(np.int64)
    for place, distance in zip(again.tolist(), back.tolist(), strict=True):
        trace[place] = trace[max(0, place - distance)]
    middle, length = reads // 2, int(reads * CAMPAIGN_SHARE)
    trace[middle : middle + length] = np.arange(length) % places
    found: list[int] = trace.tolist()
    return found


def lru_rate(trace: Sequence[int], room: int) -> float:
    """Hit rate of exact LRU, from the cache as the load left it."""
    kept: OrderedDict[int, None] = OrderedDict.fromkeys(range(room))
    hits = 0
    for number, place in enumerate(trace):
        if place in kept:
            kept.move_to_end(place)
            hits += number >= len(trace) // 2
            continue
        kept[place] = None
        kept.popitem(last=False)
    return hits / (len(trace) - len(trace) // 2)


def random_rate(trace: Sequence[int], room: int) -> float:
    """Hit rate where any entry makes room for what was missed."""
    kept, at = [*range(room)], {place: place for place in range(room)}
    chance, hits = Random(SEED), 0
    for number, place in enumerate(trace):
        if place in at:
            hits += number >= len(trace) // 2
            continue
        spot = chance.randrange(room)
        del at[kept[spot]]
        kept[spot] = place
        at[place] = spot
    return hits / (len(trace) - len(trace) // 2)


class Simulation:
    """The day in a real store: reads, and what is rendered anew for those who are active or were missing."""

    def __init__(self, store: CacheStore, release: Release, people: list[ModelPerson], limit_bytes: int) -> None:
        self._store = store
        self._release = release
        self._people = people
        self._names = [template.name for template in release.templates]
        self._opener = Opener(release)
        self._applier = Applier(store, Releases(store), CacheMeters(CollectorRegistry()), limit_bytes)
        self._chance = Random(SEED)
        self.hits = 0
        self.times: list[Timed] = []

    def live(self, trace: Sequence[int], folder: Path, moved: Moved) -> tuple[int, int]:
        """Live through the day; return the most bytes of entries, and of the folder."""
        most, most_on_disk, started_ms = 0, 0, now_ms()
        for first in range(0, len(trace), BATCH_READS):
            again = list(self._read(trace, first))
            at_ms = started_ms + DAY_MS * first // len(trace)
            records = [LogRecord(COMMUNICATIONS.name, 0, 0, START_MS, *self._record(place)) for place in again]
            self._applier.apply(records, {(COMMUNICATIONS.name, 0): 0}, at_ms)
            most = max(most, self._store.live.size)
            if first % (DISK_EVERY * BATCH_READS) == 0:
                most_on_disk = max(most_on_disk, disk_bytes(folder))
            moved(first)
        return most, max(most_on_disk, disk_bytes(folder))

    def _read(self, trace: Sequence[int], first: int) -> Iterator[int]:
        """Read a batch; tell which entries are rendered anew after it."""
        missing: dict[int, None] = {}
        for number in range(first, min(first + BATCH_READS, len(trace))):
            place = trace[number]
            if self._is_hit(place):
                self.hits += number >= len(trace) // 2
                if number % ACTIVE_EVERY == 0:
                    missing[place] = None
            else:
                missing[place] = None
        yield from missing

    def _is_hit(self, place: int) -> bool:
        user, template = divmod(place, len(self._names))
        key = communication_key(self._release.workspace, self._names[template], user_number(user))
        chosen = self._chance.random()
        timed = read_one(self._store, self._opener, key, chosen)
        if timed is not None:
            self.times.append(timed)
        return timed is not None

    def _record(self, place: int) -> tuple[bytes, bytes]:
        user, template = divmod(place, len(self._names))
        person = self._people[user % len(self._people)]
        return [*person.entries_of(user_number(user))][template]


class Timed(NamedTuple):
    """How long a read took, in microseconds.

    read     the row, and its candidates unpacked
    message  with the message of one of them, whole, its marks filled
    """

    read: float
    message: float


def read_one(store: CacheStore, opener: Opener, key: bytes, chosen: float) -> Timed | None:
    """Read an entry and one of its messages; None where there is no entry."""
    started = perf_counter()
    packed = store.entry(key)
    if packed is None:
        return None
    head = head_of(packed)
    read = perf_counter() - started
    decision = head.decision
    if decision is not None:
        body = head.bodies[int(chosen * len(head.bodies))]
        opener.open(body, decision.template, decision.locale).filled(LOOK_MARKS)
    return Timed(read * 1e6, (perf_counter() - started) * 1e6)


def read_figures(times: Sequence[Timed]) -> dict[str, float]:
    """What is told of reads."""
    reads, messages = sorted(one.read for one in times), sorted(one.message for one in times)
    return {
        "read_p50_us": percentile(reads, 0.5),
        "read_p99_us": percentile(reads, 0.99),
        "message_p50_us": percentile(messages, 0.5),
        "message_p99_us": percentile(messages, 0.99),
    }


def day(
    store: CacheStore,
    release: Release,
    people: list[ModelPerson],
    trace: Sequence[int],
    limit_bytes: int,
    moved: Moved,
    tell: Callable[[str], None],
) -> Day:
    """Live through a day under a limit, and hold it against other policies on the same reads."""
    room = store.live.entries
    simulation = Simulation(store, release, people, limit_bytes)
    live_bytes_max, disk_bytes_max = simulation.live(trace, store.folder, moved)
    tell("the same reads, by LRU and by chance ...")
    return Day(
        hit_rate=simulation.hits / (len(trace) - len(trace) // 2),
        lru=lru_rate(trace, room),
        random=random_rate(trace, room),
        live_bytes_max=live_bytes_max,
        disk_bytes_max=disk_bytes_max,
        times=simulation.times,
    )


def disk_bytes(folder: Path) -> int:
    """What a folder takes; files may go while one looks."""
    found = 0
    for file in folder.rglob("*"):
        try:
            found += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return found


def figures(found: Day, limit_bytes: int) -> dict[str, float]:
    """What is told of a day."""
    return {
        "limit_bytes": limit_bytes,
        "live_bytes_max": found.live_bytes_max,
        "disk_bytes_max": found.disk_bytes_max,
        "hit_rate_lfu": found.hit_rate,
        "hit_rate_lru": found.lru,
        "hit_rate_random": found.random,
    } | read_figures(found.times)
