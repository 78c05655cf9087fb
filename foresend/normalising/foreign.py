"""Other senders' shapes, turned into calls of Segment's spec: Snowplow, Metarank, Gorse; and CloudEvents around one."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

import msgspec

Object = dict[str, Any]

_SNOWPLOW = "iglu:com.snowplowanalytics.snowplow/"
_METARANK = frozenset({"item", "user", "ranking", "interaction"})
_GORSE = frozenset({"FeedbackType", "UserId", "ItemId"})


def cloud_event_data(value: Any) -> Any:
    """What a CloudEvent 1.0 carries, in structured form or as its conformance tests write it; None where it is none."""
    if not isinstance(value, dict):
        return None
    attributes = value.get("ContextAttributes", value)
    if not isinstance(attributes, dict) or not {"specversion", "type", "source", "id"} <= attributes.keys():
        return None
    data = value.get("data", value.get("Data"))
    if data is None and isinstance(value.get("data_base64"), str):
        data = _from_base64(value["data_base64"])
    parsed = _from_json(data) if isinstance(data, (str, bytes)) else data
    return {} if parsed is None else parsed


def snowplow_calls(value: Any) -> list[Object] | None:
    """The calls of a request of a Snowplow tracker; None where it is none."""
    if not isinstance(value, dict) or not str(value.get("schema", "")).startswith(f"{_SNOWPLOW}payload_data/"):
        return None
    data = value.get("data")
    return [_snowplow_call(one) for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _snowplow_call(one: Object) -> Object:
    call: Object = {
        "messageId": one.get("eid"),
        "userId": one.get("uid"),
        "anonymousId": one.get("duid") or one.get("nuid"),
        "timestamp": _iso(one.get("dtm")),
        "sentAt": _iso(one.get("stm")),
        "context": {name: one[field] for name, field in (("locale", "lang"), ("timezone", "tz")) if one.get(field)},
    }
    page = {
        name: one[field] for name, field in (("url", "url"), ("title", "page"), ("referrer", "refr")) if field in one
    }
    match one.get("e"):
        case "ue":
            return {**call, **_self_described(one)}
        case "pv":
            return {**call, "type": "page", "name": one.get("page"), "properties": page}
        case "se":
            named = {"category": "se_ca", "label": "se_la", "property": "se_pr", "value": "se_va"}
            properties = {name: one[field] for name, field in named.items() if field in one}
            return {**call, "type": "track", "event": one.get("se_ac"), "properties": properties}
        case _:
            return {**call, "type": "unknown"}


def _self_described(one: Object) -> Object:
    """A call of Segment's in an event that describes itself; of another schema, a track call of that name."""
    packed = one.get("ue_px")
    inner = _from_json(_from_base64(packed) if isinstance(packed, str) else one.get("ue_pr"))
    event = inner.get("data") if isinstance(inner, dict) else None
    if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
        return {"type": "unknown"}
    vendor, _, rest = str(event.get("schema", "")).removeprefix("iglu:").partition("/")
    name = rest.partition("/")[0]
    if vendor == "com.segment":
        return {**event["data"], "type": name}
    return {"type": "track", "event": name, "properties": event["data"]}


def metarank_call(value: Any) -> Object | None:
    """The call of one event of Metarank that has a user (`doc/event-schema.md`); None where it is none."""
    if not isinstance(value, dict) or value.get("event") not in _METARANK or not {"id", "timestamp"} <= value.keys():
        return None
    fields = {
        one["name"]: one.get("value") for one in value.get("fields") or [] if isinstance(one, dict) and "name" in one
    }
    call: Object = {
        "messageId": value["id"],
        "userId": value.get("user"),
        "anonymousId": value.get("session"),
        "timestamp": _iso(value["timestamp"]),
    }
    match value["event"]:
        case "user":
            return {**call, "type": "identify", "traits": fields}
        case "interaction":
            properties = {**fields, "product_id": value.get("item"), "ranking": value.get("ranking")}
            return {**call, "type": "track", "event": value.get("type"), "properties": _without_none(properties)}
        case "ranking":
            items = [
                {"product_id": one.get("id"), "position": place}
                for place, one in enumerate(value.get("items") or [], 1)
                if isinstance(one, dict)
            ]
            properties = {**fields, "products": items}
            return {**call, "type": "track", "event": "Product List Viewed", "properties": properties}
        case _:
            return {"type": "item"}


def gorse_calls(value: Any) -> list[Object] | None:
    """The calls of feedback as Gorse takes it, one or a list; None where it is none."""
    rows = value if isinstance(value, list) else [value]
    if not rows or not all(isinstance(row, dict) and row.keys() >= _GORSE for row in rows):
        return None
    return [
        {
            "type": "track",
            "event": row["FeedbackType"],
            "userId": row["UserId"],
            "timestamp": row.get("Timestamp") or None,
            "properties": _without_none({"product_id": row["ItemId"], "value": row.get("Value")}),
        }
        for row in rows
    ]


def _without_none(values: Object) -> Object:
    return {name: value for name, value in values.items() if value is not None}


def _iso(millis: Any) -> str | None:
    """Milliseconds since 1970, as Snowplow and Metarank write them, in ISO 8601."""
    try:
        return datetime.fromtimestamp(int(millis) / 1000, UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return millis if isinstance(millis, str) else None


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None


def _from_json(data: str | bytes | None) -> Any:
    if data is None:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
