"""`/openapi.json`: every route as OpenAPI 3.1 tells it, made from the table that requests are matched by."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from connectors.gateway.answers import Answer, json_body
from connectors.gateway.routing import Request, Route

JSON = "application/json"
PROBLEM = "application/problem+json"
_NAMED = re.compile(r"\{([a-z_]+)\}")
_REF = "#/components/schemas/{name}"
_KEYED = {401: "No valid key", 403: "The key has not the right", 429: "The key asks too often; see Retry-After"}
_PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "type": {"type": "string", "description": "`urn:foresend:problem:` and a word for programs"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The key"},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as the user name, no password"},
}


def openapi_route(routes: Sequence[Route]) -> Route:
    """`GET /openapi.json`, of these routes and itself."""

    async def told(_request: Request) -> Answer:
        return answer

    about = "What each path takes and gives, as OpenAPI"
    own = Route("GET", ("openapi.json",), None, told, about=about, gives={200: JSON})
    answer = json_body(200, document([*routes, own]))
    return own


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document of some routes."""
    shapes = [shape for route in routes for shape in (route.takes, *route.gives.values()) if _is_shape(shape)]
    schemas, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    schema_of = {id(shape): schema for shape, schema in zip(shapes, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes, key=lambda one: (one.name, one.method)):
        paths.setdefault(route.name, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Foresend's gateway", "version": version("foresend"), "license": {"name": "see LICENSE"}},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {**components, "Problem": _PROBLEM_SCHEMA}, "securitySchemes": _SECURITY},
    }


def _operation(route: Route, schema_of: dict[int, dict[str, Any]]) -> dict[str, Any]:
    words = [part.strip("{}").replace("}", "") for part in re.split(r"[/:.]", route.name) if part]
    found: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *words]).replace("-", "_"),
        "summary": route.about,
        "security": [{name: [route.right.value]} for name in _SECURITY] if route.right else [],
        "responses": _responses(route, schema_of),
    }
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _NAMED.findall(route.name)
    ]
    in_query = [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in route.query.items()
    ]
    if in_path or in_query:
        found["parameters"] = [*in_path, *in_query]
    if route.takes is not None:
        media, schema = _media(route.takes, schema_of)
        found["requestBody"] = {"required": True, "content": {media: {"schema": schema}}}
    return found


def _responses(route: Route, schema_of: dict[int, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, shape in (route.gives or {200: JSON}).items():
        media, schema = _media(shape, schema_of)
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": {media: {"schema": schema}}}
    problem = {PROBLEM: {"schema": {"$ref": _REF.format(name="Problem")}}}
    if route.right is not None:
        for status, words in _KEYED.items():
            found.setdefault(str(status), {"description": words, "content": problem})
    found["default"] = {"description": "A problem", "content": problem}
    return found


def _media(shape: Any, schema_of: dict[int, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Media type and schema; of one that is named by its media type alone, anything."""
    if _is_shape(shape):
        return JSON, schema_of[id(shape)]
    return shape, {} if "json" in shape else {"type": "string"}


def _is_shape(shape: Any) -> bool:
    return shape is not None and not isinstance(shape, str)
