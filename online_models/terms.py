"""What a score is made of: terms, each with its uncertainty, for the variants of one slot and one person."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeVar, cast
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from online_models.ages import AGE_KIND
from online_models.slot_model import UserModels
from schemas.ids import SlotName, Tag, TemplateName, VariantId
from schemas.library import Variant
from schemas.models import ModelPart

Bound = TypeVar("Bound")


def hash_of_name(name: str) -> int:
    """Thirty-two bits that stand for a name, the same in every process; never 0, which means unknown.

    >>> hash_of_name("tag:jazz") == hash_of_name("tag:jazz") != hash_of_name("tag:folk")
    True
    """
    return crc32(name.encode()) or 1


class Situation(NamedTuple):
    """What models know of a person at one moment, beside what the person engaged with.

    facts    for each of `LearningSettings.facts` the hash of `name=value`; 0 where it is not known
    numbers  for each of `LearningSettings.numbers` its value; NaN where it is not known
    """

    facts: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()


class Person(NamedTuple):
    """All that scoring may use of a person, at one moment.

    shares  the parts of the person's engagement that go to each tag
    models  what the person's reactions taught
    hidden  packed state of the sequence model
    vector  the person's features, packed (`online_models.vector`): the situation is read from it
    known   what terms work out of the person alone, by whose it is: each once for all slots. None: nothing is kept
    """

    shares: Mapping[int | str, float]
    situation: Situation
    models: UserModels
    hidden: bytes
    at_ms: int
    vector: bytes = b""
    known: dict[object, Any] | None = None

    def once(self, whose: object, work_out: Callable[["Person"], Bound]) -> Bound:
        """What somebody works out of this person: from the second time on as it was found the first time."""
        if self.known is None:
            return work_out(self)
        found = self.known.get(whose)
        if found is None:
            found = self.known[whose] = work_out(self)
        return cast("Bound", found)


class SlotTable:
    """The variants of one slot: what terms need of them, made once for each release and span of validity.

    variants  ids, in the library's order
    tags      of each variant
    is_catalog    whether the variants are a catalogue's items
    own_features  of rows that were asked for, as people's own models know them (`online_models.content`)
    """

    def __init__(
        self, template: TemplateName, slot: SlotName, variants: Sequence[Variant], *, is_catalog: bool = False
    ) -> None:
        self.template = template
        self.slot = slot
        self.is_catalog = is_catalog
        self.variants: tuple[VariantId, ...] = tuple(variant.id for variant in variants)
        self.tags: tuple[tuple[Tag, ...], ...] = tuple(variant.tags for variant in variants)
        self.own_features: dict[int, tuple[tuple[int, float], ...]] = {}
        self._bound: dict[object, tuple[bytes, object]] = {}
        self._with_tag: dict[int | str, list[int]] = {}
        for number, tags in enumerate(self.tags):
            for tag in dict.fromkeys(tags):
                self._with_tag.setdefault(tag, []).append(number)
        self._shares: Mapping[int | str, float] | None = None
        self._affinities = array("f")

    def __len__(self) -> int:
        return len(self.variants)

    def affinities(self, shares: Mapping[int | str, float]) -> "array[float]":
        """How much of a person's engagement goes to each variant's tags: float32, from 0 to 1.

        The last answer is remembered for each of the terms that ask: these shares must not be changed afterwards.
        """
        if shares is not self._shares:
            near = [0.0] * len(self.variants)
            with_tag = self._with_tag
            for tag, share in shares.items():
                for number in with_tag.get(tag, ()):
                    near[number] += share
            # Shares sum to 1, but for rounding.
            self._affinities = array("f", near if max(near, default=0.0) <= 1.0 else [min(1.0, one) for one in near])
            self._shares = shares
        return self._affinities

    def recall(self, affinities: "array[float]") -> Mapping[int | str, float]:
        """Shares that stand for affinities which a decision has kept: shares themselves are not kept.

        They hold until others are asked for.
        """
        self._shares, self._affinities = {}, affinities
        return self._shares

    def bound(self, kind: Callable[["SlotTable", ModelPart], Bound], part: ModelPart) -> Bound:
        """What `kind` makes of this table and a trained part: made once, for terms are made anew at every snapshot."""
        checksum, made = self._bound.get(kind, (b"", None))
        if checksum != part.checksum:
            made = kind(self, part)
            self._bound[kind] = (part.checksum, made)
        return cast("Bound", made)

    @cached_property
    def has_ages(self) -> bool:
        """Whether tags tell how old variants are."""
        return any(tag.startswith(AGE_KIND) for tag in self._with_tag if isinstance(tag, str))

    @cached_property
    def items(self) -> NDArray[np.uint32]:
        """Hashes of the variants' ids: shape (n,)."""
        return np.array([hash_of_name(variant) for variant in self.variants], np.uint32)

    @cached_property
    def row_of(self) -> dict[int, int]:
        """The row of each item, by its hash; of two with one hash the first."""
        rows: dict[int, int] = {}
        for row, item in enumerate(self.items.tolist()):
            rows.setdefault(item, row)
        return rows


class TermScores(NamedTuple):
    """One term for n variants: log-odds, and the standard deviation of each."""

    values: Sequence[float]
    deviations: Sequence[float]


class Term(Protocol):
    """One additive part of a score, bound to a slot's variants and to what was learnt over all users."""

    def score(self, person: Person, rows: Sequence[int] | None = None) -> TermScores:
        """Score these rows of the slot's table, or all; the same person and rows give the same bits.

        Every number is finite; where nothing is known a value is 0.
        """
        ...

    def explain(self, person: Person, row: int) -> list[tuple[str, float]]:
        """What each feature adds to the value of one row, by a name; but for rounding they sum to it."""
        ...
