"""Reduction of whatever senders may send: it never fails, what it took stays away, and once is enough."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from connectors.collector.demographics import BANDS
from connectors.collector.meanings import Meaning, Meanings
from connectors.collector.reduction import Rules, reduced
from schemas.events import Event, EventKind
from schemas.ids import EventId, RecordId, UserId, WorkspaceId
from tests.support.examples import quick

NOW_MS = 1_700_000_000_000
RULES = Rules(kept=("plan", "religion", "email", "nested"), bands=("born",), sensitive=("star_sign",))
NAMES = (
    "plan", "nested", "category", "email", "billingEmail", "phone", "birthday", "born", "age", "address", "country",
    "state", "ip", "religion", "health_status", "starSign", "first_name", "zip", "url", "token", "orientation", "città",
)  # fmt: skip
TEXTS = (
    "ann@shop.example", "https://h.example/?token=abc&q=1", "1990-05-17", "192.0.2.77", "2001:db8::1", "DE", "a=b",
    "https://a:b@h.example/x%40y.example?next=https%3A%2F%2Fh%2F%3Fkey%3D1", "?utm_source=ann@shop.example", "%40",
    "\ud800@a.bc",
)  # fmt: skip
names = st.sampled_from(NAMES) | st.text(max_size=8)
leaves = (
    st.sampled_from(TEXTS)
    | st.text(max_size=20)
    | st.integers(-(10**13), 10**13)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5), max_leaves=20
)
objects = st.dictionaries(names, values, max_size=8)
contexts = st.dictionaries(
    st.sampled_from(("ip", "traits", "location", "device", "page", "consent", "userAgent", "campaign")),
    values,
    max_size=6,
)
FORBIDDEN = frozenset(Meaning) - {Meaning.PLAIN, Meaning.COUNTRY, Meaning.REGION, Meaning.IP}


def event(properties: dict[str, Any], traits: dict[str, Any], context: dict[str, Any]) -> Event:
    return Event(
        workspace=WorkspaceId("shop"),
        user=UserId("ann"),
        record_id=RecordId("r"),
        id=EventId("e"),
        kind=EventKind.IDENTIFY,
        at_ms=NOW_MS,
        received_ms=NOW_MS,
        properties=properties,
        traits=traits,
        context=context,
    )


def told(found: Event) -> list[Any]:
    """What of an event is reduced by name and value."""
    kept = {"consent": dict, "userAgent": str}
    context = {name: part for name, part in found.context.items() if not isinstance(part, kept.get(name, ()))}
    return [found.properties, found.traits, context]


def pairs(value: Any) -> list[tuple[str, Any]]:
    """Every name with its value, at any depth."""
    if isinstance(value, dict):
        return [pair for name, one in value.items() for pair in [(name, one), *pairs(one)]]
    return [pair for one in value for pair in pairs(one)] if isinstance(value, list) else []


@quick
@given(objects, objects, contexts)
@example({"a": [{"b": {"religion": 1}}]}, {"nested": [{"email": "a@b.example"}]}, {"device": ["ann@shop.example"]})
@example({}, {}, {"userAgent": ["ann@shop.example"], "consent": "ann@shop.example", "location": "ann@shop.example"})
def test_what_must_not_be_stored_is_not(properties: dict[str, Any], traits: dict[str, Any], context: Any) -> None:
    found = reduced(event(properties, traits, context), RULES)

    meanings: Meanings = RULES.meanings
    for name, value in pairs(told(found)):
        meaning = meanings[name]
        assert meaning not in FORBIDDEN or (isinstance(value, bool) and meaning is not Meaning.SENSITIVE), name
        if meaning is Meaning.IP:
            assert value in {"192.0.2.0", "2001:db8::"}
    text = json.dumps(told(found))
    assert "ann@shop.example" not in text
    assert "192.0.2.77" not in json.dumps([found.properties.get("ip"), found.context.get("ip")])


@quick
@given(objects)
def test_of_traits_only_allowed_names_are_left(traits: dict[str, Any]) -> None:
    found = reduced(event({}, traits, {"traits": traits}), RULES)

    basics = {"locale", "timezone", "consent", "age_band", "country", "region"}
    assert set(found.traits) <= {"plan", "nested", *basics}
    assert found.context["traits"] == found.traits
    assert found.traits.get("age_band") in {None, *(name for _, name in BANDS)}


@quick
@given(objects, objects, contexts)
def test_what_was_reduced_is_not_reduced_again(
    properties: dict[str, Any], traits: dict[str, Any], context: Any
) -> None:
    once = reduced(event(properties, traits, context), Rules(kept=("plan", "nested", "age_band")))

    again = reduced(once, Rules(kept=("plan", "nested", "age_band")))

    assert (again.properties, again.traits) == (once.properties, once.traits)
    assert again.context == once.context
