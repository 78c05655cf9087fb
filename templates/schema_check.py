"""Checks documents against the JSON Schemas that are shipped beside this file."""

import difflib
import json
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from templates.problems import Problem
from templates.yaml_files import Document, Path_

SHOWN_MAX = 60
_TYPES = MappingProxyType(
    {
        "object": "names with values",
        "array": "a list",
        "string": "text",
        "number": "a number",
        "integer": "a whole number",
        "boolean": "true or false",
    }
)
_BOUNDS = MappingProxyType(
    {
        "minItems": "at least {} entries",
        "maxItems": "at most {} entries",
        "minProperties": "at least {} entries",
        "maxProperties": "at most {} entries",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "minimum": "at least {}",
        "exclusiveMinimum": "more than {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "less than {}",
    }
)


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads(files("templates").joinpath(f"schemas/{name}.schema.json").read_text("utf-8"))
    return Draft202012Validator(schema)


def schema_problems(document: Document, schema: str) -> list[Problem]:
    """Everything in a document that its schema does not allow."""
    return [
        problem for error in _validator(schema).iter_errors(document.value) for problem in _problems_of(document, error)
    ]


def _problems_of(document: Document, error: ValidationError) -> list[Problem]:
    path: Path_ = tuple(error.absolute_path)
    where = ".".join(map(str, path)) or "the file"
    instance: Any = error.instance
    rules: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties":
        return _unknown_keys(document, path, instance, rules)
    if error.validator == "required":
        missing = error.message.split("'")[1]
        mend = str(rules.get("properties", {}).get(missing, {}).get("description", "Add it."))
        return [document.problem(path, f"{where} lacks {missing!r}", mend)]
    if "propertyNames" in error.absolute_schema_path:
        name = str(instance)
        mend = str(rules.get("description", "Use lower case letters, digits and _, beginning with a letter."))
        return [document.problem((*path, name), f"{name!r} is no name that may stand here", mend)]
    return [document.problem(path, f"{where}: {_told(error)}", str(rules.get("description", "Mend the value.")))]


def _told(error: ValidationError) -> str:
    rule, got = str(error.validator), _shown(error.instance)
    bound: Any = error.validator_value
    instance: Any = error.instance
    if rule == "type":
        kinds = [bound] if isinstance(bound, str) else bound
        return f"expected {' or '.join(_TYPES[kind] for kind in kinds)}, got {got}"
    if rule == "enum":
        return f"expected one of {', '.join(map(str, bound))}, got {got}"
    if rule in _BOUNDS:
        counted = got if "inimum" in rule or "aximum" in rule else len(instance)
        return f"expected {_BOUNDS[rule].format(bound)}, got {counted}"
    if rule == "uniqueItems":
        return "an entry stands there twice"
    return f"{got} has not the form that is expected here"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def _unknown_keys(document: Document, path: Path_, value: dict[str, Any], rules: dict[str, Any]) -> list[Problem]:
    known = list(rules.get("properties", {}))
    problems = []
    for key in value:
        if key in known:
            continue
        near = difflib.get_close_matches(key, known, n=1)
        mend = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
        problems.append(document.problem((*path, key), f"unknown setting {key!r}", mend))
    return problems
