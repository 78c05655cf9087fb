"""How often entries are read: an estimate of bounded size, that ages. What is evicted is decided by it.

A count-min sketch with conservative update (Cormode and Muthukrishnan, "An improved data stream summary", 2005; Estan
and Varghese, "New directions in traffic measurement", 2002) whose counters are halved as reads go on, as in TinyLFU
(Einziger, Friedman and Manes, ACM Transactions on Storage 13(4), 2017). Beside it a sketch of the last read, so that of
two entries that are read as often the one read last stays. Time is told by reads, not by a clock.
"""

import zlib
from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from connectors.cache.families import PERSON_BYTES
from schemas.errors import StateCorrupt

ROWS: Final = 4
WIDTH_BITS: Final = 20
"""Of each row of counters. With as many entries in the cache, one estimate in about twenty is too high."""
COUNT_MAX: Final = 15
READS_EACH: Final = 10
"""Counters are halved after so many reads for each entry in the cache: TinyLFU's own choice."""
READS_MIN: Final = 10_000
TICKS: Final = 64
"""Steps of the clock of reads between two halvings."""
NOTED_MAX: Final = 1 << 16
"""Reads noted and not counted yet; beyond it the oldest are forgotten."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ODD = np.uint64(0xC2B2AE3D27D4EB4F)

Indices = npt.NDArray[np.intp]


class AccessSketch:
    """Counts reads by names of entries. `note` may be called by any thread, the rest by the follower's.

    width_bits  of a row of counters
    """

    def __init__(self, width_bits: int = WIDTH_BITS) -> None:
        self._shift = np.uint64(64 - width_bits)
        self._counts = np.zeros((ROWS, 1 << width_bits), dtype=np.uint8)
        self._last = np.zeros((ROWS, 1 << width_bits), dtype=np.uint8)
        self._templates: dict[bytes, int] = {}
        self._reads = 0
        self._period = READS_MIN
        self._noted: deque[bytes] = deque(maxlen=NOTED_MAX)
        self.note = self._noted.append

    def count_noted(self, entries: int) -> int:
        """Count the reads noted since; return how many. `entries`: in the cache, which sets how fast counts age."""
        names = [self._noted.popleft() for _ in range(len(self._noted))]
        self._period = max(READS_MIN, READS_EACH * entries)
        if names:
            self._add(names)
        return len(names)

    def frequencies(self, names: Sequence[bytes]) -> list[int]:
        """About how often each entry was read, 0 to 15; never too low but for ageing."""
        found: list[int] = self._estimate(self._counts, self._indices(names)).tolist() if names else []
        return found

    def worths(self, names: Sequence[bytes]) -> list[int]:
        """What sorts entries by how much they are worth: how often they were read, then how lately."""
        if not names:
            return []
        places = self._indices(names)
        counts, last = self._estimate(self._counts, places), self._estimate(self._last, places)
        found: list[int] = (counts.astype(np.int64) * 256 + last).tolist()
        return found

    def packed(self) -> bytes:
        """All of it, to be kept: two counters in a byte."""
        nibbles = self._counts[:, 0::2] | (self._counts[:, 1::2] << 4)
        head = np.array([self._reads, self._period], dtype="<u8").tobytes()
        return zlib.compress(head + nibbles.tobytes() + self._last.tobytes(), 1)

    def restore(self, packed: bytes) -> None:
        """Go on from what was kept.

        Raises:
            StateCorrupt: it is something else.
        """
        try:
            data = zlib.decompress(packed)
        except zlib.error as error:
            raise StateCorrupt(f"expected a packed estimate of reads: {error}") from error
        half = self._counts.size // 2
        if len(data) != 16 + half + self._last.size:
            raise StateCorrupt(f"expected an estimate of {16 + half + self._last.size} bytes, got {len(data)}")
        self._reads, self._period = (int(number) for number in np.frombuffer(data[:16], dtype="<u8"))
        nibbles = np.frombuffer(data, np.uint8, half, 16).reshape(ROWS, -1)
        self._counts[:, 0::2], self._counts[:, 1::2] = nibbles & COUNT_MAX, nibbles >> 4
        self._last[:] = np.frombuffer(data, np.uint8, self._last.size, 16 + half).reshape(self._last.shape)

    def _add(self, names: Sequence[bytes]) -> None:
        distinct, times = np.unique(np.array(names, dtype=object), return_counts=True)
        places = self._indices(distinct.tolist())
        counted = np.minimum(self._estimate(self._counts, places).astype(np.int64) + times, COUNT_MAX).astype(np.uint8)
        tick = np.uint8(TICKS + min(TICKS, self._reads * TICKS // self._period))
        for row in range(ROWS):
            np.maximum.at(self._counts[row], places[row], counted)
            self._last[row, places[row]] = tick
        self._reads += len(names)
        if self._reads >= self._period:
            self._halve()

    def _halve(self) -> None:
        """Age: what is not read any more comes down to nothing, and so does the time of its last read."""
        self._counts >>= 1
        self._last -= np.minimum(self._last, TICKS // 2)
        self._reads //= 2

    @staticmethod
    def _estimate(table: npt.NDArray[np.uint8], places: Indices) -> npt.NDArray[np.uint8]:
        found: npt.NDArray[np.uint8] = np.take_along_axis(table, places, axis=1).min(axis=0)
        return found

    def _indices(self, names: Sequence[bytes]) -> Indices:
        """The place of each name in each row, shape (ROWS, n). Persons' names are hashes already."""
        persons = np.frombuffer(b"".join([name[:PERSON_BYTES] for name in names]), dtype="<u8").reshape(-1, 2)
        templates = np.array([self._template(name[PERSON_BYTES:]) for name in names], dtype=np.uint64)
        first = (persons[:, 0] ^ templates) * _GOLDEN
        second = ((persons[:, 1] + templates) * _ODD) | np.uint64(1)
        rows = np.arange(ROWS, dtype=np.uint64)[:, None]
        found: Indices = ((first + rows * second) >> self._shift).astype(np.intp)
        return found

    def _template(self, name: bytes) -> int:
        found = self._templates.get(name)
        if found is None:
            if len(self._templates) >= NOTED_MAX:
                self._templates.clear()
            found = self._templates[name] = int.from_bytes(blake2b(name, digest_size=8).digest(), "little")
        return found
