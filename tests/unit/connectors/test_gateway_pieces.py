"""Draws from entries whose bodies are references into the release's pieces."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import msgspec
import pytest

from connectors.gateway.marks import LOOK_MARKS
from schemas.decisions import Candidate, Communication, Decision, SlotDecision
from schemas.ids import DecisionId, Locale, TemplateName, UserId, VariantId
from schemas.library import Release
from schemas.worlds import WorldRef
from templates.assembly import FORMAT
from templates.library import Library
from templates.send_marks import fill
from tests.support.gateway import GatewayInProcess
from tests.support.messages import START_MS, version
from tests.support.releases import another_release

NEWSLETTER, EN = TemplateName("newsletter"), Locale("en")
PATH = "/v1/communications/newsletter/ana"


def entry(release: Release, number: int, name: str = "Ana") -> Communication:
    """An entry of four candidates, as the job writes it."""
    library = Library(release)
    template = library.template(NEWSLETTER)
    choices = [choice + (0,) * (len(template.slots) - 2) for choice in product((0, 1), repeat=2)]
    slots = tuple(
        SlotDecision(slot.name, tuple(variant.id for variant in slot.variants), (), b"", bytes(4 * len(slot.variants)))
        for slot in template.slots
    )
    decision = Decision(
        DecisionId(f"d{number}"), release.workspace, NEWSLETTER, UserId("ana"), release.id, WorldRef(1, 0), EN,
        "softmax", "shift", START_MS, slots, tuple(Candidate(bytes(choice), 0.25) for choice in choices),
    )  # fmt: skip
    personal = library.personal(template, EN, {"first_name": name})
    bodies = [personal.body(decision.variants_of(index)) for index in range(len(choices))]
    return Communication(version(number), decision, tuple(bodies), (0,) * len(bodies))


@pytest.fixture
def node(tmp_path: Path, sample_release: Release) -> Iterator[GatewayInProcess]:
    made = GatewayInProcess(tmp_path / "cache")
    made.release(sample_release)
    made.entry(entry(sample_release, 1))
    yield made
    made.close()


def test_a_look_is_what_the_library_renders(node: GatewayInProcess, sample_release: Release) -> None:
    library = Library(sample_release)
    template = library.template(NEWSLETTER)
    for candidate in range(4):
        shown = node.get(f"{PATH}?format=json&candidate={candidate}").json
        variants = [VariantId(shown["variants"][slot.name]) for slot in template.slots]
        rendered = library.render(template, EN, variants, {"first_name": "Ana"})
        filled = fill(rendered, sample_release.mark_prefix, LOOK_MARKS)
        assert (shown["html"], shown["text"]) == (filled.html.decode(), filled.text.decode())
        assert (shown["subject"], shown["preheader"]) == (filled.subject, filled.preheader)
        assert sample_release.mark_prefix not in shown["html"] + shown["text"]


def test_a_repeat_gets_the_same_bytes_after_a_new_render_and_a_new_release(
    node: GatewayInProcess, sample_release: Release
) -> None:
    first = [node.post(PATH, f"send-{number}").body for number in range(6)]
    node.entry(entry(sample_release, 2, name="Anabel"))
    assert [node.post(PATH, f"send-{number}").body for number in range(6)] == first
    words = {f"{key}": (*pieces[:-1], b"other words") for key, pieces in sample_release.pieces.items()}
    newer = msgspec.structs.replace(another_release(sample_release), pieces=words)
    node.release(newer)
    assert [node.post(PATH, f"send-{number}").body for number in range(6)] == first


def test_a_body_that_was_written_before_there_were_pieces_is_served(
    node: GatewayInProcess, sample_release: Release
) -> None:
    new = node.get(f"{PATH}?candidate=2").body
    node.entry(entry(msgspec.structs.replace(sample_release, pieces={}), 2))
    assert node.get(f"{PATH}?candidate=2").body == new


@pytest.mark.parametrize("damage", ["flipped", "cut", "of another template"])
def test_a_damaged_body_is_never_served(node: GatewayInProcess, sample_release: Release, damage: str) -> None:
    good = entry(sample_release, 2)
    library = Library(sample_release)
    cart = library.template(TemplateName("cart_reminder"))
    foreign = library.personal(cart, EN, {}).body([slot.variants[0].id for slot in cart.slots])
    body = good.bodies[0]
    assert body[0] == FORMAT
    broken = {"flipped": body[:-1] + bytes((body[-1] ^ 1,)), "cut": body[:-1], "of another template": foreign}[damage]
    node.entry(msgspec.structs.replace(good, bodies=(broken,) * 4))
    reply = node.post(PATH, "send").json
    assert (reply["source"], reply["reason"]) == ("fallback", "corrupt")
