"""Decisions and what is made of them."""

import struct

import msgspec
import pytest

from schemas.catalogue import ITEM_ID_LENGTH_MAX, ITEMS_SHOWN_MAX, ItemId, slate_of_items
from schemas.codec import decode, encode
from schemas.decisions import TERMS, Candidate, Communication, Decision, Exposure, SlotDecision
from schemas.ids import (
    DecisionId,
    Locale,
    ReleaseId,
    SendId,
    SlotName,
    TemplateName,
    UserId,
    VariantId,
    WorkspaceId,
)
from schemas.versions import Position, version_of
from schemas.worlds import WorldRef

VERSION = version_of(Position(1, 2, 3), 4)


def slot(name: str, *variants: str) -> SlotDecision:
    shares = tuple(1 / len(variants) for _ in variants)
    return SlotDecision(SlotName(name), tuple(VariantId(one) for one in variants), shares, b"", b"")


def decision(*choices: bytes) -> Decision:
    return Decision(
        id=DecisionId("d"),
        workspace=WorkspaceId("shop"),
        template=TemplateName("news"),
        user=UserId("ana"),
        release=ReleaseId("f00d"),
        world=WorldRef(1, 0),
        locale=Locale("en"),
        policy="softmax",
        cause="new",
        at_ms=5,
        slots=(slot("hero", "sun", "rain"), slot("offer", "none", "ten", "free")),
        candidates=tuple(Candidate(choice, 1 / len(choices)) for choice in choices),
    )


def test_a_candidate_shows_one_variant_of_each_slot() -> None:
    assert decision(b"\x00\x02", b"\x01\x00").variants_of(1) == ("rain", "none")
    assert decision(b"\x00\x02", b"\x01\x00").variants_of(0) == ("sun", "free")


def test_a_candidate_that_misses_a_slot_is_a_bug_and_told_so() -> None:
    with pytest.raises(ValueError, match="shorter"):
        decision(b"\x00").variants_of(0)


def test_a_grave_holds_nothing_of_the_person() -> None:
    grave = Communication.of_grave(VERSION)
    assert (grave.grave, grave.version, grave.decision, grave.bodies) == (True, VERSION, None, ())
    assert decode(Communication, encode(grave)) == grave
    assert len(encode(grave)) < 40


def test_the_columns_of_an_exposure_belong_together() -> None:
    with pytest.raises(ValueError, match="one variant and one feature for each slot"):
        Exposure(
            send_id=SendId("s"),
            template=TemplateName("news"),
            decision=DecisionId("d"),
            candidate=0,
            propensity=1.0,
            slots=(SlotName("hero"),),
        )


@pytest.mark.parametrize("character", ["a", "|"])
def test_an_exposure_of_as_many_items_as_a_slot_shows_can_be_read_back(character: str) -> None:
    slate = slate_of_items((ItemId(character * ITEM_ID_LENGTH_MAX),) * ITEMS_SHOWN_MAX)
    exposure = Exposure(
        send_id=SendId("s"),
        template=TemplateName("news"),
        decision=DecisionId("d"),
        candidate=0,
        propensity=1.0,
        slots=(SlotName("films"),),
        variants=(slate,),
        features=(0.5,),
    )
    assert msgspec.json.decode(msgspec.json.encode(exposure), type=Exposure) == exposure


@pytest.mark.parametrize("version", [1, 2])
def test_an_entry_of_an_older_version_is_read(version: int) -> None:
    entry = Communication(VERSION, decision(b"\x00\x02"), (b"\x28\xb5\x2f\xfd...",), (0,), 7)
    older = bytes((version,)) + msgspec.msgpack.encode(entry)
    assert decode(Communication, older) == entry
    assert decode(Communication, encode(entry)) == entry


def test_a_large_entry_is_compressed_as_a_whole() -> None:
    entry = Communication(VERSION, decision(b"\x00\x02"), (b"the same words " * 30,) * 8, (0,) * 8)
    assert len(encode(entry)) < 1_000
    assert decode(Communication, encode(entry)) == entry


@pytest.mark.parametrize("weights", [(), (0.5, 2.0, -1.0)])
def test_what_learning_is_told_of_one_variant_is_its_score(weights: tuple[float, ...]) -> None:
    terms, names = (0.1, -2.0, 0.3, 4.0, 0.7, 0.2), tuple(map(VariantId, "abc"))
    packed = struct.pack("<6f", *terms), struct.pack(f"<{len(weights)}f", *weights)
    told = SlotDecision(SlotName("hero"), names, (), packed[0], b"", packed[1])
    for variant in range(3):
        assert told.assessed(variant)[len(TERMS)] == told.scores()[variant]
