"""What is taken out of an event before it is written anywhere; docs/privacy/reduction.md tells it in words."""

import ipaddress
from collections.abc import Iterable
from typing import Any

import msgspec

from connectors.collector.demographics import AGE_BAND, COUNTRY, REGION, age_band, coarse_place, place_name
from connectors.collector.identifying_text import cleaned_text
from connectors.collector.items import ItemRules
from connectors.collector.meanings import Meaning, Meanings
from connectors.mappings.events import SENDER_KINDS
from schemas.events import DEPTH_MAX, Event, EventKind
from schemas.library import ConsentSettings

_V4_BITS = 24
_V6_BITS = 48
_BASIC_TRAITS = frozenset({"locale", "timezone", "consent"})
_TAKEN = frozenset({Meaning.SENSITIVE, Meaning.EMAIL, Meaning.PHONE, Meaning.PERSON, Meaning.SECRET, Meaning.PLACE})
_NEVER_A_TRAIT = _TAKEN - {Meaning.PERSON} | {Meaning.IP}
_PLAIN = Meaning.PLAIN
_AS_IT_IS = frozenset({Meaning.PLAIN, Meaning.COUNTRY, Meaning.REGION})
_DEVICE_TAKEN = frozenset({"name", "token", "advertisingId"})
_CONTEXT_KEPT: dict[str, type] = {"consent": dict, "userAgent": str}
"""Kept as they are where they are what they should be; else they could be anything."""
_CONTEXT_REDUCED = frozenset({"ip", "traits", "location"})
_CONTEXT_APART = _CONTEXT_REDUCED.union(_CONTEXT_KEPT, {"device"})
_NO_VALUE = object()
_TOLD_KINDS = tuple(sorted(SENDER_KINDS, reverse=True))
"""`track` among the first: a tuple is searched by identity, and members of an enumeration are slow to hash."""

Object = dict[str, Any]


class Rules:
    """What one workspace lets through. Without arguments: only the basics.

    kept       names of traits
    bands      names of traits that are a date of birth or an age, beside those known as such
    sensitive  names dropped wherever they stand, beside those known as such
    items      which events tell of a catalogue's items: they are no person's
    consent    what consent objects mean; by it rights are found, nothing is reduced
    """

    def __init__(
        self,
        kept: Iterable[str] = (),
        bands: Iterable[str] = (),
        sensitive: Iterable[str] = (),
        items: ItemRules | None = None,
        consent: ConsentSettings | None = None,
    ) -> None:
        self.kept = _BASIC_TRAITS.union(kept)
        self.bands = frozenset(bands)
        self.meanings = Meanings(sensitive)
        self.items = items or ItemRules()
        self.consent = consent or ConsentSettings()


ONLY_BASICS = Rules()


def reduced(event: Event, rules: Rules) -> Event:
    """The event as it may be stored: the very same where nothing has to go."""
    if event.kind not in _TOLD_KINDS:
        return event
    context = reduced_context(event.context, rules, event.at_ms)
    properties = _reduced_properties(event, rules)
    traits = reduced_traits(event.traits, rules, event.at_ms) if event.traits else event.traits
    if context is event.context and properties is event.properties and traits is event.traits:
        return event
    return msgspec.structs.replace(event, context=context, properties=properties, traits=traits)


def reduced_traits(traits: Object, rules: Rules, at_ms: int) -> Object:
    """Traits by allow-list; of a birthday the age band, of an address country and region. Addresses never."""
    found: Object = {}
    for name, value in traits.items():
        meaning = rules.meanings[name]
        if meaning in _NEVER_A_TRAIT:
            continue
        if meaning is Meaning.BIRTH or name in rules.bands:
            _put(found, AGE_BAND, age_band(value, at_ms))
        elif meaning is Meaning.ADDRESS:
            for part, place in coarse_place(value).items():
                _put(found, part, place)
        elif name in rules.kept:
            kept = _reduced_value(value, rules.meanings, at_ms, 1)
            if kept is not _NO_VALUE:
                found[name] = kept
        elif meaning is Meaning.COUNTRY or meaning is Meaning.REGION:
            _put(found, COUNTRY if meaning is Meaning.COUNTRY else REGION, place_name(value))
    return found


def reduced_context(context: Object, rules: Rules = ONLY_BASICS, at_ms: int = 0) -> Object:
    """The context as it may be stored: networks for addresses, traits and places reduced, URLs without tokens."""
    if not _is_suspicious_context(context, rules.meanings):
        return context
    found: Object = {}
    for name, value in context.items():
        if name in _CONTEXT_APART:
            _put(found, name, _context_part(name, value, rules, at_ms))
        else:
            found |= _rebuilt({name: value}, rules.meanings, at_ms, 1)
    return found


def reduced_values(values: Object, meanings: Meanings, at_ms: int) -> Object:
    """Values by name, at any depth: the same object where nothing has to go, as nearly always."""
    return _rebuilt(values, meanings, at_ms, 1) if _is_suspicious(values, meanings, 1) else values


