"""Decisions and what is made of them."""

import pytest

from schemas.codec import decode, encode
from schemas.decisions import Candidate, Communication, Decision, Exposure, SlotDecision
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
