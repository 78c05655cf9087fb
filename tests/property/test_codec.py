"""What is true of the codec for all bytes."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.cells import Emitted, OpenExposure, OpenExposures, Profile
from online_models.slot_model import SlotWeights, UserModels
from schemas.codec import Cell, Versioned, decode, encode
from schemas.dead_letters import DeadLetter
from schemas.decisions import Candidate, Communication, Decision, Rendered, SlotDecision
from schemas.errors import Reason, StateError
from schemas.ids import (
    DecisionId,
    FieldName,
    Locale,
    ReleaseId,
    SendId,
    SlotName,
    TemplateName,
    UserId,
    VariantId,
    WorkspaceId,
)
from schemas.library import Layout, MessageClass, Release, Slot, TagRule, Template, Variant, WorkspaceSettings
from schemas.models import ModelSnapshot, SlotPrior
from schemas.versions import Position, version_of
from schemas.worlds import WorldRef

SHOP, ANA, NEWS, HERO, SUN = (
    WorkspaceId("shop"),
    UserId("ana"),
    TemplateName("news"),
    SlotName("hero"),
    VariantId("sun"),
)
RELEASE = ReleaseId("f00d")


def profile() -> Profile:
    made = Profile(world=WorldRef(3, 1), seen=b"abcdefghij", traits={FieldName("name"): "Ana"}, timezone="UTC")
    made.tags.add("jazz", 1.0, 5_000, 1_000, 8)
    made.hours.add(12, 1.0, 5_000, 1_000, 8)
    made.emitted[NEWS] = Emitted(RELEASE, b"shown", (b"\0\0\x80?",), 9)
    return made


def communication() -> Communication:
    slot = SlotDecision(HERO, (SUN,), (1.0,), b"\0" * 8, b"\0" * 4)
    decision = Decision(
        id=DecisionId("d"),
        workspace=SHOP,
        template=NEWS,
        user=ANA,
        release=RELEASE,
        world=WorldRef(3, 1),
        locale=Locale("en"),
        policy="softmax",
        cause="new",
        at_ms=5,
        slots=(slot,),
        candidates=(Candidate(b"\0", 1.0),),
    )
    return Communication(version_of(Position(1, 2, 3), 4), decision, (b"body",), (0,), 7)


def release() -> Release:
    variant = Variant(SUN, (), {Locale("en"): {"text": "Sun"}})
    template = Template(NEWS, MessageClass.MARKETING, (Slot(HERO, "text", (variant,)),), (), {Locale("en"): "layout"})
    return Release(
        workspace=SHOP,
        id=RELEASE,
        settings=WorkspaceSettings(Locale("en"), "UTC", (TagRule("genres"),)),
        templates=(template,),
        layouts={"layout": Layout("<p>", "text", Locale("en"))},
        fallbacks={"news/en": Rendered("s", "p", b"<p>", b"t")},
    )


@cache
def samples() -> dict[str, Versioned | Cell]:
    shapes: list[Versioned | Cell] = [
        profile(),
        OpenExposures((OpenExposure(SendId("s"), NEWS, 9, (HERO,), (SUN,), (0.5,)),)),
        UserModels(
            {"news/hero": SlotWeights(("affinity",), b"\0\0\0\0", 3, 1), "news/pic": SlotWeights(packed=b"\1" * 20)}
        ),
        communication(),
        Communication.of_grave(version_of(Position(1, 2, 3), 4)),
        release(),
        ModelSnapshot(SHOP, 1, {"news/hero": SlotPrior(0.5, {"affinity": 2.0})}),
        DeadLetter("events", 1, 2, 3, Reason.NOT_JSON, "expected JSON", b"key", b"{", "1.0"),
    ]
    return {f"{type(shape).__name__}{number}": shape for number, shape in enumerate(shapes)}


@pytest.mark.parametrize("name", samples())
def test_a_shape_comes_back_and_is_packed_the_same_again(name: str) -> None:
    shape = samples()[name]
    packed = encode(shape)
    back: Versioned | Cell = decode(type(shape), packed)
    assert back == shape
    assert encode(back) == packed


@given(st.sampled_from(sorted(samples())), st.binary(max_size=40))
def test_any_bytes_are_a_shape_or_a_fault_of_state(name: str, data: bytes) -> None:
    _is_shape_or_fault(type(samples()[name]), data)
    _is_shape_or_fault(type(samples()[name]), b"\x01" + data)


@given(st.sampled_from(sorted(samples())), st.data())
def test_bytes_with_a_few_wrong_ones_are_a_shape_or_a_fault_of_state(name: str, data: st.DataObject) -> None:
    packed = bytearray(encode(samples()[name]))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    _is_shape_or_fault(type(samples()[name]), bytes(packed))
    _is_shape_or_fault(type(samples()[name]), bytes(packed[: data.draw(st.integers(0, len(packed)))]))


def _is_shape_or_fault(kind: type[Versioned] | type[Cell], data: bytes) -> None:
    try:
        found: Versioned | Cell = decode(kind, data)
    except StateError:
        return
    # Not NaN, but equal bytes: what was read can be written.
    assert encode(found)[0] == kind.SCHEMA_VERSION
