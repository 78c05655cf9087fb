"""Checks documents against the JSON Schemas that are shipped beside this file."""

import difflib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from templates.problems import Problem
from templates.yaml_files import Document, Path_

_TYPES = {
    "object": "names with values",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}


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
    about = _about(error)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        return _unknown_keys(document, error, path)
    if error.validator == "required":
        missing = error.message.split("'")[1]
        mend = _of_property(error, missing) or "Add it."
        return [document.problem(path, f"{where} lacks {missing!r}", mend)]
    if "propertyNames" in error.absolute_schema_path:
        name = str(error.instance)
        return [document.problem((*path, name), f"{name!r} is no name that may stand here", about)]
    return [document.problem(path, _told(error, where), about)]


def _told(error: ValidationError, where: str) -> str:
    got = _shown(error.instance)
    match error.validator:
        case "type":
            kinds = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
            return f"{where}: expected {' or '.join(_TYPES.get(kind, kind) for kind in kinds)}, got {got}"
        case "enum":
            return f"{where}: expected one of {', '.join(map(str, error.validator_value))}, got {got}"
        case "pattern":
            return f"{where}: {got} has not the form that is expected here"
        case "minItems" | "maxItems" | "minProperties" | "maxProperties":
            least = "at least" if str(error.validator).startswith("min") else "at most"
            return f"{where}: expected {least} {error.validator_value} entries, got {len(error.instance)}"
        case "minLength" | "maxLength":
            least = "at least" if error.validator == "minLength" else "at most"
            return f"{where}: expected {least} {error.validator_value} characters, got {len(error.instance)}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            words = {
                "minimum": "at least",
                "exclusiveMinimum": "more than",
                "maximum": "at most",
                "exclusiveMaximum": "less than",
            }
            return f"{where}: expected {words[str(error.validator)]} {error.validator_value}, got {got}"
        case "uniqueItems":
            return f"{where}: an entry stands there twice"
        case _:
            return f"{where}: {error.message}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown_keys(document: Document, error: ValidationError, path: Path_) -> list[Problem]:
    known = list(error.schema.get("properties", {}))
    unknown = [key for key in error.instance if key not in known]
    problems = []
    for key in unknown:
        near = difflib.get_close_matches(key, known, n=1)
        mend = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
        problems.append(document.problem((*path, key), f"unknown setting {key!r}", mend))
    return problems


def _about(error: ValidationError) -> str:
    """What the schema says about the value: the nearest description."""
    description = error.schema.get("description") if isinstance(error.schema, dict) else None
    if description is None and error.parent is not None:
        return _about(error.parent)
    return str(description or "Mend the value.")


def _of_property(error: ValidationError, name: str) -> str:
    described = error.schema.get("properties", {}).get(name, {}) if isinstance(error.schema, dict) else {}
    return str(described.get("description", ""))