def network_of(address: Any) -> str | None:
    """The first address of the network: the last octet of IPv4, all after /48 of IPv6 become zero.

    >>> network_of("67.207.109.102"), network_of("2001:db8:1:2::3"), network_of("here")
    ('67.207.109.0', '2001:db8:1::', None)
    """
    if not isinstance(address, str):
        return None
    try:
        found = ipaddress.ip_address(address.strip())
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    found = mapped or found
    bits = _V4_BITS if found.version == 4 else _V6_BITS
    plain = str(found).partition("%")[0]
    return str(ipaddress.ip_network(f"{plain}/{bits}", strict=False).network_address)


def _reduced_properties(event: Event, rules: Rules) -> Object:
    """The ids beside an alias and a group are whose they are: never taken out, however they look."""
    found = reduced_values(event.properties, rules.meanings, event.at_ms)
    if found is not event.properties and event.kind in (EventKind.ALIAS, EventKind.GROUP):
        found |= {name: event.properties[name] for name in ("previousId", "groupId") if name in event.properties}
    return found


def _context_part(name: str, part: Any, rules: Rules, at_ms: int) -> Any:
    """One of the parts of a context with rules of its own; None: it goes."""
    if name == "ip":
        return network_of(part)
    if name == "traits":
        return reduced_traits(part, rules, at_ms) if isinstance(part, dict) else None
    if name == "location":
        return coarse_place(part)
    if name in _CONTEXT_KEPT:
        return part if isinstance(part, _CONTEXT_KEPT[name]) else None
    if isinstance(part, dict):
        # A device's name is nearly always its owner's; the others say which one it is, or reach it.
        kept = {key: value for key, value in part.items() if key not in _DEVICE_TAKEN}
        return reduced_values(kept, rules.meanings, at_ms)
    return None


def _is_suspicious_context(context: Object, meanings: Meanings) -> bool:
    for name, value in context.items():
        if name in _CONTEXT_KEPT:
            if not isinstance(value, _CONTEXT_KEPT[name]):
                return True
            continue
        if name in _CONTEXT_REDUCED or meanings[name] is not _PLAIN or _may_identify(value, meanings, 1):
            return True
        if name == "device" and (type(value) is not dict or not _DEVICE_TAKEN.isdisjoint(value)):
            return True
    return False


def _is_suspicious(values: Object, meanings: Meanings, depth: int) -> bool:
    """Whether something may have to go. Told apart because most events pass, and are then not copied."""
    for name, value in values.items():
        # The bare comparison comes first: this is asked of every name of every event.
        meaning = meanings[name]
        if (meaning is not _PLAIN and meaning not in _AS_IT_IS) or _may_identify(value, meanings, depth):
            return True
    return False


def _may_identify(value: Any, meanings: Meanings, depth: int) -> bool:
    kind = type(value)
    if kind is str:
        return "=" in value or "@" in value or "%40" in value
    if kind is dict:
        return depth <= DEPTH_MAX and _is_suspicious(value, meanings, depth + 1)
    if kind is list:
        return depth <= DEPTH_MAX and any(_may_identify(one, meanings, depth + 1) for one in value)
    return False


def _rebuilt(values: Object, meanings: Meanings, at_ms: int, depth: int) -> Object:
    found: Object = {}
    for name, value in values.items():
        meaning = meanings[name]
        if meaning in _AS_IT_IS:
            kept = _reduced_value(value, meanings, at_ms, depth)
            if kept is not _NO_VALUE:
                found[name] = kept
        elif meaning in _TAKEN:
            # Whether somebody has an address or asked for calls is no address.
            if isinstance(value, bool) and meaning is not Meaning.SENSITIVE:
                found[name] = value
        elif meaning is Meaning.BIRTH:
            _put(found, AGE_BAND, age_band(value, at_ms))
        elif meaning is Meaning.ADDRESS:
            for part, place in coarse_place(value).items():
                _put(found, part, place)
        else:
            _put(found, name, network_of(value))
    return found


def _reduced_value(value: Any, meanings: Meanings, at_ms: int, depth: int) -> Any:
    """A value under a harmless name. Deeper than events may be nested nothing is done: they are refused."""
    if depth > DEPTH_MAX:
        return value
    if isinstance(value, str):
        text = cleaned_text(value, meanings) if _may_identify(value, meanings, depth) else value
        return _NO_VALUE if text is None else text
    if isinstance(value, dict):
        return _rebuilt(value, meanings, at_ms, depth + 1)
    if isinstance(value, list):
        kept = (_reduced_value(one, meanings, at_ms, depth + 1) for one in value)
        return [one for one in kept if one is not _NO_VALUE]
    return value


def _put(found: Object, name: str, value: Any) -> None:
    """Unless it is nothing, or another name told it before."""
    if value is not None:
        found.setdefault(name, value)
