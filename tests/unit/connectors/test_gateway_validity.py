"""What a newer release takes back is never served from an entry of an older one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.gateway.validity import Changes, change_of
from schemas.events import EventKind
from schemas.ids import Locale, SlotName, VariantId
from schemas.library import ContentRules, Disclosure, MessageClass, Pair, Release, Slot, Template, TemplateKind, Variant
from tests.support.gateway import GatewayInProcess
from tests.support.messages import NEWS, START_MS, communication, release

ANNA_NEWS = "/v1/communications/news/anna"
HEADLINE = SlotName("headline")
END_MS = START_MS + 3_600_000
WORDS: dict[Locale, dict[str, str]] = {Locale("en"): {"text": "words"}, Locale("de"): {"text": "Worte"}}


def place(variant: str) -> tuple[SlotName, VariantId]:
    return HEADLINE, VariantId(variant)


def made(number: int, *variants: Variant, **template: Any) -> Release:
    """A release whose newsletter has these headlines."""
    base = release(number, templates=(NEWS,))
    own = replace(base.templates[0], slots=(Slot(HEADLINE, "text", variants),), **template)
    return replace(base, templates=(own,))


def variant(name: str, **more: Any) -> Variant:
    return Variant(VariantId(name), (), dict(WORDS), **more)


ALL = (variant("v0"), variant("v1"), variant("v2"))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[GatewayInProcess]:
    """A node with Anna's newsletter, of three headlines."""
    found = GatewayInProcess(tmp_path / "cache")
    found.release(made(1, *ALL))
    found.entry(communication())
    yield found
    found.close()


def drawn(node: GatewayInProcess) -> set[str]:
    """The headlines that forty sends show."""
    replies = [node.post(ANNA_NEWS, f"send-{number}-{node.clock.now_ms}").json for number in range(40)]
    return {reply["variants"].get("headline", reply["reason"]) for reply in replies}


def disclosure(words: str) -> Disclosure:
    return Disclosure("risk", (place("v0"),), {Locale("en"): words, Locale("de"): words})


TAKEN_BACK = {
    "is gone": made(2, *ALL[1:]),
    "has ended": made(2, variant("v0", valid_until_ms=START_MS), *ALL[1:]),
    "has not begun any more": made(2, variant("v0", valid_from_ms=END_MS), *ALL[1:]),
    "is for some people only": made(2, variant("v0", when="tags.jazz > 0.1"), *ALL[1:]),
    "needs words beside it": made(2, *ALL, rules=ContentRules(disclosures=(disclosure("Risk."),))),
    "needs what is not beside it": made(
        2, *ALL, rules=ContentRules(required=(Pair(place("v0"), (SlotName("image"), VariantId("sea"))),))
    ),
}


@pytest.mark.parametrize("newest", TAKEN_BACK.values(), ids=TAKEN_BACK.keys())
def test_what_a_release_takes_back_is_never_served(node: GatewayInProcess, newest: Release) -> None:
    assert drawn(node) == {"v0", "v1", "v2"}
    node.release(newest)
    node.clock.now_ms += 1
    assert drawn(node) == {"v1", "v2"}
    exposure = node.told()[-1].exposure
    assert exposure is not None
    assert exposure.probabilities == pytest.approx((0.0, 0.6, 0.4))
    assert exposure.propensity == pytest.approx({"v1": 0.6, "v2": 0.4}[exposure.variants[0]])


@pytest.mark.parametrize(
    "newest",
    [
        made(2, *ALL, variant("v3")),
        made(2, *(replace(one, content={**WORDS, Locale("en"): {"text": "other words"}}) for one in ALL)),
        made(2, replace(ALL[0], valid_until_ms=END_MS), *ALL[1:]),
        made(2, replace(ALL[0], share_max=0.1), *ALL[1:]),
        made(2, *ALL, rules=ContentRules(forbidden=(Pair(place("v0"), (SlotName("image"), VariantId("sea"))),))),
    ],
    ids=["more variants", "other words", "ends later on", "another share", "a rule about what is not shown"],
)
def test_what_a_release_leaves_is_served_until_it_is_rendered_anew(node: GatewayInProcess, newest: Release) -> None:
    node.release(newest)
    assert drawn(node) == {"v0", "v1", "v2"}
    assert {told.kind for told in node.told()} == {EventKind.EXPOSURE}


