"""What a `foresend.yaml` that its schema allows says, as shapes."""

from typing import Any

from schemas.ids import Locale
from schemas.library import (
    CatalogueSettings,
    ConsentSettings,
    DeclaredFeature,
    FeatureSettings,
    HumanSettings,
    LearningSettings,
    PolicySettings,
    ShiftSettings,
    TagRule,
    TraitSettings,
    WorkspaceSettings,
)
from templates.catalogue_check import ITEM_REMOVED, ITEM_UPDATED
from templates.delivery_building import build_delivery
from templates.values import plain

_UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}


def build_settings(value: dict[str, Any]) -> WorkspaceSettings:
    """The settings in a `foresend.yaml` that its schema allows; what it leaves out has the shapes' defaults."""
    features, learning = value.get("features", {}), value.get("learning", {})
    return WorkspaceSettings(
        default_locale=Locale(value["default_locale"]),
        timezone=value["timezone"],
        tags=tuple(
            TagRule(
                rule["property"], tuple(rule.get("events", ())), float(rule.get("weight", 1.0)), rule.get("prefix", "")
            )
            for rule in value.get("tags", ())
        ),
        features=FeatureSettings(
            **{f"{name}_ms": duration_ms(text) for name, text in features.items() if name != "declared"}
        ),
        policy=PolicySettings.of(value.get("policy", {})),
        shift=ShiftSettings(**value.get("shift", {})),
        learning=_learning(learning),
        link_hosts=tuple(value.get("links", {}).get("hosts", ())),
        consent=_consent(value.get("consent", {})),
        humans=HumanSettings(**value.get("humans", {})),
        traits=TraitSettings(**{name: tuple(names) for name, names in value.get("traits", {}).items()}),
        declared=tuple(_declared(feature) for feature in features.get("declared", ())),
        catalogues=tuple(_catalogue(name, body) for name, body in value.get("catalogues", {}).items()),
        delivery=build_delivery(value),
    )


def _catalogue(name: str, body: dict[str, Any]) -> CatalogueSettings:
    return CatalogueSettings(
        name=name,
        updated=tuple(body.get("updated", ITEM_UPDATED)),
        removed=tuple(body.get("removed", ITEM_REMOVED)),
        id=body["id"],
        parts=tuple(body["parts"].items()),
        tags=tuple(TagRule(rule["property"], prefix=rule.get("prefix", "")) for rule in body.get("tags", ())),
        valid_until=body.get("valid_until", ""),
    )


def _learning(value: dict[str, Any]) -> LearningSettings:
    found: dict[str, Any] = {name: tuple(told) if isinstance(told, list) else told for name, told in value.items()}
    if "attribution_window" in found:
        found["attribution_ms"] = duration_ms(found.pop("attribution_window"))
    return LearningSettings(**found)


def _declared(value: dict[str, Any]) -> DeclaredFeature:
    return DeclaredFeature(
        name=value["name"],
        kind=value["kind"],
        events=tuple(value.get("events", ())),
        property=value.get("property", ""),
        half_life_ms=duration_ms(value["half_life"]) if "half_life" in value else 0,
        window_ms=duration_ms(value["window"]) if "window" in value else 0,
        bound=float(value.get("bound", 0.0)),
        default=float(value.get("default", 0.0)),
    )


def _consent(value: dict[str, Any]) -> ConsentSettings:
    missing = value.get("missing") == "granted"
    if "categories" not in value:
        return ConsentSettings(missing=missing)
    return ConsentSettings(tuple(sorted(value["categories"].items())), missing)


def workspace_values(value: dict[str, Any]) -> dict[str, str]:
    """What layouts print as `{{ workspace.NAME }}`."""
    sender = value["sender"]
    values = {
        **value.get("values", {}),
        "name": value["name"],
        "home_url": value["home_url"],
        "sender_name": sender["name"],
        "sender_email": sender["email"],
        "postal_address": sender["postal_address"],
    }
    return {name: plain(text) for name, text in sorted(values.items())}


def utm_of(value: dict[str, Any]) -> dict[str, str]:
    """The parameters that links carry, as `foresend.yaml` names them; none where it does not."""
    links = value.get("links", {})
    if "utm_source" not in links:
        return {}
    return {"utm_source": links["utm_source"], "utm_medium": links.get("utm_medium", "email")}


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as `14d`.

    >>> duration_ms("14d")
    1209600000
    """
    return int(text[:-1]) * _UNIT_MS[text[-1]]