def test_an_end_that_the_newest_release_sets_holds_from_its_moment_on(node: GatewayInProcess) -> None:
    node.release(made(2, replace(ALL[0], valid_until_ms=END_MS), *ALL[1:]))
    node.clock.now_ms = END_MS - 1
    assert "v0" in drawn(node)
    node.clock.now_ms = END_MS
    assert drawn(node) == {"v1", "v2"}


@pytest.mark.parametrize(
    "newest", [made(2, variant("v9")), made(2, *ALL, message_class=MessageClass.TRANSACTIONAL)], ids=["all", "class"]
)
def test_with_everything_taken_back_the_fallback_is_served_and_a_render_asked_for_once(
    node: GatewayInProcess, newest: Release
) -> None:
    node.release(newest)
    assert drawn(node) == {"withdrawn"}
    asked = [told for told in node.told() if told.kind is EventKind.REFRESH]
    assert [told.properties for told in asked] == [{"template": "news", "reason": "withdrawn"}]


def test_a_bad_release_takes_nothing_back(node: GatewayInProcess) -> None:
    node.release(made(2, replace(ALL[1], content={}), ALL[2]))
    assert drawn(node) == {"v0", "v1", "v2"}
    assert node.metric("foresend_dead_letters_total", source="library", reason="wrong_type") == 1


def test_what_was_taken_back_comes_back_with_the_roll_back(node: GatewayInProcess) -> None:
    node.release(made(2, *ALL[1:]))
    assert drawn(node) == {"v1", "v2"}
    node.release(made(1, *ALL))
    node.clock.now_ms += 1
    assert drawn(node) == {"v0", "v1", "v2"}


def test_new_pairs_are_held_to_what_stands_together() -> None:
    older = made(1, *ALL).templates[0]
    sea, shore = (SlotName("image"), VariantId("sea")), (SlotName("image"), VariantId("shore"))
    rules = ContentRules(forbidden=(Pair(place("v0"), sea),), required=(Pair(place("v1"), sea),))
    change = change_of(older, replace(older, rules=rules))
    allowed = {
        (first[1], second[1]): change.allows([first, second], START_MS)
        for first in (place("v0"), place("v1"), place("v2"))
        for second in (sea, shore)
    }
    assert allowed == {
        ("v0", "sea"): False,
        ("v0", "shore"): True,
        ("v1", "sea"): True,
        ("v1", "shore"): False,
        ("v2", "sea"): True,
        ("v2", "shore"): True,
    }


def test_a_rule_that_held_before_is_not_asked_again() -> None:
    rules = ContentRules(
        forbidden=(Pair(place("v0"), place("v1")),),
        required=(Pair(place("v0"), (SlotName("image"), VariantId("sea"))),),
    )
    older = replace(made(1, *ALL).templates[0], rules=rules)
    assert change_of(older, older).is_nothing


@pytest.mark.parametrize("change", [None, {"kind": TemplateKind.BLOCK}], ids=["gone", "another kind"])
def test_nothing_of_a_template_that_is_another_now_is_served(change: dict[str, Any] | None) -> None:
    older = made(1, *ALL).templates[0]
    newest: Template | None = None if change is None else replace(older, **change)
    assert not change_of(older, newest).allows([place("v1")], START_MS)


def test_a_change_is_worked_out_once() -> None:
    changes, older, newest = Changes(), made(1, *ALL), made(2, *ALL[1:])
    assert changes.between(older, newest, NEWS) is changes.between(older, newest, NEWS)
    assert changes.between(older, older, NEWS).is_nothing
